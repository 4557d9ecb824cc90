"""A problem: an equation, and what its unknowns say about the flow of particles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax

from transjet.collocation import Drift
from transjet.equations import Equation, Params
from transjet.paths import PathJet
from transjet.transport import Field

Array = jax.Array
LogDensity = Callable[[Array, Array], PathJet]
"""`(x (n, d), t (n,)) -> PathJet(value (n,), dt (n,), grad (n, d), ...)` of V."""


@dataclass(frozen=True)
class Problem:
    """All that a sampler knows about a method.

    Attributes:
        equation: whose residual is trained to vanish.
        field: `(params) -> Field`, the deterministic flow mu - sigma^2/2 grad V with its divergence. Its particles
            have the log density V when the equation is solved, whatever sigma is; with V at hand
            mu_s = flow + s^2/2 grad V is the drift of the diffusion with coefficient s and the same densities.
        drift: `(params) -> Drift`, what collocation along trajectories follows.
        log_density: `(params) -> LogDensity`, V with its first derivatives; None where the method has no V.
    """

    equation: Equation
    field: Callable[[Params], Field]
    drift: Callable[[Params], Drift]
    log_density: Callable[[Params], LogDensity] | None = None
