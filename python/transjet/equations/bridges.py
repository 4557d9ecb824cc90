"""Drifts of least energy: the Schroedinger bridge, and optimal transport as its limit without noise."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from transjet.collocation import Points
from transjet.equations.base import Equation, Unknown
from transjet.equations.drift import transport
from transjet.models import MLP, DivergenceJet
from transjet.ops import LaplacianJet
from transjet.paths import BoundaryData, BoundaryPath

Array = jax.Array


def schroedinger_bridge(
    path: BoundaryPath, phi: MLP, potential: MLP, *, sigma: float = 1.0, pull: float = 0.0, log_z: float = 0.0
) -> Equation:
    """Two residuals, logFP of (mu, V) and that of Hamilton, Jacobi and Bellman (arXiv 2407.07873).

        dV/dt + div mu + grad V . mu - sigma^2/2 (|grad V|^2 + Laplacian V) = 0,     mu = sigma^2 grad Phi + f
        dPhi/dt + f . grad Phi + sigma^2/2 (|grad Phi|^2 + Laplacian Phi) = 0

    Among the diffusions from the prior to the target this is the one closest to the reference dX = f dt + sigma dW.
    Unknowns: "phi" (Phi), "potential" (phi in V, see `BoundaryPath`) and the scalar "log_z". Unique, but for a constant
    in Phi.

    Args:
        path: from prior to target.
        phi: network with one output.
        potential: network with one output.
        sigma: diffusion coefficient, positive.
        pull: kappa of the reference's drift f = -kappa x.
        log_z: initial value of the scalar.

    Returns:
        The equation.
    """
    half = 0.5 * sigma**2

    def assemble(points: Points, data: BoundaryData, phi: LaplacianJet, potential: LaplacianJet, log_z: Any) -> Array:
        v = path.jet(points.t, data, potential, log_z)
        f = -pull * points.x
        mu = DivergenceJet(2 * half * phi.grad + f, 2 * half * phi.laplacian - pull * points.x.shape[1])
        hjb = phi.dt + jnp.sum((f + half * phi.grad) * phi.grad, axis=1) + half * phi.laplacian
        return jnp.stack([transport(v, mu, half), hjb])

    def data(points: Points) -> BoundaryData:
        return path.data(points.x, second_order=True)

    unknowns = {"phi": Unknown(phi, "laplacian_jet"), "potential": Unknown(potential, "laplacian_jet")}
    return Equation(unknowns, assemble, {"log_z": log_z}, data=data, name="schroedinger_bridge", residuals=2)


def optimal_transport(path: BoundaryPath, phi: MLP, potential: MLP, *, log_z: float = 0.0) -> Equation:
    """Two residuals, logCE of (grad Phi, V) and dPhi/dt + |grad Phi|^2 / 2 = 0 (arXiv 2407.07873).

    Particles move on straight lines, at least squared distance from prior to target. Unknowns: "phi" (Phi), "potential"
    (phi in V, see `BoundaryPath`) and the scalar "log_z". Unique, but for a constant in Phi.

    Args:
        path: from prior to target.
        phi: network with one output.
        potential: network with one output.
        log_z: initial value of the scalar.

    Returns:
        The equation.
    """

    def assemble(points: Points, data: BoundaryData, phi: LaplacianJet, potential: Any, log_z: Any) -> Array:
        v = path.jet(points.t, data, potential, log_z)
        hjb = phi.dt + 0.5 * jnp.sum(phi.grad * phi.grad, axis=1)
        return jnp.stack([transport(v, DivergenceJet(phi.grad, phi.laplacian)), hjb])

    def data(points: Points) -> BoundaryData:
        return path.data(points.x)

    unknowns = {"phi": Unknown(phi, "laplacian_jet"), "potential": Unknown(potential, "gradient_jet")}
    return Equation(unknowns, assemble, {"log_z": log_z}, data=data, name="optimal_transport", residuals=2)
