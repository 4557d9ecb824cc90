"""Trainers on simulated paths, as a configuration describes them."""

from __future__ import annotations

import jax.numpy as jnp

from transjet.config import RunConfig
from transjet.errors import ConfigError
from transjet.path_losses import DEFAULT_LOSSES, METHODS, Parts, PathTrainer, path_process
from transjet.paths import GaussianPrior
from transjet.problems.networks import network
from transjet.targets import Target


def build_path_trainer(config: RunConfig, target: Target, prior: GaussianPrior) -> PathTrainer:
    """The chains that `config.method` names, and what trains them.

    Args:
        config: of the run; its networks are those of `config.model`, its losses and figures those of `config.path`.
        target: what to sample.
        prior: where particles start, and the scale of the reference process.

    Returns:
        The trainer; its `process` samples.

    Raises:
        ConfigError: the method is not path-based, or options do not fit together.
    """
    if config.method not in METHODS:
        raise ConfigError(f"method: expected one of {', '.join(METHODS)} for training on paths; got {config.method!r}")
    path, dim = config.path, target.dim
    loss = DEFAULT_LOSSES[config.method] if path.loss == "default" else path.loss
    balance = loss == "sub-trajectory-balance"
    parts = Parts(
        prior,
        target.log_density,
        control=network(config, dim, dim),
        second=network(config, dim, dim) if config.method == "dbs" else None,
        potential=network(config, dim, 1) if balance else None,
        steps=path.steps,
        sigma=path.sigma,
        beta=path.beta,
        narrowing=path.narrowing,
        guidance=path.guidance == "score",
    )
    return PathTrainer(
        path_process(config.method, parts),
        loss,
        iterations=path.iterations,
        batch=path.batch,
        learning_rate=path.learning_rate,
        exploration=path.exploration,
        score_samples=config.score_samples,
        dtype=jnp.dtype(config.dtype),
    )
