"""Points from fixed distributions."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from transjet.collocation import GaussianCloud, UniformBox
from transjet.errors import ConfigError, ShapeError

BOX = UniformBox((-2.0, 1.0, -0.5), (3.0, 1.5, 0.0))
CLOUD = GaussianCloud(3, 2.5)
N = 4096


def draw(sampler: Any, n: int = N, seed: int = 0, dtype: str = "float32") -> Any:
    cache = sampler.refresh(jax.random.key(99), lambda x, t: x, jnp.dtype(dtype))
    assert jax.tree.leaves(cache) == []
    return sampler.draw(jax.random.key(seed), cache, n, jnp.float32(0.5), jnp.dtype(dtype))


def check_distribution(values: np.ndarray, law: Any) -> None:
    """Kolmogorov-Smirnov, at a level that a fixed seed passes unless the distribution is wrong."""
    assert stats.kstest(np.asarray(values, np.float64), law.cdf).pvalue > 1e-3


@pytest.mark.parametrize("sampler", [BOX, CLOUD], ids=["box", "cloud"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [0, 1, 7])
def test_shapes_and_dtypes(sampler: Any, n: int, dtype: str, x64: None) -> None:
    points = draw(sampler, n, dtype=dtype)
    assert (points.x.shape, points.t.shape) == ((n, 3), (n,))
    assert {str(points.x.dtype), str(points.t.dtype)} == {dtype}


@pytest.mark.parametrize("sampler", [BOX, CLOUD], ids=["box", "cloud"])
def test_points_follow_from_the_key(sampler: Any) -> None:
    one, same, other = draw(sampler, 5, 1), draw(sampler, 5, 1), draw(sampler, 5, 2)
    np.testing.assert_array_equal(one.x, same.x)
    np.testing.assert_array_equal(one.t, same.t)
    assert not np.intersect1d(one.x, other.x).size
    assert not np.intersect1d(one.t, other.t).size


def test_box_is_filled_evenly() -> None:
    x, t = (np.asarray(a) for a in draw(BOX))
    assert np.all((x >= BOX.lower) & (x < BOX.upper))
    for values, low, high in zip(x.T, BOX.lower, BOX.upper, strict=True):
        check_distribution(values, stats.uniform(low, high - low))
    check_distribution(t, stats.uniform())
    together = np.corrcoef(np.column_stack([x, t]).T)
    assert np.all(np.abs(together - np.eye(4)) < 4 / np.sqrt(N))


def test_cloud_is_gaussian() -> None:
    x, t = (np.asarray(a) for a in draw(CLOUD))
    for values in x.T:
        check_distribution(values, stats.norm(0, 2.5))
    check_distribution(t, stats.uniform())
    together = np.corrcoef(np.column_stack([x, t]).T)
    assert np.all(np.abs(together - np.eye(4)) < 4 / np.sqrt(N))


@pytest.mark.parametrize(
    ("lower", "upper", "error", "message"),
    [
        ((0.0,), (1.0, 2.0), ShapeError, "box: expected corners of equal length; got 1 and 2"),
        ((), (), ShapeError, "box: expected corners of equal length; got 0 and 0"),
        ((0.0, 1.0), (1.0, 1.0), ConfigError, "box: expected lower < upper in every coordinate"),
        ((0.0, 2.0), (1.0, 1.0), ConfigError, "box: expected lower < upper in every coordinate"),
        ((0.0,), (float("nan"),), ConfigError, "box: expected lower < upper in every coordinate"),
        ((0.0, 0.0), (1.0, float("inf")), ConfigError, r"box: expected finite corners; got .*inf\). Cut it"),
        ((-float("inf"),), (1.0,), ConfigError, r"box: expected finite corners; got \(-inf,\)"),
    ],
)
def test_boxes_without_volume_are_refused(lower: Any, upper: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        UniformBox(lower, upper)


@pytest.mark.parametrize(("dim", "std"), [(0, 1.0), (2, 0.0), (2, -1.0), (2, float("nan"))])
def test_clouds_without_extent_are_refused(dim: int, std: float) -> None:
    with pytest.raises(ConfigError, match=f"cloud: expected positive dim and std; got {dim} and {std}"):
        GaussianCloud(dim, std)
