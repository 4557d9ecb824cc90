"""Losses on simulated paths: functionals of rnd that are least where the forward chain ends in the target.

| name | loss | gradient |
|---|---|---|
| "kl" | E[rnd], the reverse KL divergence up to log Z | through the paths |
| "log-variance" | Var[rnd] | paths are constants |
| "second-moment" | E[(rnd + log z)^2], trajectory balance, log z learned | paths are constants |
| "sub-trajectory-balance" | the same on all sub-intervals between knots, with V at their ends | paths are constants |

Log-variance on path space: Nuesken and Richter (arXiv 2005.05409), after it Richter et al. 2020 (arXiv 2010.10436).
Trajectory balance: Malkin et al. 2022 (arXiv 2201.13259). Sub-trajectory balance: Madan et al. 2022 (arXiv 2209.12782).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from transjet.errors import ConfigError
from transjet.path_losses.process import Params, PathProcess, Paths, log_derivative, simulate

Array = jax.Array


def kl(process: PathProcess, params: Params, paths: Paths) -> Array:
    """Mean of rnd; its least value is -log Z."""
    return jnp.mean(log_derivative(process, paths))


def log_variance(process: PathProcess, params: Params, paths: Paths) -> Array:
    """Unbiased variance of rnd over the paths; 0 at the solution, whatever log Z."""
    return jnp.var(log_derivative(process, paths), ddof=1)


def second_moment(process: PathProcess, params: Params, paths: Paths) -> Array:
    """Mean of (rnd + log z)^2; 0 at the solution with log z = log Z."""
    return jnp.mean((log_derivative(process, paths) + process.log_z(params)) ** 2)


def sub_trajectory_balance(process: PathProcess, params: Params, paths: Paths, knots: int = 8) -> Array:
    """Mean of (V(x_a) - V(x_b) + sum of log F / B from a to b)^2 over all pairs a < b of knots and all paths.

    With S_a = (sum of log F / B up to a) - V(x_a) a pair's imbalance is S_b - S_a, and the mean of its square over all
    pairs of M numbers is 2 / (M - 1) times the sum of their squared distances from their mean: no pair is enumerated.

    Args:
        process: the chains.
        params: parameters.
        paths: simulated.
        knots: number of equal pieces (at most K) into which the knots cut the time.

    Returns:
        A scalar, 0 at the solution.
    """
    indices = np.unique(np.round(np.linspace(0, process.steps, min(knots, process.steps) + 1)).astype(int))
    sums = jnp.concatenate([jnp.zeros_like(paths.ratios[:1]), jnp.cumsum(paths.ratios, axis=0)])
    s = jnp.stack([sums[k] - process.log_density(params, paths.x[k], int(k)) for k in indices])
    deviations = s - jnp.mean(s, axis=0)
    return 2 / (len(indices) - 1) * jnp.mean(jnp.sum(deviations**2, axis=0))


LOSSES: dict[str, Callable[..., Array]] = {
    "kl": kl,
    "log-variance": log_variance,
    "second-moment": second_moment,
    "sub-trajectory-balance": sub_trajectory_balance,
}


def path_loss(
    process: PathProcess,
    loss: str,
    params: Params,
    key: Array,
    n: int,
    *,
    exploration: float = 0.0,
    dtype: Any = jnp.float32,
) -> tuple[Array, Array]:
    """Simulate n paths and evaluate a loss on them, differentiable in the parameters.

    Returns:
        The loss, a scalar, and rnd of the paths, (n,).

    Raises:
        ConfigError: an unknown loss, or exploration with "kl".
    """
    if loss not in LOSSES:
        raise ConfigError(f"path loss: expected one of {', '.join(LOSSES)}; got {loss!r}")
    paths = simulate(process, params, key, n, through=loss == "kl", exploration=exploration, dtype=dtype)
    return LOSSES[loss](process, params, paths), log_derivative(process, paths)
