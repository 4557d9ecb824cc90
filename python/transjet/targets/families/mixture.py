"""Random mixtures of Gaussians and of Student-t's with full covariances and unequal weights."""

from __future__ import annotations

import numpy as np

from transjet.targets.families.core import Core
from transjet.targets.families.drawing import log_uniform, orthogonal, shares, variances
from transjet.targets.families.elliptical import elliptical_mixture

# Degrees of freedom that are drawn; two: no variance.
_FREEDOM = (2, 3, 4, 5, 7, 10)
# Centres that compete for each place.
_CANDIDATES = 10


def mixture(rng: np.random.Generator, dim: int) -> Core:
    """Draw a mixture of 2 to 20 Gaussians.

    Covariances have condition numbers of 1 to 10^3 and random axes, components differ in size by a factor of up to
    3 and in weight by one of up to 20; the nearest two centres are 2 to 15 standard deviations apart.
    """
    return _mixture(rng, dim, int(rng.integers(2, 21)), (2.0, 15.0), None)


def student(rng: np.random.Generator, dim: int) -> Core:
    """Draw a multivariate Student-t or a mixture of up to 10, of 2, 3, 4, 5, 7 or 10 degrees of freedom.

    Scale matrices, sizes and weights are drawn as those of Gaussian mixtures; the nearest two centres are 4 to 20
    scales apart.
    """
    df = int(rng.choice(_FREEDOM))
    return _mixture(rng, dim, int(rng.integers(1, 11)), (4.0, 20.0), df)


def separations(means: np.ndarray, bases: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Distances of centres (m, m) over the mean of both components' standard deviations along the line between them.

    The diagonal is infinite.
    """
    apart = means[:, None, :] - means
    distances = np.linalg.norm(apart, axis=2)
    np.fill_diagonal(distances, np.inf)
    along = np.einsum("kli,kij->klj", apart / distances[:, :, None], bases) * scales[:, None, :]
    widths = np.linalg.norm(along, axis=2)
    np.fill_diagonal(widths, 1.0)
    return distances / (0.5 * (widths + widths.T))


def _mixture(rng: np.random.Generator, dim: int, count: int, range_: tuple[float, float], df: int | None) -> Core:
    condition = float(log_uniform(rng, 1.0, 1e3))
    scales = np.stack([np.sqrt(variances(rng, dim, float(log_uniform(rng, 1.0, condition)))) for _ in range(count)])
    scales *= log_uniform(rng, 1.0, 3.0, (count, 1))
    bases = np.stack([orthogonal(rng, dim) for _ in range(count)])
    means, separation = _centres(rng, count, dim), float(log_uniform(rng, *range_))
    if count > 1:
        means = means * (separation / separations(means, bases, scales).min())
    weights = shares(rng, count, float(log_uniform(rng, 1.0, 20.0)))
    kind, unit = "Gaussians", "standard deviations"
    if df is not None:
        kind, unit = f"Student-t's, {df} degrees of freedom", "scales"
    text = f"{count} {kind}: the nearest two {separation:.2g} {unit} apart, least weight {weights.min():.2g}"
    if count == 1:
        text = f"a Student-t with {df} degrees of freedom"
    return elliptical_mixture(means - weights @ means, bases, scales, weights, df, description=text)


def _centres(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    """Draw centres in a cube; of ten candidates the farthest from all others is taken, so that none are close."""
    centres = rng.uniform(-1.0, 1.0, (1, dim))
    for _ in range(count - 1):
        candidates = rng.uniform(-1.0, 1.0, (_CANDIDATES, dim))
        nearest = np.linalg.norm(candidates[:, None, :] - centres, axis=2).min(axis=1)
        centres = np.concatenate([centres, candidates[[nearest.argmax()]]])
    return centres
