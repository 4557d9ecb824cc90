"""Methods that rows compare: transjet's own, and rivals."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from transjet import metrics
from transjet.config import RunConfig
from transjet.errors import ConfigError
from transjet.robust.budget import Budget, Clock, fitted, train
from transjet.robust.criteria import Found
from transjet.robust.rivals import nuts, smc
from transjet.targets import Target
from transjet.train import spend, total

Configure = Callable[[Target], RunConfig]
METHODS = ("transjet", "smc", "nuts")


def run_method(
    method: str, target: Target, budget: Budget, configure: Configure, key: jax.Array
) -> tuple[Found, dict[str, Any]]:
    """Sample a target by a method within a budget.

    Args:
        method: one of `METHODS`.
        target: to be sampled.
        budget: of seconds and evaluations; rivals need the latter.
        configure: target -> configuration, for transjet.
        key: JAX random key.

    Returns:
        What is to be judged, and more of the row.

    Raises:
        ConfigError: no such method, no evaluations for a rival, or blackjax is missing.
        TrainingError: training failed.
    """
    if method == "transjet":
        return _transjet(target, budget, configure, key)
    if method not in METHODS:
        raise ConfigError(f"method: expected one of {', '.join(METHODS)}; got {method!r}")
    if budget.evaluations is None:
        raise ConfigError(f"method {method}: expected a number of evaluations; give one, or the rows to equal")
    return (smc if method == "smc" else nuts)(target, budget.evaluations, key)


def _transjet(target: Target, budget: Budget, configure: Configure, key: jax.Array) -> tuple[Found, dict[str, Any]]:
    clock = Clock()
    keys = jax.random.split(key, 3)
    sampler, spent = fitted(target, configure(target), budget, clock)
    timing = clock()
    state = train(sampler, sampler.init(keys[0]), budget, clock, spent)
    trained = clock()
    samples = sampler.sample(state, keys[1])
    spend(spent, "samples", sampler.evaluations())
    x, log_w = np.asarray(samples.x), np.asarray(samples.log_weights)
    sampled, wall = clock(), time.time()
    verdict = sampler.verdict(state, samples, keys[2])
    log_z, ess = metrics.log_z(log_w, nonfinite="count"), metrics.ess(log_w, nonfinite="count")
    row: dict[str, Any] = {"base": sampler.base.figures | {"ess": sampler.base.ess}} if sampler.base else {}
    row |= {
        "verdict": verdict.level,
        "verdict_reasons": [f"{r.name} ({r.level}): {r.evidence}" for r in verdict.reasons],
        "verdict_figures": {k: float(v) for k, v in verdict.figures.items() if v is not None},
        "iterations": int(state.iteration),
        "planned": sampler.trainer.iterations,
        "log_z_std_error": log_z.std_error,
        "ess_std_error": ess.std_error,
        "evaluations": total(spent).values,
        "evaluations_by": {name: e.values for name, e in spent.items()},
        "seconds_timing": timing,
        "seconds_training": trained,
        "seconds_sampling": sampled - trained,
        "seconds_verdict": clock() - sampled,
        "wall_seconds_verdict": time.time() - wall,
    }
    return Found(x, log_w, log_z.value, ess.value), row
