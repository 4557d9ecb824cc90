"""Resampling, Langevin steps and independence Metropolis-Hastings against their laws."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.errors import ConfigError, ShapeError, TargetError
from transjet.transport import (
    RESAMPLINGS,
    UNWEIGHTINGS,
    WeightedSamples,
    independence_chain,
    integrated_autocorrelation,
    langevin,
    log_mean_weight,
    relative_ess,
    resample_indices,
    unweighted,
)

LOG_W = jnp.array([0.3, -jnp.inf, 1.2, -0.4, jnp.nan, 0.0, 2.0, -3.0])
SHARES = np.where(np.isfinite(LOG_W), np.exp(LOG_W), 0) / np.exp(np.asarray(LOG_W)[np.isfinite(LOG_W)]).sum()


@pytest.mark.parametrize("kind", RESAMPLINGS)
def test_particles_go_on_in_proportion_to_their_weights(kind: str) -> None:
    index = np.asarray(
        jax.jit(jax.vmap(lambda k: resample_indices(k, LOG_W, kind)))(jax.random.split(jax.random.key(0), 4000))
    )
    counts = np.stack([(index == i).sum(axis=1) for i in range(8)])
    error = counts.std(axis=1, ddof=1) / np.sqrt(4000) + 1e-12
    assert np.all(np.abs(counts.mean(axis=1) - 8 * SHARES) < 4 * error + 1e-4)
    assert not counts[1].any() and not counts[4].any(), "weights of zero and NaN never go on"
    if kind == "systematic":
        assert np.abs(counts - 8 * SHARES[:, None]).max() < 1 + 1e-4


@pytest.mark.parametrize("kind", RESAMPLINGS)
def test_where_all_weights_are_zero_nothing_breaks(kind: str) -> None:
    index = resample_indices(jax.random.key(0), jnp.full(5, -jnp.inf), kind)
    assert np.all((index >= 0) & (index < 5))
    assert float(log_mean_weight(jnp.full(5, -jnp.inf))) == -np.inf
    assert float(relative_ess(jnp.full(5, -jnp.inf))) == 0


def test_figures_of_weights() -> None:
    kept = np.exp(np.asarray(LOG_W)[np.isfinite(LOG_W)])
    np.testing.assert_allclose(log_mean_weight(LOG_W), np.log(kept.sum() / 8), rtol=1e-6)
    np.testing.assert_allclose(relative_ess(LOG_W), kept.sum() ** 2 / (8 * (kept**2).sum()), rtol=1e-6)


def bent(x: Any) -> Any:
    """A density on the plane that is not Gaussian: x_0 ~ N(0, 1), x_1 | x_0 ~ N(x_0^2, 1/4)."""

    def log_density(p: Any) -> Any:
        return -0.5 * p[0] ** 2 - 2 * (p[1] - p[0] ** 2) ** 2

    return jax.vmap(jax.value_and_grad(log_density))(x)


def exact_bent(n: int) -> Any:
    z = np.random.default_rng(1).standard_normal((n, 2))
    return np.stack([z[:, 0], z[:, 0] ** 2 + z[:, 1] / 2], axis=1)


def test_langevin_keeps_the_density(x64: None) -> None:
    n = 20_000
    run = jax.jit(lambda x: langevin(bent, x, jax.random.key(0), steps=15, step_size=0.2, adapt=False))
    end = run(jnp.asarray(exact_bent(n)))
    assert 0.3 < float(end.acceptance) < 0.9
    for statistic, truth in (((end.x[:, 1]), 1.0), (end.x[:, 0] ** 2, 1.0), (end.x[:, 1] * end.x[:, 0] ** 2, 3.0)):
        assert abs(float(statistic.mean()) - truth) < 4 * float(statistic.std()) / np.sqrt(n)
    np.testing.assert_allclose(end.value, bent(end.x)[0])


def test_langevin_without_metropolis_would_be_seen(x64: None) -> None:
    """The calibration of the test above: the same steps, all accepted, miss the moments."""
    x, n = jnp.asarray(exact_bent(20_000)), 20_000
    for key in jax.random.split(jax.random.key(0), 3):
        x = x + 0.2 * bent(x)[1] + np.sqrt(0.4) * jax.random.normal(key, x.shape)
    spread = float(jnp.nanmean(jnp.minimum(x[:, 0] ** 2, 1e3)))
    assert abs(spread - 1) > 8 * np.sqrt(2) / np.sqrt(n)


def test_langevin_adapts_its_step_and_refuses_what_is_not_finite(x64: None) -> None:
    far = langevin(bent, jnp.asarray(exact_bent(400)), jax.random.key(0), steps=60, step_size=100.0)
    assert float(far.step_size) < 3 and np.isfinite(far.x).all()

    def wall(x: Any) -> Any:
        return jnp.where(x[:, 0] > 0, 0.0, jnp.nan), jnp.zeros_like(x)

    inside = jnp.ones((50, 1))
    assert np.all(langevin(wall, inside, jax.random.key(1), steps=20, step_size=1.0).x > 0)


@pytest.mark.parametrize(("steps", "size"), [(-1, 1.0), (1, 0.0), (1, float("nan"))])
def test_langevin_options_out_of_range(steps: int, size: float) -> None:
    with pytest.raises(ConfigError, match="langevin: expected"):
        langevin(bent, jnp.ones((1, 2)), jax.random.key(0), steps=steps, step_size=size)


def weighted(n: int, dtype: Any = np.float64) -> WeightedSamples:
    """Samples of N(0, 2^2) with weights for N(1, 1) times e^0.5."""
    x = 2 * np.random.default_rng(2).standard_normal((n, 1)).astype(dtype)
    log_q = -0.5 * (x[:, 0] / 2) ** 2 - np.log(2 * np.sqrt(2 * np.pi))
    log_rho = -0.5 * (x[:, 0] - 1) ** 2 - np.log(np.sqrt(2 * np.pi)) + 0.5
    return WeightedSamples(x, (log_rho - log_q).astype(dtype), log_q.astype(dtype))


@pytest.mark.parametrize("kind", UNWEIGHTINGS)
def test_unweighted_samples_follow_the_target(kind: str, x64: None) -> None:
    n = 20_000
    result = unweighted(weighted(n), jax.random.key(0), kind)
    x, time = result.samples.x[:, 0], float(result.autocorrelation[0])
    error = np.sqrt((2.5 if kind != "independence-mh" else max(time, 2.5)) / n)  # resampling: that of the weights
    assert abs(x.mean() - 1) < 4 * error and abs(x.var() - 1) < 4 * np.sqrt(2) * error
    assert np.ptp(result.samples.log_weights) == 0
    assert abs(result.samples.log_weights[0] - 0.5) < 0.05
    log_rho = -0.5 * (x - 1) ** 2 - np.log(np.sqrt(2 * np.pi)) + 0.5
    np.testing.assert_allclose(result.samples.log_q + result.samples.log_weights, log_rho, atol=1e-9)
    assert 0.3 < result.distinct < 0.9
    if kind == "independence-mh":
        assert 0.4 < result.acceptance < 0.9 and 1.2 < time < 8
    else:
        assert (result.acceptance, time) == (1.0, 1.0)


def test_a_chain_of_equal_weights_accepts_all_and_leaves_weight_zero(x64: None) -> None:
    chain = independence_chain(jax.random.key(0), jnp.zeros(9))
    np.testing.assert_array_equal(chain.positions, np.arange(9))
    assert float(chain.acceptance) == 1
    lost = independence_chain(jax.random.key(0), jnp.array([-jnp.inf, -jnp.inf, 0.0, -jnp.inf, jnp.nan]))
    np.testing.assert_array_equal(lost.positions, [0, 1, 2, 2, 2])


def test_a_chain_that_begins_at_weight_zero_gives_no_lost_sample() -> None:
    samples = weighted(50)
    samples.x[:3] = np.nan
    result = unweighted(samples, jax.random.key(0), "independence-mh")
    assert np.isfinite(result.samples.x).all() and np.isfinite(result.samples.log_q).all()


def test_autocorrelation_of_an_autoregression() -> None:
    noise, series, rho = np.random.default_rng(0).standard_normal((60_000, 2)), np.zeros((60_000, 2)), 0.8
    for i in range(1, len(series)):
        series[i] = np.array([rho, 0.0]) * series[i - 1] + noise[i]
    times = integrated_autocorrelation(series)
    np.testing.assert_allclose(times, [(1 + rho) / (1 - rho), 1.0], rtol=0.12)
    assert np.isnan(integrated_autocorrelation(np.ones(5))).all()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="resampling: expected one of"):
        resample_indices(jax.random.key(0), LOG_W, "residual")
    with pytest.raises(ShapeError, match=r"log_weights: expected shape"):
        resample_indices(jax.random.key(0), jnp.zeros((2, 2)))
    with pytest.raises(ConfigError, match="unweighted: expected one of"):
        unweighted(weighted(4), jax.random.key(0), "gibbs")
    with pytest.raises(TargetError, match="all are zero"):
        unweighted(weighted(4)._replace(log_weights=np.full(4, -np.inf)), jax.random.key(0))
    with pytest.raises(ShapeError, match="autocorrelation"):
        integrated_autocorrelation([1.0])
    with pytest.raises(TargetError, match="finite"):
        integrated_autocorrelation([1.0, np.nan])
