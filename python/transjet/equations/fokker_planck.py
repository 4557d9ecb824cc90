"""The logarithmic Fokker-Planck equation with a free path (logFP)."""

from __future__ import annotations

from typing import Any

import jax

from transjet.collocation import Points
from transjet.equations.base import Equation, Unknown
from transjet.equations.drift import LearnedDrift, as_drift, transport
from transjet.models import MLP
from transjet.ops import LaplacianJet
from transjet.paths import BoundaryData, BoundaryPath

Array = jax.Array


def fokker_planck(
    path: BoundaryPath, drift: MLP | LearnedDrift, potential: MLP, *, sigma: float = 1.0, log_z: float = 0.0
) -> Equation:
    """dV/dt + div mu + grad V . mu - sigma^2/2 (|grad V|^2 + Laplacian V) = 0 (arXiv 2407.07873, logFP).

    The diffusion dX = mu dt + sigma dW has the log density V. Unknowns: "drift" (mu), "potential" (phi in V, see
    `BoundaryPath`), the scalar "log_z" and those of the drift.

    Args:
        path: from prior to target.
        drift: network with d outputs, or a `LearnedDrift`.
        potential: network with one output.
        sigma: diffusion coefficient, a constant times the identity.
        log_z: initial value of the scalar.

    Returns:
        The equation.
    """
    mu, half = as_drift(drift), 0.5 * sigma**2

    def assemble(
        points: Points, data: BoundaryData, drift: Any, potential: LaplacianJet, log_z: Any, **scalars: Any
    ) -> Array:
        return transport(path.jet(points.t, data, potential, log_z), mu.jet(points.t, drift, data, scalars), half)

    unknowns = {"drift": mu.unknown, "potential": Unknown(potential, "laplacian_jet")}

    def data(points: Points) -> BoundaryData:
        return path.data(points.x, second_order=True)

    return Equation(unknowns, assemble, {"log_z": log_z} | mu.pull.scalars, data=data, name="fokker_planck")
