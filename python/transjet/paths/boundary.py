"""The path from prior to target with both boundary conditions built in.

    V(x, t) = (1 - b) log p_prior(x) + b (log rho(x) - log z) + t (1 - t) phi(x, t),     0 <= t <= 1

with phi a network, log z an unknown scalar and b(t) rising from 0 to 1: V is log p_prior at t = 0 and log rho - log z
at t = 1 whatever phi is (arXiv 2407.07873, where b = t). What depends on the points alone is computed once per batch of
points, as `BoundaryData`.

Where the target is much narrower than the prior, b = t leaves nearly all of the contraction to the first moments; where
it is much wider, all of the expansion to the last. With a precision ratio r and a variance ratio q,

    b = q (e^ct - 1) / ((r - 1) q + (q - 1) e^ct),     c = log(r q):

for q = 1 the precision (1 - b) / s^2 + b r / s^2 of the path from N(0, s^2) to N(0, s^2 / r) is r^t / s^2, the same
relative change at all times; for r = 1 that holds of the path to N(0, q s^2); with both, b grows in proportion to
(b + 1 / (r - 1)) (1 - b + 1 / (q - 1)), so that narrow and wide regions of one target each get their share of time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from transjet.errors import ConfigError
from transjet.paths.data import target_data
from transjet.paths.mixture_prior import Prior

Array = jax.Array


class BoundaryData(NamedTuple):
    """Log densities and derivatives at n points; the Laplacians are None where no second order was asked for."""

    log_prior: Array  # (n,)
    grad_prior: Array  # (n, d)
    log_rho: Array  # (n,)
    grad_rho: Array  # (n, d)
    lap_prior: Array | None = None  # (n,)
    lap_rho: Array | None = None  # (n,)

    def blended(self, share: Array) -> BoundaryData:
        """Those of the target prior^(1 - share) rho^share, geometrically between prior and target; share a scalar."""

        def blend(prior: Array, rho: Array) -> Array:
            return prior + share * (rho - prior)

        lap = None if self.lap_rho is None or self.lap_prior is None else blend(self.lap_prior, self.lap_rho)
        log_rho, grad_rho = blend(self.log_prior, self.log_rho), blend(self.grad_prior, self.grad_rho)
        return self._replace(log_rho=log_rho, grad_rho=grad_rho, lap_rho=lap)


class PathJet(NamedTuple):
    """V and its derivatives at n points."""

    value: Array  # (n,)
    dt: Array  # (n,)
    grad: Array  # (n, d)
    laplacian: Any = None  # (n,), or None


@dataclass(frozen=True)
class BoundaryPath:
    """The ansatz above between a prior and a log density.

    Attributes:
        prior: at t = 0.
        log_rho: `(x (d,)) -> scalar`, at t = 1.
        precision_ratio: r of b(t), about the prior's variance over that of a narrow region of the target.
        variance_ratio: q of b(t), about that of a wide region over the prior's; with both 1, b = t.
        score_clip: longest gradient of log_rho that its data hold; 0: any length. For training alone: the derivatives
            are those of no function any more, so densities of samples must be computed on a path without it.
        share: `(t (n,)) -> (b, db/dt)`, in place of the ratios' b.

    Raises:
        ConfigError: a ratio below 1, or not finite.
    """

    prior: Prior
    log_rho: Callable[[Array], Array]
    precision_ratio: float = 1.0
    variance_ratio: float = 1.0
    score_clip: float = 0.0
    share: Callable[[Array], tuple[Array, Array]] | None = None

    def __post_init__(self) -> None:
        for name in ("precision_ratio", "variance_ratio"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 1):
                raise ConfigError(f"path: {name}: expected a number of 1 or more; got {getattr(self, name)}")

    def schedule(self, t: Array) -> tuple[Array, Array]:
        """b(t) and db/dt."""
        if self.share is not None:
            return self.share(t)
        r, q = self.precision_ratio, self.variance_ratio
        if r * q == 1:
            return t, jnp.ones_like(t)
        rate = jnp.asarray(math.log(r * q), t.dtype)
        grown, below = jnp.exp(rate * t), (r - 1) * q + (q - 1) * jnp.exp(rate * t)
        end = jnp.expm1(rate) / (
            (r - 1) * q + (q - 1) * jnp.exp(rate)
        )  # as at t = 1, so that b(1) is 1 to the last bit
        return jnp.expm1(rate * t) / below / end, rate * (r * q - 1) * grown / below**2 / end

    def data(self, x: Array, *, second_order: bool = False) -> BoundaryData:
        """Everything about points x (n, d) that does not depend on the unknowns."""
        rho = target_data(self.log_rho, x, second_order, self.score_clip)
        lap = self.prior.laplacian(x) if second_order else None
        return BoundaryData(self.prior.log_density(x), self.prior.grad(x), *rho[:2], lap, rho[2])

    def jet(self, t: Array, data: BoundaryData, phi: Any, log_z: Array) -> PathJet:
        """V's jet from that of phi (a GradientJet or LaplacianJet) and log z.

        Args:
            t: times, (n,).
            data: from `data` at the same points.
            phi: jet of the network phi.
            log_z: scalar.

        Returns:
            PathJet; its Laplacian is None unless both data and phi carry one.
        """
        b, db = self.schedule(t)
        s, bump = 1 - b, t * (1 - t)
        rho = data.log_rho - log_z
        value = s * data.log_prior + b * rho + bump * phi.value
        dt = db * (rho - data.log_prior) + (1 - 2 * t) * phi.value + bump * phi.dt
        grad = s[:, None] * data.grad_prior + b[:, None] * data.grad_rho + bump[:, None] * phi.grad
        if data.lap_prior is None or data.lap_rho is None or not hasattr(phi, "laplacian"):
            return PathJet(value, dt, grad)
        return PathJet(value, dt, grad, s * data.lap_prior + b * data.lap_rho + bump * phi.laplacian)
