"""Log-Gaussian Cox processes on a grid."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from transjet.errors import TargetError
from transjet.targets import _checks, _data
from transjet.targets.base import Target, pointwise


def log_gaussian_cox(
    points: Any,
    grid: int = 40,
    *,
    variance: float = 1.91,
    length: float = 1 / 33,
    log_rate: float | None = None,
    name: str = "log-gaussian-cox",
    log_z: float | None = None,
) -> Target:
    """Build the posterior of the log intensity f of a Poisson process in the unit square.

    log rho = log N(f; mu, K) + sum_i (c_i f_i - exp(f_i) / grid^2) over grid^2 cells with counts c_i, where
    mu = log_rate - variance / 2 and K_ij = variance exp(-|i - j| / (length grid)) in units of cells. The Gaussian is
    normalised; the constants of the counts (factorials, cells' areas) are left out, as is usual for this target.

    Args:
        points: (n, 2) points in [0, 1]^2; those at an upper edge belong to the last cell.
        grid: cells along each side.
        variance: of f, positive.
        length: correlation length in units of the square's side, positive.
        log_rate: log of the expected number of points; log n by default.
        name: name of the target.
        log_z: log of the integral of rho, if known.

    Returns:
        The target, of grid^2 coordinates, row by row.

    Raises:
        ShapeError: ``points`` is not (n, 2).
        TargetError: points outside the unit square, or none.
        ConfigError: numbers out of range.
    """
    points, cells = _checks.array(points, (None, 2), "points"), _checks.dimension(grid)
    variance, length = _checks.positive(variance, "variance"), _checks.positive(length, "length")
    if len(points) == 0 or not ((points >= 0) & (points <= 1)).all():
        raise TargetError("points must lie in [0, 1]^2 and be at least one; rescale the window to the unit square")
    rate = math.log(len(points)) if log_rate is None else _checks.number(log_rate, "log_rate")
    dim, mean = cells**2, rate - 0.5 * variance
    index = np.minimum((points * cells).astype(int), cells - 1)
    counts = np.bincount(index[:, 0] * cells + index[:, 1], minlength=dim).astype(float)
    whitener, log_det = _whitener(cells, variance, length)
    constant = -0.5 * dim * math.log(2.0 * math.pi) - log_det

    def log_density(f: jax.Array) -> jax.Array:
        white = jnp.matmul(jnp.asarray(whitener, f.dtype), f - mean, precision="highest")
        likelihood = jnp.sum(jnp.asarray(counts, f.dtype) * f - jnp.exp(f) / dim)
        return constant - 0.5 * jnp.sum(white**2) + likelihood

    return Target(
        name=name,
        dim=dim,
        log_density=pointwise(log_density, dim),
        log_z=log_z,
        prior_std=math.sqrt(variance),
        description=f"log-Gaussian Cox process of {len(points)} points on {cells} x {cells} cells",
    )


def finnish_pines() -> Target:
    """Build the log-Gaussian Cox process of 126 Scots pine saplings in Finland on 40 x 40 cells, d = 1600.

    Model of Moller, Syversveen and Waagepetersen (1998); the data, of Kellomaki and Penttinen, are distributed with R's
    spatstat as finpines, and are read from lgcp_pines/pines.csv: a header, then number, x and y in the unit square.

    log Z = 501.73 with an error of 0.07, by annealed importance sampling from the Laplace approximation (whose own
    evidence is 511.2). Other values are published for other constants in the likelihood.

    Raises:
        DataError: the file is not there, or is something else.
    """
    rows = _data.table("lgcp_pines/pines.csv", 3, delimiter=",", skip=1)
    return log_gaussian_cox(rows[:, 1:], name="cox-pines", log_z=501.73)


def _whitener(cells: int, variance: float, length: float) -> tuple[np.ndarray, float]:
    """Inverse L^-1 of the Cholesky factor of K, and log det L."""
    place = np.stack(np.meshgrid(np.arange(cells), np.arange(cells), indexing="ij"), axis=-1).reshape(-1, 2)
    distance = np.sqrt(((place[:, None] - place) ** 2).sum(axis=-1))
    factor = np.linalg.cholesky(variance * np.exp(-distance / (length * cells)))
    return np.linalg.solve(factor, np.eye(len(factor))), float(np.log(np.diag(factor)).sum())
