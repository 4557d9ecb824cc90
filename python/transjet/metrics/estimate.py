"""A figure together with its standard error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Estimate(NamedTuple):
    """A figure estimated from independent samples.

    Attributes:
        value: the figure.
        std_error: standard deviation of the figure over repetitions with fresh samples, itself estimated.
    """

    value: float
    std_error: float

    def __str__(self) -> str:
        return f"{self.value:.5g} +- {self.std_error:.1g}"


def from_influence(value: float, influence: np.ndarray) -> Estimate:
    """Return the estimate whose n samples have the given influences on it (the delta method).

    Args:
        value: the figure.
        influence: (n,) first-order change of n times the figure by each sample; its mean is zero up to
            rounding.

    Returns:
        The figure with standard error std(influence) / sqrt(n).
    """
    return Estimate(float(value), float(np.std(influence, ddof=1) / np.sqrt(len(influence))))
