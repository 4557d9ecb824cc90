"""Points on trajectories that end in the target."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from transjet.collocation import Flow, ReverseTrajectories
from transjet.collocation.resample import systematic, tempered
from transjet.errors import ConfigError, ShapeError
from transjet.paths import GaussianPrior

KEY = jax.random.key(4)
PRIOR = GaussianPrior(1, 1.0)


def log_rho(x: Any) -> Any:
    """N(1, 2^2)."""
    return -0.5 * jnp.sum((x - 1) ** 2) / 4


# N(0, 1) to N(0, e^2): not the target, so that weights have something to do.
GROWTH = Flow(lambda x, t: x, divergence=lambda x, t: (x, jnp.ones_like(t)))


def test_given_samples_are_followed_back() -> None:
    samples = np.array([[1.0], [-2.0], [3.0]])
    reverse = ReverseTrajectories(PRIOR, log_rho, samples, particles=6, steps=64)
    path = np.asarray(reverse.refresh(KEY, GROWTH, jnp.float32))
    np.testing.assert_array_equal(np.sort(path[-1, :, 0]), [-2, -2, 1, 1, 3, 3])
    np.testing.assert_allclose(path, path[-1] * np.exp(np.linspace(-1, 0, 65))[:, None, None], rtol=1e-3)
    x, t = reverse.draw(KEY, path, 6, jnp.float32(0), jnp.float32)
    back = np.asarray(x[:, 0]) * np.exp(1 - np.asarray(t))
    np.testing.assert_allclose(np.sort(back), [-2, -2, 1, 1, 3, 3], rtol=2e-3)


def test_time_is_that_of_the_flow() -> None:
    reverse = ReverseTrajectories(PRIOR, log_rho, np.zeros((1, 1)), particles=1, steps=16)
    path = reverse.refresh(KEY, lambda x, t: jnp.broadcast_to(2 * t[:, None], x.shape), jnp.float32)
    np.testing.assert_allclose(path[:, 0, 0], np.linspace(0, 1, 17) ** 2 - 1, atol=1e-5)


@pytest.mark.parametrize("moves", [0, 10])
def test_own_samples_are_weighted_to_the_target(moves: int) -> None:
    reverse = ReverseTrajectories(PRIOR, log_rho, particles=8192, steps=32, moves=moves)
    end = np.asarray(reverse.refresh(KEY, GROWTH, jnp.float32)[-1, :, 0])
    assert abs(end.mean() - 1) < 0.1
    assert abs(end.std() - 2) < 0.1
    assert stats.kstest(end[::8], stats.norm(1, 2).cdf).pvalue > 1e-3
    unique = np.unique(end).size
    assert (unique > 0.95 * 8192) == (moves > 0)  # Langevin moves part what resampling made equal


def test_a_hopeless_flow_still_gives_many_particles() -> None:
    far = lambda x: -0.5 * jnp.sum((x - 60) ** 2)  # noqa: E731
    reverse = ReverseTrajectories(PRIOR, far, particles=64, moves=0, least_ess=0.25)
    end = np.asarray(reverse.refresh(KEY, GROWTH, jnp.float32)[-1])
    assert np.unique(end).size >= 0.15 * 64


def test_weights_are_tempered_only_as_far_as_needed(x64: None) -> None:
    log_w = 5 * jax.random.normal(KEY, (1000,), jnp.float64)
    w = np.exp(tempered(log_w, 0.3))
    np.testing.assert_allclose(w.mean() ** 2 / (w**2).mean(), 0.3, rtol=1e-3)
    even = 0.1 * log_w
    np.testing.assert_allclose(tempered(even, 0.3), even - even.max(), atol=1e-12)
    np.testing.assert_array_equal(tempered(jnp.full(4, jnp.nan), 0.3), np.zeros(4))
    holes = tempered(jnp.array([0.0, jnp.nan, 0.1, -jnp.inf, 0.05]), 0.5)
    assert np.all(np.exp(holes)[[1, 3]] == 0)


def test_systematic_draws_have_the_shares_of_the_weights() -> None:
    counts = np.bincount(systematic(KEY, jnp.log(jnp.array([0.1, 0.0, 0.45, 0.45])), 100), minlength=4)
    np.testing.assert_allclose(counts, [10, 0, 45, 45], atol=1)
    few = [np.asarray(systematic(jax.random.key(k), jnp.log(jnp.array([1.0, 3.0])), 1))[0] for k in range(200)]
    assert abs(np.mean(few) - 0.75) < 0.13


def test_own_samples_need_a_divergence() -> None:
    with pytest.raises(ConfigError, match="reverse: expected a Flow with a divergence"):
        ReverseTrajectories(PRIOR, log_rho, particles=2).refresh(KEY, lambda x, t: x, jnp.float32)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"samples": np.zeros((3, 2))}, ShapeError),
        ({"samples": np.zeros(3)}, ShapeError),
        ({"samples": np.zeros((0, 1))}, ShapeError),
        ({"particles": 0}, ConfigError),
        ({"moves": -1}, ConfigError),
        ({"least_ess": 0.0}, ConfigError),
        ({"noisy": 2.0}, ConfigError),
    ],
)
def test_values_out_of_range_are_refused(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match="reverse: "):
        ReverseTrajectories(PRIOR, log_rho, **options)
