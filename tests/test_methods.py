"""Path-based methods and SDE sampling through the sampler and the command line."""

from __future__ import annotations

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet import ModelConfig, PathLossConfig, PhaseConfig, RunConfig, Sampler, SamplingConfig, get
from transjet.cli import main
from transjet.config import METHODS
from transjet.errors import ConfigError
from transjet.io import RunFolder
from transjet.path_losses import DEFAULT_LOSSES, LOSSES
from transjet.targets import gaussian_mixture

KEY = jax.random.key(3)
TARGET = gaussian_mixture([[1.0, -0.5]], 0.8, prior_std=1.2)
SMALL = {"model": ModelConfig(width=8, depth=1, input_scale=2.0), "samples": 4000, "score_samples": 200}


def config(method: str = "pde", sampling: SamplingConfig | None = None, **path) -> RunConfig:
    paths = PathLossConfig(**({"iterations": 3, "batch": 16, "steps": 6} | path))
    phase = PhaseConfig(points=64, iterations=6, collocation="gaussian")
    sampling = sampling or SamplingConfig()
    return RunConfig(method=method, path=paths, plan=(phase,), sampling=sampling, score_every=2, **SMALL)


def mean_weight_is_one(samples) -> bool:
    w = np.exp(samples.log_weights.astype(np.float64))
    return abs(w.mean() - 1) < 4 * w.std() / np.sqrt(len(w)) < 0.3


@pytest.mark.parametrize("method", METHODS[1:])
@pytest.mark.parametrize("loss", ["default", *LOSSES])
def test_every_method_has_every_loss(method: str, loss: str) -> None:
    trainer = Sampler(TARGET, config(method, loss=loss)).trainer
    assert trainer.loss == (DEFAULT_LOSSES[method] if loss == "default" else loss)
    params = jax.eval_shape(trainer.process.init, KEY)
    assert ("second" in params) == (method == "dbs")
    assert ("potential" in params) == (loss == "sub-trajectory-balance" and method != "cmcd")


@pytest.mark.parametrize(("method", "loss"), [("dbs", "sub-trajectory-balance")])
def test_a_path_based_sampler_trains_and_samples(method: str, loss: str) -> None:
    sampler = Sampler(TARGET, config(method, loss=loss))
    result = sampler.run(sampler.init(KEY))
    assert (result.status, len(result.history)) == ("finished", 3) and np.isfinite(result.history[-1].ess)
    moved = jax.tree.leaves(jax.tree.map(lambda a, b: jnp.any(a != b), result.state.params, sampler.init(KEY).params))
    assert any(moved)
    samples = sampler.sample(result.state, KEY)
    assert mean_weight_is_one(samples) and samples.x.shape == (4000, 2)
    summary = sampler.summarize(samples)
    assert abs(summary.log_z.value) < 5 * summary.log_z.std_error
    with pytest.raises(ConfigError, match="has no flow"):
        sampler.log_density(result.state, samples.x[:3])


@pytest.fixture(scope="module")
def trained():
    sampler = Sampler(TARGET, config())
    return sampler, sampler.run(sampler.init(KEY)).state


@pytest.mark.parametrize(
    "options",
    [{"steps": 8, "sigma": 0.5, "scheme": "split", "langevin_end": 2}, {"steps": 5, "resample": 0.95}],
)
def test_a_trained_flow_samples_along_any_diffusion(options, trained) -> None:
    sampler = Sampler(TARGET, config(sampling=SamplingConfig("sde", **options)))
    samples = sampler.sample(trained[1], KEY)
    assert mean_weight_is_one(samples)
    assert abs(samples.log_weights - trained[0].sample(trained[1], KEY).log_weights).max() > 1e-3


def test_sigma_zero_is_the_ode(trained) -> None:
    sampler, state = trained
    still = Sampler(TARGET, config(sampling=SamplingConfig("sde", sigma=0.0)))
    even = still.sample(state, KEY, 50)
    # The same weights for samples of another stream: they are exact functions of the point.
    density = sampler.log_density(state, even.x)
    np.testing.assert_allclose(even.log_q, density, atol=2e-3)


def test_streams_and_unweighted_samples(trained) -> None:
    sampler, state = trained
    batches = list(itertools.islice(sampler.stream(state, KEY, 300), 3))
    assert [b.figures.n for b in batches] == [300, 600, 900]
    assert abs(batches[-1].figures.log_z) < 5 * batches[-1].figures.log_z_std_error + 1e-3
    even = sampler.unweighted(batches[0].samples, KEY)
    assert np.ptp(even.samples.log_weights) == 0 and even.distinct < 1
    with pytest.raises(ConfigError, match="stream: batch"):
        sampler.stream(state, KEY, 1)


def test_an_sde_for_a_method_of_its_own_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"sampling\.sampler: expected 'ode' with method 'dds'"):
        Sampler(TARGET, config("dds", SamplingConfig("sde")))


def test_the_length_of_a_run_is_that_of_its_method() -> None:
    assert (config().iterations, config("dis").iterations) == (6, 3)
    two = dataclasses.replace(config(), plan=(PhaseConfig(iterations=2), PhaseConfig(iterations=5)))
    assert two.iterations == 7


def test_the_command_line_runs_and_samples_a_path_based_method(tmp_path, capsys) -> None:
    out = str(tmp_path / "run")
    options = ["method=cmcd", "path.iterations=4", "path.steps=4", "path.batch=8", "model.width=8", "model.depth=1"]
    settings = [part for option in options for part in ("--set", option)]
    assert main(["run", "gmm-grid", "--out", out, "--samples", "200", "--no-pictures", *settings]) == 0
    assert "cmcd log-variance" in capsys.readouterr().err
    assert main(["sample", out, "-n", "50", "--checkpoint", "latest"]) == 0
    assert len(RunFolder(out).read_history()["loss"]) == 4
    log_rho = jax.vmap(get("gmm-grid").log_density)(RunFolder(out).read_samples().x)
    samples = RunFolder(out).read_samples()
    np.testing.assert_allclose(samples.log_weights + samples.log_q, log_rho, rtol=1e-3, atol=1e-3)
