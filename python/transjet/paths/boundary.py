"""The path from prior to target with both boundary conditions built in.

    V(x, t) = (1 - t) log p_prior(x) + t (log rho(x) - log z) + t (1 - t) phi(x, t),     0 <= t <= 1

with phi a network and log z an unknown scalar: V is log p_prior at t = 0 and log rho - log z at t = 1 whatever phi is
(arXiv 2407.07873). What depends on the points alone is computed once per batch of points, as `BoundaryData`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from transjet.paths.prior import GaussianPrior

Array = jax.Array


class BoundaryData(NamedTuple):
    """Log densities and derivatives at n points; the Laplacians are None where no second order was asked for."""

    log_prior: Array  # (n,)
    grad_prior: Array  # (n, d)
    log_rho: Array  # (n,)
    grad_rho: Array  # (n, d)
    lap_prior: Array | None = None  # (n,)
    lap_rho: Array | None = None  # (n,)


class PathJet(NamedTuple):
    """V and its derivatives at n points."""

    value: Array  # (n,)
    dt: Array  # (n,)
    grad: Array  # (n, d)
    laplacian: Any = None  # (n,), or None


def _laplacian(f: Callable[[Array], Array], x: Array) -> Array:
    """Sum of second derivatives of f at one point, one direction at a time so that memory stays that of a gradient."""
    basis = jnp.eye(x.shape[0], dtype=x.dtype)
    return jnp.sum(jax.lax.map(lambda v: jax.jvp(jax.grad(f), (x,), (v,))[1] @ v, basis))


@dataclass(frozen=True)
class BoundaryPath:
    """The ansatz above between a prior and a log density `log_rho(x (d,)) -> scalar`."""

    prior: GaussianPrior
    log_rho: Callable[[Array], Array]

    def data(self, x: Array, *, second_order: bool = False) -> BoundaryData:
        """Everything about points x (n, d) that does not depend on the unknowns."""
        log_rho, grad_rho = jax.vmap(jax.value_and_grad(self.log_rho))(x)
        first = BoundaryData(self.prior.log_density(x), self.prior.grad(x), log_rho, grad_rho)
        if not second_order:
            return first
        lap_rho = jax.vmap(lambda point: _laplacian(self.log_rho, point))(x)
        return first._replace(lap_prior=self.prior.laplacian(x), lap_rho=lap_rho)

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
        s, bump = 1 - t, t * (1 - t)
        rho = data.log_rho - log_z
        value = s * data.log_prior + t * rho + bump * phi.value
        dt = rho - data.log_prior + (1 - 2 * t) * phi.value + bump * phi.dt
        grad = s[:, None] * data.grad_prior + t[:, None] * data.grad_rho + bump[:, None] * phi.grad
        if data.lap_prior is None or data.lap_rho is None or not hasattr(phi, "laplacian"):
            return PathJet(value, dt, grad)
        return PathJet(value, dt, grad, s * data.lap_prior + t * data.lap_rho + bump * phi.laplacian)
