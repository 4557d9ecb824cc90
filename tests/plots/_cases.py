"""Samples, summaries and histories to draw."""

from __future__ import annotations

import jax
import numpy as np

from transjet import metrics, targets
from transjet.io import HISTORY_COLUMNS


def samples(target: targets.Target, n: int = 400, seed: int = 1):
    """Exact samples with log-normal weights, and their summary."""
    x = np.asarray(target.sample(jax.random.key(seed), n))
    log_w = 0.3 * np.random.default_rng(seed).normal(size=n) + (target.log_z or 0.0)
    return x, log_w, metrics.summarize(x, log_w, target)


def history(rows: int = 40) -> dict[str, np.ndarray]:
    """A training that gets better, scored every tenth step, with two rejected steps."""
    step = np.arange(1.0, rows + 1)
    scored = step % 10 == 0
    columns = {
        "iteration": step,
        "seconds": 0.5 * step,
        "loss": np.exp(-step / 10),
        "residual_rms": np.exp(-step / 20),
        "step_size": np.where(step % 17 == 0, 0.0, 0.5),
        "damping": np.full(rows, 1e-3),
        "accepted": (step % 17 != 0).astype(float),
        "ess": np.where(scored, 1 - np.exp(-step / 10), np.nan),
        "log_z": np.where(scored, -np.exp(-step / 5), np.nan),
        "log_z_std_error": np.where(scored, 0.01, np.nan),
        "evaluations": 1024 * step,
        "gradients": 1024 * step,
    }
    assert tuple(columns) == HISTORY_COLUMNS
    return columns
