"""Factorised weights and Fourier features: other parameters and other starts, the same operations."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from transjet.errors import ConfigError
from transjet.models import MLP, TimeFeatures, is_factorised, plain_layers

MODEL = MLP(2, 2, (4, 3), ("gelu", "tanh"), input_scale=2.0, time=TimeFeatures(1), last_gain=1.0)
FACTORED = dataclasses.replace(MODEL, factorised=True)


@pytest.fixture(scope="module")
def params() -> Any:
    return FACTORED.init(jax.random.key(0))


def test_factors_multiply_to_the_weights_of_a_plain_start(params: Any) -> None:
    plain = MODEL.init(jax.random.key(0))
    assert is_factorised(params)
    assert not is_factorised(plain)
    for (weight, bias), (v, b, s), (w, c) in zip(plain, params, plain_layers(params), strict=True):
        np.testing.assert_allclose(v * np.exp(s)[None], weight, rtol=1e-5)
        np.testing.assert_array_equal(w, v * jnp.exp(s))
        np.testing.assert_array_equal(b, bias)
        np.testing.assert_array_equal(c, bias)
        assert 0 < np.min(np.abs(np.diff(s)))
    assert plain_layers(plain) == plain


def test_values_jets_and_transport_take_factors(params: Any) -> None:
    x, t = jax.random.normal(jax.random.key(1), (5, 2)), jnp.linspace(0, 1, 5)
    layers = plain_layers(params)
    np.testing.assert_array_equal(FACTORED.apply(params, x, t), MODEL.apply(layers, x, t))
    jet, other = (m.jet("divergence_jet", p, x, t) for m, p in ((FACTORED, params), (MODEL, layers)))
    jax.tree.map(np.testing.assert_array_equal, jet, other)
    times = jnp.linspace(0, 1, 5)
    moved, still = (m.transport(p, x, times, jnp.float32(0.5)) for m, p in ((FACTORED, params), (MODEL, layers)))
    jax.tree.map(np.testing.assert_array_equal, moved, still)


def test_scales_of_the_factors_are_scattered() -> None:
    s = np.concatenate([p[2] for p in MLP(1, 1, (500, 500), factorised=True).init(jax.random.key(2))])
    assert stats.kstest(s, stats.norm(0.5, 0.1).cdf).pvalue > 1e-3


# --- Fourier features ---


def test_the_first_layer_is_one_of_sines() -> None:
    model = MLP(2, 1, (1000, 7), "tanh", fourier_scale=3.0)
    assert model.activation == ("sin", "tanh")
    (weight, phase), *_ = model.init(jax.random.key(0))
    assert stats.kstest(np.asarray(weight).ravel(), stats.norm(0, 3).cdf).pvalue > 1e-3
    assert stats.kstest(np.asarray(phase), stats.uniform(0, 2 * np.pi).cdf).pvalue > 1e-3
    rest, others = model.init(jax.random.key(0))[1:], MLP(2, 1, (1000, 7)).init(jax.random.key(0))[1:]
    jax.tree.map(np.testing.assert_array_equal, rest, others)


def test_fourier_features_have_the_kernel_of_a_gaussian() -> None:
    """E cos(w . (z - z')) = exp(-scale^2 |z - z'|^2 / 2), which the features' inner products approach."""
    scale, width = 1.5, 20_000
    (weight, phase), *_ = MLP(1, 1, (width,), fourier_scale=scale).init(jax.random.key(3))
    x, t = jnp.array([[0.0], [0.3], [0.8]]), jnp.full(3, 0.5)
    z = jnp.concatenate([x, (2 * t - 1)[:, None]], axis=1)
    features = np.asarray(jnp.sin(z @ weight + phase))
    gram = 2 * features @ features.T / width
    np.testing.assert_allclose(gram, np.exp(-(scale**2) * np.asarray(x - x.T) ** 2 / 2), atol=0.03)


def test_jets_go_through_mixed_activations(x64: None) -> None:
    model = MLP(2, 1, (6, 5), "gelu", fourier_scale=2.0, factorised=True, last_gain=1.0)
    params = model.init(jax.random.key(1), jnp.float64)
    x, t = jax.random.normal(jax.random.key(2), (4, 2), jnp.float64), jnp.linspace(0, 1, 4)
    jet = model.jet("gradient_jet", params, x, t)
    value = lambda x, t: model.apply(params, x[None], t[None])[0, 0]  # noqa: E731
    np.testing.assert_allclose(jet.grad, jax.vmap(jax.grad(value))(x, t), rtol=1e-10)
    np.testing.assert_allclose(jet.dt, jax.vmap(jax.grad(value, 1))(x, t), rtol=1e-10)


@pytest.mark.parametrize("scale", [-1.0, float("nan"), float("inf")])
def test_impossible_scales_are_refused(scale: float) -> None:
    with pytest.raises(ConfigError, match="MLP: fourier_scale: expected 0 or a positive number"):
        MLP(1, 1, (3,), fourier_scale=scale)


def test_features_need_a_layer() -> None:
    with pytest.raises(ConfigError, match="MLP: fourier_scale: expected a hidden layer"):
        MLP(1, 1, (), fourier_scale=1.0)
