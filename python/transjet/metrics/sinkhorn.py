"""Sinkhorn divergence between two sets of samples, through ott-jax."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from transjet.errors import ConfigError, ShapeError, TargetError
from transjet.metrics import _checks
from transjet.metrics.estimate import Estimate

_BATCHES = 4
_MOST_POINTS = 2000
_LEAST_POINTS = 8


def sinkhorn_divergence(
    x: Any,
    y: Any,
    *,
    epsilon: float | None = None,
    batch_size: int | None = None,
    max_iterations: int = 2000,
    unconverged: str = "raise",
) -> Estimate:
    """Estimate the debiased Sinkhorn divergence of the cost |x - y|^2 between samples.

    S = OT(x, y) - OT(x, x) / 2 - OT(y, y) / 2, each term the entropic transport cost at regularisation
    epsilon (Feydy et al. 2019). S of finite sets is biased upwards, more in high dimension: compare only
    figures of the same batch size and epsilon.

    Args:
        x: (n, d) samples.
        y: (m, d) reference samples, independent of ``x``.
        epsilon: entropic regularisation, in units of the cost. Default: 5 % of the mean cost between two
            reference points, 0.1 times the sum of the variances of ``y``. Published tables often use 1e-3
            whatever the scale.
        batch_size: points of each set per batch. Default: a quarter of the smaller set, at most 2000.
        max_iterations: limit on the Sinkhorn iterations of one transport problem.
        unconverged: ``"raise"``, or ``"nan"`` to return NaN if that limit is met, as happens when samples lie
            many times farther from the reference than its own spread.

    Returns:
        The mean over up to 4 disjoint batches, and its standard error from their scatter (of few batches, so
        itself uncertain by 40 %).

    Raises:
        ConfigError: ott-jax is not installed, an option is out of range, or the iterations do not converge.
        ShapeError: a set is not (n, d), or too small for two batches, or the dimensions disagree.
        TargetError: a sample is not finite, or all reference points coincide.
        DTypeError: a set does not hold real numbers.
    """
    if unconverged not in ("raise", "nan"):
        raise ConfigError(f"unconverged must be 'raise' or 'nan', got {unconverged!r}")
    a, b = _checks.pair(x, y)
    max_iterations = _checks.positive_int(max_iterations, "max_iterations")
    size, batches = _batching(min(len(a), len(b)), batch_size)
    unit = 2.0 * float(b.var(axis=0).sum())
    if unit == 0.0:
        raise TargetError("all reference points coincide; the Sinkhorn divergence has no scale")
    epsilon = 0.05 * unit if epsilon is None else _checks.positive(epsilon, "epsilon")
    # Costs of order one around the origin keep the float32 differences of the solver accurate.
    a, b = ((points - b.mean(axis=0)) / np.sqrt(unit) for points in (a, b))
    values = [
        _divergence(a[rows], b[rows], epsilon / unit, max_iterations)
        for rows in (slice(i * size, (i + 1) * size) for i in range(batches))
    ]
    if unconverged == "raise" and np.isnan(values).any():
        raise ConfigError(
            f"Sinkhorn iterations did not converge in {max_iterations} at epsilon {epsilon:.3g}; "
            "raise epsilon or max_iterations"
        )
    return Estimate(unit * float(np.mean(values)), unit * float(np.std(values, ddof=1)) / float(np.sqrt(batches)))


def default_batch_size(count: int) -> int:
    """Return the batch size that ``sinkhorn_divergence`` takes for sets of at least ``count`` points."""
    return min(count // _BATCHES, _MOST_POINTS)


def _batching(count: int, batch_size: int | None) -> tuple[int, int]:
    size = default_batch_size(count)
    if batch_size is not None:
        size = _checks.positive_int(batch_size, "batch_size")
    if size < _LEAST_POINTS or count < 2 * size:
        raise ShapeError(
            f"two batches of at least {_LEAST_POINTS} points each are needed, got {count} points "
            f"and a batch size of {size}; draw more samples or lower batch_size"
        )
    return size, min(_BATCHES, count // size)


def _divergence(a: np.ndarray, b: np.ndarray, epsilon: float, max_iterations: int) -> float:
    value, converged = jax.device_get(_solver(max_iterations)(a, b, epsilon))
    return float(value) if all(converged) else np.nan


@functools.cache
def _solver(max_iterations: int) -> Callable[..., Any]:
    pointcloud, divergence = _import_ott()

    @jax.jit
    def solve(a: jax.Array, b: jax.Array, epsilon: float) -> Any:
        # ott mixes ranks and dtypes on purpose; a caller's strict settings are about the caller's code.
        with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
            value, out = divergence(
                pointcloud, x=a, y=b, epsilon=epsilon, solve_kwargs={"max_iterations": max_iterations}
            )
            return value, out.converged

    return solve


def _import_ott() -> tuple[Any, Callable[..., Any]]:
    try:
        with warnings.catch_warnings():
            # ott imports jaxopt, which announces its own end of life to everyone who imports it.
            warnings.filterwarnings("ignore", message="JAXopt is no longer", category=DeprecationWarning)
            from ott.geometry.pointcloud import PointCloud
            from ott.tools.sinkhorn_divergence import sinkhorn_divergence as divergence
    except ImportError as err:
        raise ConfigError(
            f"the Sinkhorn divergence needs ott-jax, which cannot be imported ({err}); "
            "install it with: pip install 'transjet[all]'"
        ) from err
    return PointCloud, divergence
