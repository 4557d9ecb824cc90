"""The logarithmic Fokker-Planck equation with a free path (logFP)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from transjet.collocation import Points
from transjet.equations.base import Equation, Unknown
from transjet.models import MLP
from transjet.ops import DivergenceJet, LaplacianJet
from transjet.paths import BoundaryData, BoundaryPath

Array = jax.Array


def fokker_planck(
    path: BoundaryPath, drift: MLP, potential: MLP, *, sigma: float = 1.0, log_z: float = 0.0
) -> Equation:
    """dV/dt + div mu + grad V . mu - sigma^2/2 (|grad V|^2 + Laplacian V) = 0 (arXiv 2407.07873, logFP).

    The diffusion dX = mu dt + sigma dW has the log density V. Unknowns: "drift" (mu), "potential" (phi in V, see
    `BoundaryPath`) and the scalar "log_z".

    Args:
        path: from prior to target.
        drift: network with d outputs.
        potential: network with one output.
        sigma: diffusion coefficient, a constant times the identity.
        log_z: initial value of the scalar.

    Returns:
        The equation.
    """
    half = 0.5 * sigma**2

    def assemble(
        points: Points, data: BoundaryData, drift: DivergenceJet, potential: LaplacianJet, log_z: Any
    ) -> Array:
        v = path.jet(points.t, data, potential, log_z)
        transport = v.dt + drift.divergence + jnp.sum(v.grad * drift.value, axis=1)
        return transport - half * (jnp.sum(v.grad * v.grad, axis=1) + v.laplacian)

    unknowns = {"drift": Unknown(drift, "divergence_jet"), "potential": Unknown(potential, "laplacian_jet")}

    def data(points: Points) -> BoundaryData:
        return path.data(points.x, second_order=True)

    return Equation(unknowns, assemble, {"log_z": log_z}, data=data, name="fokker_planck")
