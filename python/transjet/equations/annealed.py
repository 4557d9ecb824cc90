"""The equations along a prescribed path: only the drift and the rate of log z are unknown."""

from __future__ import annotations

from typing import Any

import jax

from transjet.collocation import Points
from transjet.equations.base import Equation
from transjet.equations.drift import LearnedDrift, as_drift, transport
from transjet.errors import ConfigError
from transjet.models import MLP
from transjet.paths import AnnealedPath, BoundaryData, TimeFunction

Array = jax.Array


def log_z_rate(terms: int = 8) -> TimeFunction:
    """d/dt log z(t) as `annealed` has it: scalars rate_0, rate_1, ..."""
    return TimeFunction("rate", terms)


def annealed(path: AnnealedPath, drift: MLP | LearnedDrift, *, sigma: float = 0.0, terms: int = 8) -> Equation:
    """dV_b/dt - d/dt log z + div mu + grad V . mu - sigma^2/2 (|grad V|^2 + Laplacian V) = 0 (arXiv 2407.07873).

    V_b is prescribed, see `AnnealedPath`. Unknowns: "drift" (mu), scalars "rate_0", "rate_1", ... (Chebyshev
    coefficients of d/dt log z), those of a learned schedule and of the drift. Without diffusion: annealed logCE, with
    it: annealed logFP. Unique if mu is a gradient.

    Args:
        path: from prior to target.
        drift: network with d outputs, or a `LearnedDrift`.
        sigma: diffusion coefficient; 0: none, and only first derivatives of the target.
        terms: of d/dt log z; 0: none, for an equation that is centred within slices of time.

    Returns:
        The equation.

    Raises:
        ConfigError: a negative number of terms, or an informed drift with a dilated path.
    """
    mu, half, rate = as_drift(drift), 0.5 * sigma**2, log_z_rate(terms)
    if mu.informed and path.kind == "dilated":
        raise ConfigError("annealed: expected a path with the score of rho at x for an informed drift; got dilated")

    def assemble(points: Points, data: BoundaryData, drift: Any, **scalars: Any) -> Array:
        v = path.jet(points.t, points.x, data, scalars)
        v = v._replace(dt=v.dt - rate(points.t, scalars))
        return transport(v, mu.jet(points.t, drift, data, scalars), half)

    def data(points: Points) -> BoundaryData:
        return path.data(*points, second_order=sigma != 0 or bool(mu.informed))

    scalars = rate.scalars | path.schedule.scalars | mu.pull.scalars
    return Equation({"drift": mu.unknown}, assemble, scalars, data=data, name="annealed")
