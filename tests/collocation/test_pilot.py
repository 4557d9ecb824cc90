"""Langevin moves, and the box that a pilot run of them finds."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from transjet.collocation import pilot_box
from transjet.collocation.mala import mala
from transjet.errors import ConfigError, TargetError
from transjet.paths import GaussianPrior

KEY = jax.random.key(6)


def banana(x: Any) -> Any:
    """x_0 ~ N(0, 2^2), x_1 given x_0 ~ N(x_0^2 / 4, 1)."""
    return -0.5 * (x[0] / 2) ** 2 - 0.5 * (x[1] - x[0] ** 2 / 4) ** 2


def test_langevin_moves_leave_the_density_as_it_is() -> None:
    """Uncorrected steps of this size would not."""
    start = jax.random.normal(KEY, (4096, 1))
    moved = jax.jit(lambda k: mala(k, lambda x: -0.5 * jnp.sum(x * x), start, jnp.float32(0.7), 20))(KEY)
    assert stats.kstest(np.asarray(moved.x[:, 0]), stats.norm().cdf).pvalue > 1e-3
    assert not np.any(np.isclose(moved.x, start, atol=1e-3).mean() > 0.05)


def test_step_sizes_adapt_and_proposals_without_density_are_rejected() -> None:
    narrow = lambda x: jnp.where(x[0] > 0, -0.5 * jnp.sum(x * x) / 1e-2, -jnp.inf)  # noqa: E731
    start = jnp.abs(0.1 * jax.random.normal(KEY, (512, 1)))
    moved = mala(KEY, narrow, start, jnp.float32(10.0), 60)
    assert float(moved.x.min()) > 0
    assert float(moved.step) < 0.1
    assert float(moved.lowest[0]) <= float(moved.x.min())
    assert float(moved.highest[0]) >= float(moved.x.max())


def test_the_box_holds_target_and_prior() -> None:
    prior = GaussianPrior(2, 1.0)
    pilot = pilot_box(banana, prior, KEY, particles=128)
    rng = np.random.default_rng(0)
    x0 = 2 * rng.standard_normal(4000)
    x = np.column_stack([x0, x0**2 / 4 + rng.standard_normal(4000)])
    lower, upper = np.array(pilot.box.lower), np.array(pilot.box.upper)
    assert np.mean(np.all((x > lower) & (x < upper), axis=1)) > 0.97
    assert np.all(lower < -2)
    assert np.all(upper > 2)
    assert np.all(upper - lower < 40)
    assert 0.3 < pilot.acceptance < 0.95


def test_evaluations_are_counted() -> None:
    """As many as the log density sees."""
    seen: list[int] = []

    def counted(x: Any) -> Any:
        jax.debug.callback(lambda _: seen.append(1), x[0])
        return -0.5 * jnp.sum(x * x)

    pilot = pilot_box(counted, GaussianPrior(1, 1.0), KEY, particles=3, temperatures=2, moves=4)
    jax.effects_barrier()
    assert pilot.evaluations == 3 * (2 * 5 + 1)  # the last one: is there a density at all?
    assert len(seen) == pilot.evaluations


def test_a_density_that_is_nowhere_finite_is_refused() -> None:
    with pytest.raises(TargetError, match="pilot: expected a log density that is finite somewhere"):
        pilot_box(lambda x: jnp.nan * x[0], GaussianPrior(1), KEY, particles=4, temperatures=1, moves=1)


@pytest.mark.parametrize("options", [{"particles": 0}, {"temperatures": 0}, {"moves": 0}, {"margin": -0.1}])
def test_values_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="pilot: "):
        pilot_box(banana, GaussianPrior(2), KEY, **options)
