"""Features of time and their derivatives."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.errors import ConfigError
from transjet.models import TimeFeatures


@pytest.mark.parametrize("frequencies", [0, 1, 3])
@pytest.mark.parametrize("n", [0, 1, 5])
def test_derivatives_are_those_of_the_features(frequencies: int, n: int, x64: None) -> None:
    features = TimeFeatures(frequencies)
    t = jnp.linspace(0.0, 1.0, n)
    tau, dtau = features(t)
    assert tau.shape == dtau.shape == (n, features.count) == (n, 1 + 2 * frequencies)
    _, expected = jax.jvp(lambda t: features(t)[0], (t,), (jnp.ones_like(t),))
    np.testing.assert_allclose(dtau, expected, rtol=1e-13, atol=1e-13)


def test_values(x64: None) -> None:
    tau, _ = TimeFeatures(2)(jnp.array([0.25]))
    root = 2**-0.5
    np.testing.assert_allclose(tau[0], [-0.5, root, 1.0, root, 0.0], atol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_that_of_time(dtype: str, x64: None) -> None:
    assert {str(part.dtype) for part in TimeFeatures(2)(jnp.ones(3, dtype))} == {dtype}


def test_negative_frequencies_are_refused() -> None:
    with pytest.raises(ConfigError, match="time features: frequencies: expected 0 or more; got -1"):
        TimeFeatures(-1)
