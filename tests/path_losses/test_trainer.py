"""Training on path losses: presets solve a shifted Gaussian, runs resume bit for bit, bad steps are skipped."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.errors import ConfigError
from transjet.io import load, save
from transjet.models import MLP
from transjet.path_losses import DEFAULT_LOSSES, Parts, PathTrainer, path_process
from transjet.paths import GaussianPrior
from transjet.train import run

MEAN = np.array([2.0, -1.0])


def log_rho(x: Any) -> Any:
    return GaussianPrior(2, 0.8).log_density(x - jnp.asarray(MEAN, x.dtype)) + 1.7


def trainer(method: str = "dds", loss: str = "", **options: Any) -> PathTrainer:
    control, second, potential = MLP(2, 2, (32, 32)), MLP(2, 2, (32, 32)), MLP(2, 1, (32, 32))
    parts = Parts(GaussianPrior(2, 1.0), log_rho, control, second, potential, steps=options.pop("steps", 64))
    loss = loss or DEFAULT_LOSSES[method]
    return PathTrainer(
        path_process(method, parts), loss, **({"iterations": 250, "batch": 256, "learning_rate": 5e-3} | options)
    )


@pytest.fixture(scope="module")
def dds() -> Any:
    with jax.numpy_dtype_promotion("standard"):
        made = trainer("dds", "log-variance", exploration=0.2)
        before = made.evaluate(made.init(jax.random.key(0)))[1]
        return made, before, run(made, made.init(jax.random.key(0)), score_every=50)


def test_it_learns_a_shifted_gaussian(dds: Any) -> None:
    _, before, result = dds
    last = result.history[-1]
    assert before["ess"] < 0.7 and last.ess > 0.9
    assert abs(last.log_z - 1.7) < max(5 * last.log_z_std_error, 0.02)
    assert float(result.state.best_score) >= np.log(last.ess) + last.log_z - 1e-5
    assert (result.status, result.rejections, len(result.history)) == ("finished", {}, 250)


def test_a_run_goes_on_bit_for_bit_from_its_checkpoint(dds: Any, tmp_path: Any) -> None:
    made, _, result = dds
    half = run(made, made.init(jax.random.key(0)), iterations=120, score_every=50).state
    save(tmp_path / "a.ckpt", half, meta={})
    half = load(tmp_path / "a.ckpt", jax.eval_shape(made.init, jax.random.key(0)))[0]
    # A score of its own at the stop changes no parameter; the best ones may be found there.
    end = run(made, half, score_every=50).state
    for a, b in zip(jax.tree.leaves(end.params), jax.tree.leaves(result.state.params), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_step_that_is_not_finite_is_skipped() -> None:
    made = trainer(iterations=2, batch=4, steps=2, score_samples=0)
    broken = dataclasses.replace(made.process, log_rho=lambda x: jnp.full(x.shape[:1], jnp.nan))
    made = dataclasses.replace(made, process=broken, _compiled={})
    state = made.init(jax.random.key(0))
    new, info = made.step(state)
    assert (int(info.outcome), int(new.rejected), int(new.streak), int(new.iteration)) == (1, 1, 1, 1)
    for a, b in zip(jax.tree.leaves(new.params), jax.tree.leaves(state.params), strict=True):
        np.testing.assert_array_equal(a, b)
    assert made.evaluate(new)[1] == {}


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "hinge"},
        {"iterations": 0},
        {"batch": 1},
        {"learning_rate": 0.0},
        {"loss": "kl", "exploration": 0.1},
        {"loss": "log-variance", "exploration": -1.0},
        {"dtype": jnp.float64},
    ],
)
def test_options_that_do_not_fit_are_refused(options: Any) -> None:
    with pytest.raises(ConfigError, match="expected|needs"):
        trainer("dds", **options)
