"""Random Gaussians, ill-conditioned ones among them."""

from __future__ import annotations

import numpy as np

from transjet.targets.families.core import Core
from transjet.targets.families.drawing import log_uniform, orthogonal, variances
from transjet.targets.families.elliptical import elliptical_mixture


def gaussian(rng: np.random.Generator, dim: int) -> Core:
    """Draw a Gaussian whose covariance has a condition number between 1 and 10^4 and random axes."""
    condition = float(log_uniform(rng, 1.0, 1e4))
    scales = np.sqrt(variances(rng, dim, condition))
    return elliptical_mixture(
        np.zeros((1, dim)),
        orthogonal(rng, dim)[None],
        scales[None],
        np.ones(1),
        description=f"a Gaussian of condition number {condition:.3g}",
    )
