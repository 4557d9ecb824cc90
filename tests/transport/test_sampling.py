"""Weighted samples, and the flow's density at given points."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.errors import ConfigError
from transjet.models import DivergenceJet
from transjet.paths import GaussianPrior
from transjet.transport import adaptive_transport, log_density_of, push_prior, sample_in_batches

D, START, END, LOG_Z = 3, 2.0, 0.7, -1.4
CENTRE = np.array([1.0, -2.0, 0.5])
PRIOR = GaussianPrior(D, START)


def exact(x: Any, t: Any) -> DivergenceJet:
    """Carries N(0, START^2 I) to N(CENTRE, END^2 I) along N(t CENTRE, (START (END / START)^t)^2 I)."""
    rate = float(np.log(END / START))
    centre = jnp.asarray(CENTRE, x.dtype)
    return DivergenceJet(centre + rate * (x - t[:, None] * centre), jnp.full(x.shape[:1], D * rate, x.dtype))


def log_target(x: Any) -> Any:
    return GaussianPrior(D, END).log_density(x - jnp.asarray(CENTRE, x.dtype))


def log_rho(x: Any) -> Any:
    return log_target(x) + LOG_Z


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-5), ("float64", 1e-9)])
def test_the_exact_flow_has_equal_weights(dtype: str, tolerance: float, x64: None) -> None:
    push = jax.jit(lambda key: push_prior(exact, PRIOR, log_rho, key, 257, dtype=jnp.dtype(dtype)))
    x, log_w, log_q = push(jax.random.key(0))
    assert {str(a.dtype) for a in (x, log_w, log_q)} == {dtype}
    assert (x.shape, log_w.shape, log_q.shape) == ((257, D), (257,), (257,))
    np.testing.assert_allclose(log_w, LOG_Z, atol=tolerance)
    np.testing.assert_allclose(log_q, jax.vmap(log_target)(x), rtol=1e-5, atol=tolerance)
    w = np.exp(np.asarray(log_w, np.float64))
    assert abs(w.sum() ** 2 / (w**2).sum() / 257 - 1) < 1e-6
    mean, spread = np.asarray(x).mean(axis=0), np.asarray(x).std(axis=0)
    assert np.all(np.abs(mean - CENTRE) < 4 * END / np.sqrt(257))
    assert np.all(np.abs(spread - END) < 4 * END / np.sqrt(2 * 257))


def test_another_transport_gives_the_same_weights(x64: None) -> None:
    options = {"transport": lambda field, x: adaptive_transport(field, x, rtol=1e-8, atol=1e-8), "dtype": jnp.float64}
    _, log_w, _ = jax.jit(lambda key: push_prior(exact, PRIOR, log_rho, key, 16, **options))(jax.random.key(0))
    np.testing.assert_allclose(log_w, LOG_Z, atol=1e-6)


def test_log_density_of_given_points(x64: None) -> None:
    x = jnp.asarray(CENTRE + np.random.default_rng(0).standard_normal((9, D)))
    density = jax.jit(lambda x: log_density_of(exact, PRIOR, x))(x)
    np.testing.assert_allclose(density, jax.vmap(log_target)(x), atol=1e-8)


def wavy(x: Any, t: Any) -> DivergenceJet:
    """A nonlinear field on the line."""
    rate = 1 + t
    return DivergenceJet(rate[:, None] * jnp.sin(2 * x), 2 * rate * jnp.cos(2 * x[:, 0]))


LINE = GaussianPrior(1, 1.0)


def test_the_flows_density_integrates_to_one(x64: None) -> None:
    x = jnp.linspace(-8.0, 8.0, 4001)
    density = np.exp(jax.jit(lambda x: log_density_of(wavy, LINE, x))(x[:, None]))
    assert density.max() > 3 * density.mean()
    np.testing.assert_allclose(np.trapezoid(density, x), 1, atol=1e-5)


def test_samples_carry_the_density_that_the_reverse_gives(x64: None) -> None:
    push = jax.jit(lambda key: push_prior(wavy, LINE, lambda x: 0.0 * x[0], key, 32, dtype=jnp.float64))
    x, log_w, log_q = push(jax.random.key(1))
    np.testing.assert_allclose(jax.jit(lambda x: log_density_of(wavy, LINE, x))(x), log_q, atol=1e-5)
    np.testing.assert_allclose(log_w, -log_q)


# --- batches ---


@pytest.mark.parametrize(("n", "batch", "calls"), [(1, 1, 1), (10, 4, 3), (8, 4, 2), (3, 7, 1)])
def test_batches_add_up(n: int, batch: int, calls: int) -> None:
    seen = []

    def draw(key: Any) -> Any:
        seen.append(jax.random.key_data(key).tolist())
        x = jax.random.normal(key, (batch, 2))
        return x, x[:, 0], x[:, 1]

    samples = sample_in_batches(draw, jax.random.key(0), n, batch)
    assert len(seen) == len(set(map(tuple, seen))) == calls
    assert all(isinstance(a, np.ndarray) for a in samples)
    assert (samples.x.shape, samples.log_weights.shape, samples.log_q.shape) == ((n, 2), (n,), (n,))
    np.testing.assert_array_equal(samples.x, np.stack([samples.log_weights, samples.log_q], axis=1))
    assert len(np.unique(samples.x)) == 2 * n


@pytest.mark.parametrize(("n", "batch"), [(0, 4), (4, 0), (-1, 4)])
def test_no_samples_are_refused(n: int, batch: int) -> None:
    with pytest.raises(ConfigError, match=f"sample: expected n and batch of at least 1; got {n} and {batch}"):
        sample_in_batches(lambda key: (), jax.random.key(0), n, batch)


@pytest.mark.parametrize(("n", "batch"), [(10.5, 4), ("3", 4), (4, 2.0), (True, 4), (None, 4)])
def test_counts_that_are_not_whole_are_refused(n: Any, batch: Any) -> None:
    with pytest.raises(ConfigError, match=f"sample: expected whole numbers n and batch; got {n!r} and {batch!r}"):
        sample_in_batches(lambda key: (), jax.random.key(0), n, batch)
