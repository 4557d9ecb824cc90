"""Directions of the Hutchinson estimator: shapes, dtypes, and that estimates with them are unbiased."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jet_oracle import Case, Operands, operands, operation, outputs_of

from transjet import ops
from transjet.errors import ConfigError

KEY = jax.random.key(0)


@pytest.mark.parametrize("kind", ["rademacher", "normal", "coordinates"])
@pytest.mark.parametrize(("points", "shape"), [(None, (2, 3)), (5, (5, 2, 3)), (0, (0, 2, 3))])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shape_and_dtype(kind: str, points: int | None, shape: tuple[int, ...], dtype: str, x64: None) -> None:
    v = ops.hutchinson_directions(KEY, 2, 3, points=points, kind=kind, dtype=jnp.dtype(dtype))
    assert (v.shape, str(v.dtype)) == (shape, dtype)


@pytest.mark.parametrize("kind", ["rademacher", "normal", "coordinates"])
def test_their_outer_products_add_up_to_the_identity_on_average(kind: str) -> None:
    n, k, d = 20_000, 3, 4
    v = np.asarray(ops.hutchinson_directions(KEY, k, d, points=n, kind=kind), np.float64)
    outer = np.einsum("nki,nkj->nij", v, v)
    error = outer.mean(axis=0) - np.eye(d)
    assert np.all(np.abs(error) <= 5 * outer.std(axis=0) / np.sqrt(n) + 1e-6)


def test_rademacher_directions_have_entries_of_one_size() -> None:
    v = ops.hutchinson_directions(KEY, 4, 5, points=11)
    np.testing.assert_allclose(np.abs(v), 0.5, rtol=1e-6)
    assert {-0.5, 0.5} == set(np.unique(v).tolist())


@pytest.mark.parametrize("kind", ["rademacher", "normal", "coordinates"])
@pytest.mark.parametrize(("name", "field"), [("laplacian_jet", "laplacian"), ("divergence_jet", "divergence")])
def test_estimates_are_unbiased(name: str, field: str, kind: str) -> None:
    n, d = 8192, 3
    one = operands(Case(1, d, 1, (("sin", 6), ("tanh", 5))), outputs_of(name, d), 3)
    copies = Operands(one.layers, *(jnp.broadcast_to(a, (n, a.shape[1])) for a in one[1:4]))
    exact = float(operation(name, ("sin", "tanh"), one)[-1][0])
    directions = ops.hutchinson_directions(KEY, 2, d, points=n, kind=kind)
    estimates = np.asarray(operation(name, ("sin", "tanh"), copies._replace(directions=directions))[-1], np.float64)
    std_error = estimates.std() / np.sqrt(n)
    assert 0 < std_error < 0.05
    assert abs(estimates.mean() - exact) < 4 * std_error


@pytest.mark.parametrize(("count", "dim"), [(0, 3), (2, 0), (-1, 3)])
def test_counts_below_one_are_refused(count: int, dim: int) -> None:
    with pytest.raises(ConfigError, match=f"expected count and dim of at least 1; got {count} and {dim}"):
        ops.hutchinson_directions(KEY, count, dim)


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="kind: expected 'rademacher', 'normal' or 'coordinates'; got 'uniform'"):
        ops.hutchinson_directions(KEY, 2, 3, kind="uniform")


def test_a_negative_number_of_points_is_refused() -> None:
    with pytest.raises(ConfigError, match="points: expected None, or at least 0; got -1"):
        ops.hutchinson_directions(KEY, 2, 3, points=-1)
