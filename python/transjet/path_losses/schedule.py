"""Times of the steps: how noise, annealing and gates are spread over a path.

The law that particles follow narrows on the way from the prior, of variance V, to modes of variance V / r. A step is
accurate as long as its noise is small beside what is left, so that the steps are spread evenly over the logarithm of
the width, not over the time: r is the `narrowing`, and 1 spreads them evenly over the time.
"""

from __future__ import annotations

import math

import numpy as np

_FINE = 20_001  # points of the table that the noising grid is read from


def annealing(steps: int, narrowing: float) -> np.ndarray:
    """Weights of log rho in the geometric path at states 0 .. K, (K + 1,): the precision grows geometrically."""
    times = np.arange(steps + 1) / steps
    if abs(narrowing - 1) < 1e-6:
        return times
    grown = np.expm1(times * math.log(narrowing))
    return grown / grown[-1]  # which ends at 1 exactly


def noise_left(steps: int, narrowing: float) -> np.ndarray:
    """Share of a constant diffusion's noise that is still to come at states 0 .. K, (K + 1,), from 1 to 0."""
    return annealing(steps, narrowing)[::-1]


def noising_left(steps: int, narrowing: float, total: float) -> np.ndarray:
    """Integral of the rate of an Ornstein-Uhlenbeck process from states 0 .. K to the end, (K + 1,), from total to 0.

    A mode has the variance V / r + V (1 - exp(-B)) about, after it was noised for B; beyond B = 1 only its place
    changes. Steps are even in log(1 + (r - 1)(1 - exp(-B))) + B / 2.
    """
    fine = np.linspace(0, total, _FINE)
    clock = np.log1p((narrowing - 1) * -np.expm1(-fine)) + fine / 2
    return np.interp(np.linspace(0, clock[-1], steps + 1), clock, fine)[::-1]
