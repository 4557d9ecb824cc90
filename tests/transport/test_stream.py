"""Streams: reproducible batches, and running figures that equal those of all samples at once."""

from __future__ import annotations

import itertools
import tracemalloc
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet import metrics
from transjet.errors import ShapeError
from transjet.transport import RunningWeights, stream


@jax.jit
def draw(key: Any) -> Any:
    x = jax.random.normal(key, (500, 3))
    return x, 0.7 * x[:, 0] + 30, x[:, 1]


def test_running_figures_are_those_of_all_samples() -> None:
    batches = list(itertools.islice(stream(draw, jax.random.key(0)), 6))
    log_w = np.concatenate([b.samples.log_weights for b in batches])
    last, z, ess = batches[-1].figures, metrics.log_z(log_w), metrics.ess(log_w)
    assert (last.n, last.lost) == (3000, 0)
    np.testing.assert_allclose([last.log_z, last.log_z_std_error], z, rtol=1e-9)
    np.testing.assert_allclose([last.ess, last.ess_std_error], ess, rtol=1e-6)
    np.testing.assert_allclose(batches[0].figures.log_z, metrics.log_z(log_w[:500]).value, rtol=1e-12)


def test_a_stream_is_a_function_of_its_key_and_does_not_repeat() -> None:
    first, again, other = (
        list(itertools.islice(stream(draw, jax.random.key(seed)), 2)) for seed in (0, 0, 1)
    )  # fmt: skip
    np.testing.assert_array_equal(first[1].samples.x, again[1].samples.x)
    assert not (first[0].samples.x == first[1].samples.x).all(axis=1).any()
    assert not (first[0].samples.x == other[0].samples.x).all(axis=1).any()


def test_memory_is_that_of_a_batch() -> None:
    big = np.zeros((20_000, 3)), np.zeros(20_000), np.zeros(20_000)
    endless = stream(lambda key: tuple(a.copy() for a in big), jax.random.key(0))
    next(endless)
    tracemalloc.start()
    for _ in range(40):
        next(endless)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * sum(a.nbytes for a in big)


def test_lost_samples_count_as_draws_and_greater_weights_may_come_later() -> None:
    parts = [[0.0, -np.inf, np.nan], [700.0, np.inf], [-np.inf], [-2000.0]]
    running = RunningWeights()
    for part in parts:
        running.add(part)
    log_w = np.array([w for part in parts for w in part])
    figures = running.figures()
    assert (figures.n, figures.lost) == (7, 2)
    np.testing.assert_allclose(figures.log_z, metrics.log_z(log_w, nonfinite="count").value)
    np.testing.assert_allclose(figures.ess, 1 / 7)


def test_too_few_samples_have_no_figures() -> None:
    running = RunningWeights()
    assert np.isnan(running.figures().log_z)
    running.add([-np.inf])
    assert running.figures().log_z == -np.inf and np.isnan(running.figures().ess)
    single = RunningWeights()
    single.add(jnp.array([2.0]))
    assert single.figures().log_z == 2 and np.isnan(single.figures().log_z_std_error)
    with pytest.raises(ShapeError, match=r"running weights: expected log weights of shape \(m,\)"):
        single.add([[1.0]])
