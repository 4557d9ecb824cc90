"""Points along the current flow's own trajectories."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from transjet.collocation import Trajectories
from transjet.errors import ConfigError
from transjet.paths import GaussianPrior

PRIOR = GaussianPrior(2, 1.5)
KEY = jax.random.key(5)


def still(x: Any, t: Any) -> Any:
    return 0 * x


def growth(x: Any, t: Any) -> Any:
    return x


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shapes_and_dtypes(dtype: str, x64: None) -> None:
    along = Trajectories(PRIOR, particles=7, steps=4)
    cache = along.refresh(KEY, growth, jnp.dtype(dtype))
    assert (cache.shape, str(cache.dtype)) == ((5, 7, 2), dtype)
    for n in (0, 1, 20):
        points = along.draw(KEY, cache, n, jnp.float32(0.5), jnp.dtype(dtype))
        assert (points.x.shape, points.t.shape) == ((n, 2), (n,))
        assert {str(points.x.dtype), str(points.t.dtype)} == {dtype}


def test_trajectories_start_at_the_prior() -> None:
    start = np.asarray(Trajectories(PRIOR, particles=4096, steps=1).refresh(KEY, growth, jnp.float32)[0])
    for values in start.T:
        assert stats.kstest(values, stats.norm(0, 1.5).cdf).pvalue > 1e-3


def test_spread_scales_every_start_by_a_factor_of_its_own() -> None:
    n, spread = 4096, 0.7
    plain, wide = (Trajectories(PRIOR, n, 1, spread=s).refresh(KEY, still, jnp.float32)[0] for s in (0.0, spread))
    factor = np.asarray(wide / plain)
    np.testing.assert_allclose(factor[:, 0], factor[:, 1], rtol=1e-4)
    assert stats.kstest(np.log(factor[:, 0]), stats.norm(0, spread).cdf).pvalue > 1e-3


def test_coordinates_are_scattered_each_for_itself() -> None:
    n, spread = 4096, 0.7
    plain = Trajectories(PRIOR, n, 1).refresh(KEY, still, jnp.float32)[0]
    wide = Trajectories(PRIOR, n, 1, spread=spread, coordinates=True).refresh(KEY, still, jnp.float32)[0]
    factor = np.log(np.asarray(wide / plain))
    for values in factor.T:
        assert stats.kstest(values, stats.norm(0, spread).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(factor.T)[0, 1]) < 4 / np.sqrt(n)


def test_trajectories_follow_an_exponential(x64: None) -> None:
    steps = 32
    path = Trajectories(PRIOR, 5, steps).refresh(KEY, growth, jnp.float64)
    times = np.arange(steps + 1) / steps
    factor = (1 + 1 / steps + 0.5 / steps**2) ** np.arange(steps + 1)  # what the midpoint rule makes of it
    np.testing.assert_allclose(path, factor[:, None, None] * path[0], rtol=1e-13)
    np.testing.assert_allclose(path, np.exp(times)[:, None, None] * path[0], rtol=5e-4)


def test_the_midpoint_rule_sees_the_time_of_the_midpoint(x64: None) -> None:
    path = Trajectories(PRIOR, 3, 8).refresh(KEY, lambda x, t: jnp.broadcast_to(2 * t[:, None], x.shape), jnp.float64)
    times = np.arange(9) / 8
    np.testing.assert_allclose(path - path[0], np.broadcast_to(times[:, None, None] ** 2, path.shape), atol=1e-14)


@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf, -jnp.inf])
def test_a_particle_without_a_finite_drift_stays_where_it_is(bad: float) -> None:
    def drift(x: Any, t: Any) -> Any:
        return jnp.where((jnp.arange(x.shape[0]) == 1)[:, None], bad, x)

    path = np.asarray(Trajectories(PRIOR, 3, 4).refresh(KEY, drift, jnp.float32))
    assert np.isfinite(path).all()
    np.testing.assert_array_equal(path[:, 1], np.broadcast_to(path[0, 1], (5, 2)))
    assert np.all(path[-1, [0, 2]] != path[0, [0, 2]])


def test_one_coordinate_without_a_finite_drift_holds_back_its_whole_particle() -> None:
    def drift(x: Any, t: Any) -> Any:
        return x.at[1, 0].set(jnp.nan)

    path = np.asarray(Trajectories(PRIOR, 3, 4).refresh(KEY, drift, jnp.float32))
    np.testing.assert_array_equal(path[:, 1], np.broadcast_to(path[0, 1], (5, 2)))
    assert np.all(path[-1, [0, 2]] != path[0, [0, 2]])


def test_particles_that_run_away_are_stopped() -> None:
    path = np.asarray(Trajectories(PRIOR, 3, 16, radius=10.0).refresh(KEY, lambda x, t: 1e3 * x, jnp.float32))
    np.testing.assert_array_equal(np.abs(path[-1]), 10.0)
    np.testing.assert_array_equal(np.sign(path[-1]), np.sign(path[0]))


# --- drawing ---


def test_every_particle_is_drawn_once_before_any_is_drawn_twice() -> None:
    along = Trajectories(PRIOR, 11, 4, noise=0.0)
    cache = along.refresh(KEY, still, jnp.float32)
    for n, counts in ((11, {1}), (8, {0, 1}), (22, {2}), (25, {2, 3})):
        x = np.asarray(along.draw(jax.random.key(n), cache, n, jnp.float32(0), jnp.float32).x)
        distance = np.abs(x[:, None] - np.asarray(cache[0])).max(axis=2)
        assert distance.min(axis=1).max() < 1e-6
        assert set(np.bincount(distance.argmin(axis=1), minlength=11).tolist()) == counts
    # Which of them come first is random.
    few = [np.asarray(along.draw(jax.random.key(k), cache, 3, jnp.float32(0), jnp.float32).x) for k in (0, 1)]
    assert not np.array_equal(*few)


def test_points_lie_on_trajectories_at_their_times(x64: None) -> None:
    along = Trajectories(PRIOR, 64, 256, noise=0.0)
    cache = along.refresh(KEY, growth, jnp.float64)
    x, t = (np.asarray(a) for a in along.draw(KEY, cache, 64, jnp.float32(0), jnp.float64))
    origin = x * np.exp(-t)[:, None]
    distance = np.abs(origin[:, None] - np.asarray(cache[0])).max(axis=2).min(axis=1)
    assert np.all(distance < 1e-4)
    assert np.unique(np.abs(origin[:, None] - np.asarray(cache[0])).max(axis=2).argmin(axis=1)).size == 64


def test_times_are_uniform() -> None:
    along = Trajectories(PRIOR, 16, 4)
    t = along.draw(KEY, along.refresh(KEY, still, jnp.float32), 4096, jnp.float32(0), jnp.float32).t
    assert stats.kstest(np.asarray(t, np.float64), stats.uniform().cdf).pvalue > 1e-3


def test_noise_displaces_the_chosen_share_of_points() -> None:
    n, noise, noisy = 4096, 0.4, 0.25
    draws = []
    for size in (0.0, noise):
        along = Trajectories(PRIOR, n, 2, noise=size, noisy=noisy)
        draws.append(
            np.asarray(along.draw(KEY, along.refresh(KEY, still, jnp.float32), n, jnp.float32(0), jnp.float32).x)
        )
    displacement = draws[1] - draws[0]
    moved = np.any(displacement != 0, axis=1)
    assert abs(moved.mean() - noisy) < 4 * np.sqrt(noisy * (1 - noisy) / n)
    for values in displacement[moved].T:
        assert stats.kstest(values, stats.norm(0, noise).cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"particles": 0}, "trajectories: expected particles, steps >= 1; got 0, 32"),
        ({"steps": 0}, "trajectories: expected particles, steps >= 1; got 1024, 0"),
        ({"noise": -0.1}, "trajectories: expected noise, spread >= 0, .*; got -0.1, 0.0, 0.5, 1000.0"),
        ({"noise": float("nan")}, "trajectories: expected noise, spread >= 0, .*; got nan"),
        ({"spread": -0.5}, "trajectories: expected noise, spread >= 0, .*; got 0.3, -0.5"),
        ({"spread": float("nan")}, "trajectories: expected noise, spread >= 0, .*; got 0.3, nan"),
        ({"noisy": 1.5}, "trajectories: .* 0 <= noisy <= 1, .*; got 0.3, 0.0, 1.5"),
        ({"noisy": float("nan")}, "trajectories: .* 0 <= noisy <= 1, .*; got 0.3, 0.0, nan"),
        ({"radius": 0.0}, "trajectories: .* radius > 0; got 0.3, 0.0, 0.5, 0.0"),
        ({"radius": float("nan")}, "trajectories: .* radius > 0; got 0.3, 0.0, 0.5, nan"),
    ],
)
def test_impossible_settings_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Trajectories(PRIOR, **options)
