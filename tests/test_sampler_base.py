"""A sampler whose flow starts from a pilot: coordinates, densities, and that nothing better is lost."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet import RunConfig, Sampler, from_log_density, recipe
from transjet.errors import ConfigError
from transjet.pilot import Chart
from transjet.pilot.chart import FEATURES
from transjet.train import total

MEAN, STD, LOG_Z = np.array([5.0, -2.0]), np.array([0.3, 4.0]), 2.5
SMALL = {
    "base": {"population": 256, "particles": 256, "moves": 4, "components": 2, "rounds": 1, "climbers": 16, "climb": 5},
    "model": {"width": 8, "depth": 2},
    "plan": [{"iterations": 6, "points": 64}],
    "samples": 500,
    "score_samples": 256,
    "score_every": 3,
}


def log_density(x):
    """A shifted, stretched Gaussian times exp(LOG_Z)."""
    z = (x - jnp.asarray(MEAN, x.dtype)) / jnp.asarray(STD, x.dtype)
    return LOG_Z - 0.5 * jnp.sum(z * z) - float(np.log(2 * np.pi * STD.prod()))


@pytest.fixture(scope="module")
def trained():
    """A sampler, its state after a few steps, and samples."""
    target = from_log_density(log_density, 2, prior_std=4.0, name="stretched")
    sampler = Sampler(target, RunConfig.from_dict(SMALL, recipe(target)))
    result = sampler.run(sampler.init(jax.random.key(0)))
    return sampler, result, sampler.sample(result.state, jax.random.key(1))


def test_samples_are_in_the_targets_coordinates(trained):
    sampler, _, samples = trained
    log_rho = jax.vmap(log_density)(samples.x)
    np.testing.assert_allclose(samples.log_weights + samples.log_q, log_rho, rtol=1e-4, atol=1e-3)
    summary = sampler.summarize(samples)
    assert abs(summary.log_z.value - LOG_Z) < 4 * summary.log_z.std_error + 0.01
    assert summary.ess.value > 0.8
    for d in range(2):
        assert np.mean(samples.x[:, d]) == pytest.approx(MEAN[d], abs=5 * STD[d] / np.sqrt(400))


def test_the_flows_density_is_that_of_its_samples(trained):
    sampler, result, samples = trained
    np.testing.assert_allclose(sampler.log_density(result.state, samples.x), samples.log_q, atol=5e-3)


def test_what_a_trial_compiled_is_kept():
    """Two wide modes, of which a mixture of two has nearly all: `enough` above 1 asks for a trial anyway."""
    target = from_log_density(
        lambda x: jnp.logaddexp(-0.5 * jnp.sum((x - 3) ** 2), -0.5 * jnp.sum((x + 3) ** 2)), 2, prior_std=3.0
    )
    base = SMALL["base"] | {"trial": 3, "enough": 1.1}
    sampler = Sampler(target, RunConfig.from_dict(SMALL | {"base": base}, recipe(target)))
    assert "trial_1" in sampler.base.figures
    assert ("step", 0) in sampler.trainer._compiled
    assert sampler.problem.equation is sampler.trainer.equation
    state, info = sampler.step(sampler.init(jax.random.key(0)))
    assert np.isfinite(info.loss) and int(state.iteration) == 1
    assert ("step", 0) not in Sampler(target, sampler.config, sampler.base).trainer._compiled


def test_the_score_before_the_first_step_counts(trained):
    """A flow that training makes worse ends as the base that it began with."""
    sampler, result, _ = trained
    fresh = sampler.init(jax.random.key(0))
    _, figures = sampler.trainer.evaluate(fresh)
    assert float(result.state.best_score) >= np.log(figures["ess"]) + figures["log_z"] - 1e-3
    assert total(result.evaluations).values > 0


def test_a_state_that_went_astray_goes_back_to_the_best(trained):
    sampler, result, _ = trained
    astray = jax.tree.map(lambda a: a + 3.0, result.state.params)
    state = result.state._replace(params=astray, average=astray, iteration=np.int32(4))
    back, _ = sampler.trainer.evaluate(state)
    jax.tree.map(np.testing.assert_array_equal, back.params, result.state.best_params)
    assert float(back.optimisers[0].damping) > float(state.optimisers[0].damping)


def test_streams_are_in_the_targets_coordinates(trained):
    sampler, result, _ = trained
    batch = next(sampler.stream(result.state, jax.random.key(2), batch=500))
    assert np.mean(np.asarray(batch.samples.x)[:, 0]) == pytest.approx(MEAN[0], abs=0.1)
    assert batch.figures.log_z == pytest.approx(LOG_Z, abs=0.2)


def test_a_given_base_is_taken(trained, monkeypatch):
    sampler, result, samples = trained
    monkeypatch.setattr("transjet.sampler_base.build_base", None)
    again = Sampler(sampler.target, sampler.config, sampler.base)
    np.testing.assert_array_equal(again.sample(result.state, jax.random.key(1)).x, samples.x)


def test_coordinates_of_a_base_may_be_bent(trained):
    sampler, _, _ = trained
    straight, bend = sampler.base.chart, np.zeros((1, FEATURES, 2))
    bend[:, 1:3, 1] = 0.3, -0.2
    ranges, tails = np.array([[-3.0, 3.0]]), np.array([[0.1, 1.1, 0.0, 0.2]])
    both = straight, Chart(np.zeros((1, 2)), np.eye(2)[None], bend, -bend, ranges, tails)
    chart = Chart(*(np.concatenate(arrays) for arrays in zip(*both, strict=True)))
    bent = Sampler(sampler.target, sampler.config, sampler.base._replace(chart=chart))
    state = bent.init(jax.random.key(0))
    samples = bent.sample(state, jax.random.key(1))
    log_rho = jax.vmap(log_density)(samples.x)
    np.testing.assert_allclose(samples.log_weights + samples.log_q, log_rho, rtol=1e-4, atol=2e-3)
    np.testing.assert_allclose(bent.log_density(state, samples.x), samples.log_q, atol=5e-3)
    assert np.std(np.asarray(chart.inward_with_log_det(samples.x)[1])) > 0.1
    assert abs(bent.summarize(samples).log_z.value - LOG_Z) < 0.2


@pytest.mark.parametrize(
    "options", [{"method": "pis"}, {"equation": "score"}, {"precision_ratio": 2.0}, {"base": {"kind": "other"}}]
)
def test_what_does_not_go_with_a_pilot_is_refused(options):
    with pytest.raises(ConfigError, match=r"base\.kind: expected"):
        RunConfig.from_dict({"base": {"kind": "pilot"}} | options)
