"""Equations: networks through jets, and one function that assembles the residual.

An `Equation` declares which network goes through which jet, which scalars are unknown as well, and how a residual is
made of them at every point. Linearisation, Gauss-Newton products and the Gram matrix follow: the assembling function
is differentiated with respect to the jets, and the resulting coefficients c = dR/d(jet) are all that the kernels see.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from transjet.collocation import Points
from transjet.equations.linearization import Linearization, centre
from transjet.errors import ConfigError, ShapeError
from transjet.models import MLP, is_factorised, plain_layers
from transjet.ops import JETS, Term, hutchinson_directions

Array = jax.Array
Params = dict[str, Any]


class Unknown(NamedTuple):
    """A network and the jet through which the residual sees it.

    Attributes:
        model: the network.
        jet: name of the jet.
        directions: how many random directions estimate its divergence or Laplacian in a batch that was given a key;
            0: these are exact.
        kind: of directions, as in `ops.hutchinson_directions`.
    """

    model: MLP
    jet: str
    directions: int = 0
    kind: str = "rademacher"


class Batch(NamedTuple):
    """Points with everything about them that does not depend on the parameters.

    Attributes:
        points: where the residual is evaluated.
        data: from the equation's `data`.
        weights: a weight per point in the loss, mean of w R^2, (n,); None: all 1. They make a loss at points drawn
            from one distribution that of another (importance weights).
        directions: per unknown its random directions, (n, k, d); None: exact divergences and Laplacians. R is then an
            unbiased estimate of the residual, linear in what is estimated.
    """

    points: Points
    data: Any
    weights: Array | None = None
    directions: Mapping[str, Array] | None = None

    def directions_of(self, name: str) -> Array | None:
        """The directions of an unknown, (n, k, d), or None."""
        return None if self.directions is None else self.directions.get(name)


def _no_data(points: Points) -> None:
    return None


@dataclass(frozen=True)
class Equation:
    """A residual R = assemble(points, data, **jets, **scalars), zero at the solution.

    Attributes:
        unknowns: name -> Unknown(model, jet).
        assemble: `(points, data, **jets, **scalars) -> (n,)`, or (k, n) with k = `residuals` above 1. It must treat
            points independently of each other.
        scalars: name -> initial value of the scalar unknowns.
        scalar_gain: a scalar's parameter is its value divided by this. Gauss-Newton steps prefer small changes of
            parameters; without a gain a network would rather learn a constant than the scalar that is there for it.
        data: `(points) -> pytree`, what depends on the points alone; computed once per batch.
        name: for messages.
        residuals: k, how many residuals a point has. With k above 1 R is (k n,), the first residual at all points
            before the second.
        weights: w_1 ... w_k, positive factors of the residuals' squares in the loss; None: all 1.
        centred: m, a number of slices; 0: none. Points come in m slices of equal size, each at one time, and from every
            residual its mean over the slice is taken away: the loss is that for the best function of time added to it,
            so that no unknown is needed for such a function.

    Example:
        The heat equation du/dt = Laplacian u:

        >>> from transjet.models import MLP
        >>> heat = Equation({"u": Unknown(MLP(1, 1), "laplacian_jet")}, lambda points, data, u: u.dt - u.laplacian)
        >>> sorted(heat.unknowns)
        ['u']

    Raises:
        ConfigError: an unknown jet, a name used twice, fewer than one residual, weights that do not fit, or a negative
            number of slices.
    """

    unknowns: Mapping[str, Unknown]
    assemble: Callable[..., Array]
    scalars: Mapping[str, float] = field(default_factory=dict)
    scalar_gain: float = 20.0
    data: Callable[[Points], Any] = _no_data
    name: str = "equation"
    residuals: int = 1
    weights: Any = None
    centred: int = 0

    def __post_init__(self) -> None:
        for name, unknown in self.unknowns.items():
            if unknown.jet not in JETS:
                raise ConfigError(f"{self.name}: {name}: expected a jet among {', '.join(JETS)}; got {unknown.jet!r}")
            if unknown.directions and unknown.jet == "gradient_jet":
                raise ConfigError(f"{self.name}: {name}: gradient_jet has no trace to estimate; leave directions at 0")
        shared = set(self.unknowns) & set(self.scalars)
        if shared:
            raise ConfigError(
                f"{self.name}: expected different names for networks and scalars; got {sorted(shared)} twice"
            )
        if self.residuals < 1 or self.centred < 0:
            raise ConfigError(
                f"{self.name}: expected residuals >= 1 and centred >= 0; got {self.residuals} and {self.centred}"
            )
        self._check_weights()

    def _check_weights(self) -> None:
        if self.weights is None:
            return
        # Weights that adapt are arrays of a traced program, of which no value is known here.
        fixed = isinstance(self.weights, tuple)
        shape = (len(self.weights),) if fixed else jnp.shape(self.weights)
        if shape != (self.residuals,):
            raise ConfigError(f"{self.name}: weights: expected {self.residuals}, one a residual; got shape {shape}")
        if fixed and not all(0 < w < math.inf for w in self.weights):
            raise ConfigError(f"{self.name}: weights: expected positive numbers; got {self.weights}")

    def weighted(self, weights: Any) -> Equation:
        """The same equation with other weights of its residuals, (k,) or None."""
        return replace(self, weights=weights)

    def init(self, key: Array, dtype: Any = jnp.float32) -> Params:
        """Random parameters: layers of every network, and the scalars' initial values."""
        keys = jax.random.split(key, max(1, len(self.unknowns)))
        layers = {n: u.model.init(k, dtype) for k, (n, u) in zip(keys, self.unknowns.items(), strict=False)}
        return layers | {n: jnp.asarray(v / self.scalar_gain, dtype) for n, v in self.scalars.items()}

    def with_directions(self, count: int, kind: str = "rademacher") -> Equation:
        """The same equation with every divergence and Laplacian of a network estimated in batches that get a key.

        Args:
            count: k, random directions per point and step; 0: exact.
            kind: as in `ops.hutchinson_directions`; "rademacher" has the least variance for networks' Jacobians whose
                diagonal dominates, "coordinates" for those whose diagonal varies little.

        Raises:
            ConfigError: a negative count.
        """
        if not isinstance(count, int) or count < 0:
            raise ConfigError(f"{self.name}: directions: expected an integer of at least 0; got {count!r}")
        unknowns = {
            n: u if u.jet == "gradient_jet" else u._replace(directions=count, kind=kind)
            for n, u in self.unknowns.items()
        }
        return replace(self, unknowns=unknowns)

    def batch(self, points: Points | Batch, key: Array | None = None) -> Batch:
        """Attach the data to points; a Batch is returned as it is.

        Args:
            points: x (n, d) and t (n,).
            key: draws the random directions of unknowns that ask for them, independently for each point; None: all
                divergences and Laplacians are exact.

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
        return Batch(points, self.data(points), directions=self._directions(points, key))

    def _directions(self, points: Points, key: Array | None) -> dict[str, Array] | None:
        asking = {n: u for n, u in self.unknowns.items() if u.directions}
        if key is None or not asking:
            return None
        n, d = points.x.shape
        return {
            name: hutchinson_directions(k, u.directions, d, points=n, kind=u.kind, dtype=points.x.dtype)
            for k, (name, u) in zip(jax.random.split(key, len(asking)), asking.items(), strict=True)
        }

    def residual(self, params: Params, points: Points | Batch) -> Array:
        """R at every point, (k n,), weighted and centred as the attributes say."""
        batch = self.batch(points)
        jets = {
            n: u.model.jet(u.jet, params[n], *batch.points, directions=batch.directions_of(n))
            for n, u in self.unknowns.items()
        }
        return centre(self._assemble(batch, jets, self.scalar_values(params)).ravel(), self._slices(batch))

    def scalar_values(self, params: Params) -> dict[str, Array]:
        """The scalar unknowns' values, from their parameters."""
        return {n: self.scalar_gain * params[n] for n in self.scalars}

    def linearize(self, params: Params, points: Points | Batch) -> Linearization:
        """R with its derivatives with respect to the parameters, as a linear operator that is never stored."""
        batch = self.batch(points)
        inputs = {n: u.model.inputs(*batch.points) for n, u in self.unknowns.items()}
        directions = {n: batch.directions_of(n) for n in self.unknowns}
        raw = {n: u.model.raw_jet(u.jet, params[n], inputs[n], directions[n]) for n, u in self.unknowns.items()}
        # A copy of each scalar per point turns the pull-back of ones into that scalar's column of the Jacobian. It is
        # made from the points' times, so that on a mesh it varies as they do.
        scalars = {n: params[n] + 0 * batch.points.t for n in self.scalars}

        def assembled(raw: Any, scalars: Any) -> Array:
            jets = {n: u.model.rescale(raw[n]) for n, u in self.unknowns.items()}
            return self._assemble(batch, jets, self.scalar_values(scalars))

        residual, pull = jax.vjp(assembled, raw, scalars)
        coefficients, columns = self._pulled(pull, residual)
        terms = {n: self._term(n, params[n], inputs[n], coefficients[n], directions[n]) for n in self.unknowns}
        slices = self._slices(batch)
        values = {n: params[n] for n in self.scalars}
        factorised = {n: params[n] for n in self.unknowns if is_factorised(params[n])}
        return Linearization(centre(residual.ravel(), slices), terms, columns, values, factorised, slices)

    def _pulled(self, pull: Any, residual: Array) -> tuple[Any, Any]:
        """dR/d(jets) and dR/d(scalars), rows of the first residual before those of the second."""
        ones = jnp.ones_like(residual)
        if self.residuals == 1:
            return pull(ones)
        each = jax.vmap(pull)(jnp.eye(self.residuals, dtype=residual.dtype)[:, :, None] * ones)
        return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), each)

    def _term(self, name: str, params: Any, inputs: Any, coefficients: Any, directions: Array | None) -> Term:
        """A network's term; every point is there once for each of its residuals."""
        unknown, k = self.unknowns[name], self.residuals
        x, tau, dtau = inputs
        if k > 1:
            x, tau, dtau = (jnp.tile(a, (k, 1)) for a in inputs)
            directions = None if directions is None else jnp.tile(directions, (k, 1, 1))
        model = unknown.model
        layers = plain_layers(params)
        return Term(unknown.jet, layers, x, tau, dtau, coefficients, model.activation, directions, model.backend)

    def gram(self, params: Params, points: Points | Batch) -> Array:
        """J J^T, (k n, k n), over all unknowns."""
        return self.linearize(params, points).gram()

    def gauss_newton(self, params: Params, points: Points | Batch, v: Params, weights: Array | None = None) -> Params:
        """J^T W J v, of the structure of the parameters."""
        return self.linearize(params, points).gauss_newton(v, weights)

    def _assemble(self, batch: Batch, jets: dict[str, Any], scalars: dict[str, Array]) -> Array:
        """The residuals, weighted: (n,), or (k, n)."""
        residual = self.assemble(batch.points, batch.data, **jets, **scalars)
        (n,) = batch.points.t.shape
        expected = (n,) if self.residuals == 1 else (self.residuals, n)
        if jnp.shape(residual) != expected:
            raise ShapeError(
                f"{self.name}: assemble: expected a residual of shape {expected}; got {jnp.shape(residual)}"
            )
        if self.weights is None:
            return residual
        roots = jnp.sqrt(jnp.asarray(self.weights, residual.dtype))
        return roots[0] * residual if self.residuals == 1 else roots[:, None] * residual

    def _slices(self, batch: Batch) -> int:
        """How many slices R consists of, over all residuals; 0: it is not centred."""
        (n,) = batch.points.t.shape
        if self.centred and n % self.centred:
            raise ShapeError(f"{self.name}: points: expected a multiple of {self.centred} for as many slices; got {n}")
        return self.residuals * self.centred
