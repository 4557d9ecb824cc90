"""Equations: networks through jets, and one function that assembles the residual.

An `Equation` declares which network goes through which jet, which scalars are unknown as well, and how a residual is
made of them at every point. Linearisation, Gauss-Newton products and the Gram matrix follow: the assembling function
is differentiated with respect to the jets, and the resulting coefficients c = dR/d(jet) are all that the kernels see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from transjet.collocation import Points
from transjet.equations.linearization import Linearization
from transjet.errors import ConfigError, ShapeError
from transjet.models import MLP
from transjet.ops import JETS, Term

Array = jax.Array
Params = dict[str, Any]


class Unknown(NamedTuple):
    """A network and the jet through which the residual sees it."""

    model: MLP
    jet: str


class Batch(NamedTuple):
    """Points with everything about them that does not depend on the parameters.

    Attributes:
        points: where the residual is evaluated.
        data: from the equation's `data`.
        weights: a weight per point in the loss, mean of w R^2, (n,); None: all 1. They make a loss at points drawn
            from one distribution that of another (importance weights).
    """

    points: Points
    data: Any
    weights: Array | None = None


def _no_data(points: Points) -> None:
    return None


@dataclass(frozen=True)
class Equation:
    """A residual R = assemble(points, data, **jets, **scalars), zero at the solution.

    Attributes:
        unknowns: name -> Unknown(model, jet).
        assemble: `(points, data, **jets, **scalars) -> (n,)`. It must treat points independently of each other.
        scalars: name -> initial value of the scalar unknowns.
        scalar_gain: a scalar's parameter is its value divided by this. Gauss-Newton steps prefer small changes of
            parameters; without a gain a network would rather learn a constant than the scalar that is there for it.
        data: `(points) -> pytree`, what depends on the points alone; computed once per batch.
        name: for messages.

    Example:
        The heat equation du/dt = Laplacian u:

        >>> from transjet.models import MLP
        >>> heat = Equation({"u": Unknown(MLP(1, 1), "laplacian_jet")}, lambda points, data, u: u.dt - u.laplacian)
        >>> sorted(heat.unknowns)
        ['u']

    Raises:
        ConfigError: an unknown jet, or a name used twice.
    """

    unknowns: Mapping[str, Unknown]
    assemble: Callable[..., Array]
    scalars: Mapping[str, float] = field(default_factory=dict)
    scalar_gain: float = 20.0
    data: Callable[[Points], Any] = _no_data
    name: str = "equation"

    def __post_init__(self) -> None:
        for name, unknown in self.unknowns.items():
            if unknown.jet not in JETS:
                raise ConfigError(f"{self.name}: {name}: expected a jet among {', '.join(JETS)}; got {unknown.jet!r}")
        shared = set(self.unknowns) & set(self.scalars)
        if shared:
            raise ConfigError(
                f"{self.name}: expected different names for networks and scalars; got {sorted(shared)} twice"
            )

    def init(self, key: Array, dtype: Any = jnp.float32) -> Params:
        """Random parameters: layers of every network, and the scalars' initial values."""
        keys = jax.random.split(key, max(1, len(self.unknowns)))
        layers = {n: u.model.init(k, dtype) for k, (n, u) in zip(keys, self.unknowns.items(), strict=False)}
        return layers | {n: jnp.asarray(v / self.scalar_gain, dtype) for n, v in self.scalars.items()}

    def batch(self, points: Points | Batch) -> Batch:
        """Attach the data to points; a Batch is returned as it is.

        Raises:
            ShapeError: x is not (n, d), or t not (n,).
        """
        if isinstance(points, Batch):
            return points
        points = Points(*points)
        if points.x.ndim != 2 or points.t.shape != points.x.shape[:1]:
            raise ShapeError(
                f"{self.name}: points: expected x (n, d) and t (n,); got {points.x.shape} and {points.t.shape}"
            )
        return Batch(points, self.data(points))

    def residual(self, params: Params, points: Points | Batch) -> Array:
        """R at every point, (n,)."""
        batch = self.batch(points)
        jets = {n: u.model.jet(u.jet, params[n], *batch.points) for n, u in self.unknowns.items()}
        return self._assemble(batch, jets, self.scalar_values(params))

    def scalar_values(self, params: Params) -> dict[str, Array]:
        """The scalar unknowns' values, from their parameters."""
        return {n: self.scalar_gain * params[n] for n in self.scalars}

    def linearize(self, params: Params, points: Points | Batch) -> Linearization:
        """R with its derivatives with respect to the parameters, as a linear operator that is never stored."""
        batch = self.batch(points)
        inputs = {n: u.model.inputs(*batch.points) for n, u in self.unknowns.items()}
        raw = {n: u.model.raw_jet(u.jet, params[n], inputs[n]) for n, u in self.unknowns.items()}
        # A copy of each scalar per point turns the pull-back of ones into that scalar's column of the Jacobian. It is
        # made from the points' times, so that on a mesh it varies as they do.
        scalars = {n: params[n] + 0 * batch.points.t for n in self.scalars}

        def assembled(raw: Any, scalars: Any) -> Array:
            jets = {n: u.model.rescale(raw[n]) for n, u in self.unknowns.items()}
            return self._assemble(batch, jets, self.scalar_values(scalars))

        residual, pull = jax.vjp(assembled, raw, scalars)
        coefficients, columns = pull(jnp.ones_like(residual))
        terms = {
            n: Term(u.jet, params[n], *inputs[n], coefficients[n], u.model.activation, None, u.model.backend)
            for n, u in self.unknowns.items()
        }
        return Linearization(residual, terms, columns, {n: params[n] for n in self.scalars})

    def gram(self, params: Params, points: Points | Batch) -> Array:
        """J J^T, (n, n), over all unknowns."""
        return self.linearize(params, points).gram()

    def gauss_newton(self, params: Params, points: Points | Batch, v: Params, weights: Array | None = None) -> Params:
        """J^T W J v, of the structure of the parameters."""
        return self.linearize(params, points).gauss_newton(v, weights)

    def _assemble(self, batch: Batch, jets: dict[str, Any], scalars: dict[str, Array]) -> Array:
        residual = self.assemble(batch.points, batch.data, **jets, **scalars)
        expected = batch.points.t.shape
        if jnp.shape(residual) != expected:
            raise ShapeError(
                f"{self.name}: assemble: expected a residual of shape {expected}; got {jnp.shape(residual)}"
            )
        return residual
