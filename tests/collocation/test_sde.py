"""Points along a diffusion."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from transjet.collocation import Flow, SdeTrajectories, Trajectories
from transjet.errors import ConfigError
from transjet.paths import GaussianPrior

KEY = jax.random.key(2)
PRIOR = GaussianPrior(1, 1.5)


def still(x: Any, t: Any) -> Any:
    return 0 * x


def test_without_drift_it_is_brownian_motion_at_every_time() -> None:
    sigma, n = 2.0, 8192
    sde = SdeTrajectories(PRIOR, sigma, n, steps=4)
    points = sde.draw(KEY, sde.refresh(KEY, still, jnp.float32), n, jnp.float32(0), jnp.float32)
    std = np.sqrt(1.5**2 + sigma**2 * np.asarray(points.t))
    # Four steps only: without bridges between them the points would be too close together.
    assert stats.kstest(np.asarray(points.x[:, 0]) / std, stats.norm().cdf).pvalue > 1e-3


def test_the_score_keeps_the_densities_of_the_flow() -> None:
    """N(0, e^{2t} 1.5^2): velocity x, score -x / (1.5 e^t)^2."""
    n = 8192
    flow = Flow(lambda x, t: x, score=lambda x, t: -x / (1.5 * jnp.exp(t[:, None])) ** 2)
    end = SdeTrajectories(PRIOR, 1.3, n, steps=200).refresh(KEY, flow, jnp.float32)[-1, :, 0]
    np.testing.assert_allclose(np.std(np.asarray(end)), 1.5 * np.e, rtol=0.03)
    plain = SdeTrajectories(PRIOR, 1.3, n, steps=200).refresh(KEY, flow.velocity, jnp.float32)[-1, :, 0]
    expected = np.sqrt((1.5 * np.e) ** 2 + 1.3**2 * (np.e**2 - 1) / 2)
    np.testing.assert_allclose(np.std(np.asarray(plain)), expected, rtol=0.03)


def test_nan_and_runaways_are_stopped() -> None:
    lost = SdeTrajectories(PRIOR, 1.0, 4, 3).refresh(KEY, lambda x, t: x * jnp.nan, jnp.float32)
    np.testing.assert_array_equal(lost, jnp.broadcast_to(lost[0], lost.shape))
    far = SdeTrajectories(PRIOR, 1.0, 4, 8, radius=9.0).refresh(KEY, lambda x, t: 1e4 * x, jnp.float32)
    assert float(jnp.abs(far).max()) == 9.0


@pytest.mark.parametrize("kind", [SdeTrajectories, Trajectories])
@pytest.mark.parametrize("particles", [6, 7])
def test_antithetic_starts_come_in_pairs(kind: Any, particles: int) -> None:
    start = np.asarray(kind(PRIOR, particles=particles, steps=1, antithetic=True).refresh(KEY, still, jnp.float32)[0])
    half = (particles + 1) // 2
    assert start.shape == (particles, 1)
    assert np.unique(np.abs(start)).size == half
    np.testing.assert_array_equal(start[half:], -start[: particles - half])


def test_antithetic_pairs_have_the_same_spread_and_stay_symmetric_under_an_odd_drift() -> None:
    along = Trajectories(PRIOR, 6, 4, spread=0.5, antithetic=True)
    path = np.asarray(along.refresh(KEY, lambda x, t: jnp.sin(x), jnp.float32))
    np.testing.assert_allclose(path[:, 3:], -path[:, :3], rtol=1e-6)


@pytest.mark.parametrize("options", [{"sigma": 0.0}, {"particles": 0}, {"steps": 0}, {"radius": 0.0}])
def test_values_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="sde: "):
        SdeTrajectories(PRIOR, **options)
