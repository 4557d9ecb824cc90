"""What random parameters are made of."""

from __future__ import annotations

from typing import Any

import numpy as np


def log_uniform(rng: np.random.Generator, low: float, high: float, size: Any = None) -> Any:
    """Draw numbers whose logarithm is uniform between those of ``low`` and ``high``."""
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


def orthogonal(rng: np.random.Generator, dim: int) -> np.ndarray:
    """Draw an orthogonal matrix (dim, dim) of the uniform (Haar) distribution."""
    q, r = np.linalg.qr(rng.standard_normal((dim, dim)))
    return q * np.sign(np.diag(r))


def variances(rng: np.random.Generator, dim: int, condition: float) -> np.ndarray:
    """Draw ``dim`` >= 2 variances of mean one whose largest is ``condition`` times the least, in random order."""
    exponents = rng.uniform(size=dim)
    values = condition ** ((exponents - exponents.min()) / np.ptp(exponents))
    return values / values.mean()


def shares(rng: np.random.Generator, count: int, ratio: float) -> np.ndarray:
    """Draw ``count`` weights, sum one, none of them more than ``ratio`` times another."""
    weights = log_uniform(rng, 1.0, ratio, count)
    return weights / weights.sum()
