"""The logarithmic continuity equation with a free path (logCE)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from transjet.collocation import Points
from transjet.equations.base import Equation, Unknown
from transjet.models import MLP
from transjet.ops import DivergenceJet, GradientJet
from transjet.paths import BoundaryData, BoundaryPath

Array = jax.Array


def continuity(path: BoundaryPath, drift: MLP, potential: MLP, *, log_z: float = 0.0) -> Equation:
    """dV/dt + div mu + grad V . mu = 0, first derivatives only (arXiv 2407.07873, logCE).

    Unknowns: "drift" (mu), "potential" (phi in V, see `BoundaryPath`) and the scalar "log_z".

    Args:
        path: from prior to target.
        drift: network with d outputs.
        potential: network with one output.
        log_z: initial value of the scalar.

    Returns:
        The equation.
    """

    def assemble(points: Points, data: BoundaryData, drift: DivergenceJet, potential: GradientJet, log_z: Any) -> Array:
        v = path.jet(points.t, data, potential, log_z)
        return v.dt + drift.divergence + jnp.sum(v.grad * drift.value, axis=1)

    unknowns = {"drift": Unknown(drift, "divergence_jet"), "potential": Unknown(potential, "gradient_jet")}

    def data(points: Points) -> BoundaryData:
        return path.data(points.x)

    return Equation(unknowns, assemble, {"log_z": log_z}, data=data, name="continuity")
