"""The logarithmic continuity equation with a free path (logCE)."""

from __future__ import annotations

from typing import Any

import jax

from transjet.collocation import Points
from transjet.equations.base import Equation, Unknown
from transjet.equations.drift import LearnedDrift, as_drift, transport
from transjet.models import MLP
from transjet.ops import GradientJet
from transjet.paths import BoundaryData, BoundaryPath

Array = jax.Array


def continuity(path: BoundaryPath, drift: MLP | LearnedDrift, potential: MLP, *, log_z: float = 0.0) -> Equation:
    """dV/dt + div mu + grad V . mu = 0, first derivatives only (arXiv 2407.07873, logCE).

    Unknowns: "drift" (mu), "potential" (phi in V, see `BoundaryPath`), the scalar "log_z" and those of the drift.

    Args:
        path: from prior to target.
        drift: network with d outputs, or a `LearnedDrift`.
        potential: network with one output.
        log_z: initial value of the scalar.

    Returns:
        The equation.
    """
    mu = as_drift(drift)

    def assemble(
        points: Points, data: BoundaryData, drift: Any, potential: GradientJet, log_z: Any, **scalars: Any
    ) -> Array:
        return transport(path.jet(points.t, data, potential, log_z), mu.jet(points.t, drift, data, scalars))

    unknowns = {"drift": mu.unknown, "potential": Unknown(potential, "gradient_jet")}

    def data(points: Points) -> BoundaryData:
        return path.data(points.x, second_order=bool(mu.informed))

    return Equation(unknowns, assemble, {"log_z": log_z} | mu.pull.scalars, data=data, name="continuity")
