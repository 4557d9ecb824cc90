"""Mixtures of collocation distributions."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.collocation import GaussianCloud, Mixture, Points, UniformBox
from transjet.errors import ConfigError

LEFT, MIDDLE, RIGHT = (UniformBox((a,), (a + 1.0,)) for a in (-5.0, 0.0, 5.0))
N = 4096


def draw(mixture: Mixture, progress: float, n: int = N, seed: int = 0, dtype: str = "float32") -> Points:
    cache = mixture.refresh(jax.random.key(9), lambda x, t: x, jnp.dtype(dtype))
    return mixture.draw(jax.random.key(seed), cache, n, jnp.float32(progress), jnp.dtype(dtype))


@pytest.mark.parametrize(
    ("progress", "expected"),
    [(0.0, (0.75, 0.25, 0.0)), (0.2, (0.5, 0.25, 0.25)), (0.4, (0.25, 0.25, 0.5)), (1.0, (0.25, 0.25, 0.5))],
)
def test_shares_move_from_start_to_end(progress: float, expected: tuple[float, ...]) -> None:
    mixture = Mixture((LEFT, MIDDLE, RIGHT), (3, 1, 0), (1, 1, 2), settled=0.4)
    np.testing.assert_allclose(mixture.shares(jnp.float32(progress)), expected, atol=1e-6)
    x = np.asarray(draw(mixture, progress).x[:, 0])
    counts = np.array([np.sum((x >= box.lower[0]) & (x < box.upper[0])) for box in (LEFT, MIDDLE, RIGHT)])
    assert counts.sum() == N
    for count, share in zip(counts, expected, strict=True):
        assert abs(count / N - share) <= 4 * np.sqrt(share * (1 - share) / N)


def test_without_an_end_shares_stay() -> None:
    mixture = Mixture((LEFT, RIGHT), (1, 3))
    for progress in (0.0, 0.5, 1.0):
        np.testing.assert_allclose(mixture.shares(jnp.float32(progress)), (0.25, 0.75))


def test_a_component_with_no_share_gives_no_point() -> None:
    assert np.all(np.asarray(draw(Mixture((LEFT, RIGHT), (0, 1), (1, 0)), 0.0).x) >= 5)
    assert np.all(np.asarray(draw(Mixture((LEFT, RIGHT), (0, 1), (1, 0)), 1.0).x) < -4)


def test_every_component_draws_from_its_own_cache() -> None:
    class Remembers(GaussianCloud):
        def refresh(self, key: Any, drift: Any, dtype: Any) -> Any:
            return jax.random.uniform(key, (), dtype)

        def draw(self, key: Any, cache: Any, n: int, progress: Any, dtype: Any) -> Points:
            return Points(jnp.full((n, 1), cache), jnp.full(n, progress))

    mixture = Mixture((Remembers(1), Remembers(1)), (1, 1))
    cache = mixture.refresh(jax.random.key(3), lambda x, t: x, jnp.float32)
    points = mixture.draw(jax.random.key(4), cache, 64, jnp.float32(0.5), jnp.float32)
    assert cache[0] != cache[1]
    assert set(np.asarray(points.x[:, 0]).tolist()) == {float(c) for c in cache}
    np.testing.assert_array_equal(points.t, 0.5)


def test_components_do_not_share_their_randomness() -> None:
    twins = Mixture((MIDDLE, MIDDLE), (1, 1))
    x = np.asarray(draw(twins, 0.0).x)
    assert np.unique(x).size > 0.99 * N


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [0, 1, 5])
def test_shapes_and_dtypes(n: int, dtype: str, x64: None) -> None:
    points = draw(Mixture((LEFT, RIGHT), (1, 1)), 0.3, n, dtype=dtype)
    assert (points.x.shape, points.t.shape) == ((n, 1), (n,))
    assert {str(points.x.dtype), str(points.t.dtype)} == {dtype}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": (1,)}, r"mixture: start: expected 2 shares >= 0, not all zero; got \(1,\)"),
        ({"start": (0, 0)}, "mixture: start: expected 2 shares >= 0, not all zero"),
        ({"start": (2, -1)}, "mixture: start: expected 2 shares >= 0, not all zero"),
        ({"end": (1, 1, 1)}, "mixture: end: expected 2 shares >= 0, not all zero"),
        ({"end": (0, 0)}, "mixture: end: expected 2 shares >= 0, not all zero"),
        ({"end": ()}, "mixture: end: expected 2 shares >= 0, not all zero"),
        ({"start": (1, float("nan"))}, "mixture: start: expected 2 shares >= 0, not all zero"),
        ({"settled": 0.0}, r"mixture: settled: expected a progress in \(0, 1\]; got 0.0"),
        ({"settled": 1.5}, r"mixture: settled: expected a progress in \(0, 1\]; got 1.5"),
        ({"components": (), "start": ()}, "mixture: start: expected 0 shares"),
    ],
)
def test_impossible_shares_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Mixture(**({"components": (LEFT, RIGHT), "start": (1, 1)} | options))
