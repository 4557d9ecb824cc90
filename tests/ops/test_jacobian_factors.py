"""Kept factors: products with them are those without, bit for bit, or they are not used."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jet_oracle import served_by
from test_products import RESIDUALS, numbers, terms_of

from transjet import ops
from transjet.errors import ShapeError

KEEPS = "cpu" in served_by("jacobian_factors")
needs_core = pytest.mark.skipif(not KEEPS, reason="only the compiled core keeps factors, and it is not built")


def vectors_of(terms: list[ops.Term]) -> list[Any]:
    def number_tree(seed: int, layers: Any) -> Any:
        return jax.tree.map(lambda a: numbers(a.shape, seed + a.size, str(a.dtype)), layers)

    return [number_tree(i, tuple(t.layers)) for i, t in enumerate(terms)]


def assert_same(one: object, other: object) -> None:
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(a, b)


@needs_core
@pytest.mark.parametrize("residual", RESIDUALS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_are_the_same_bits(residual: str, dtype: str, x64: None) -> None:
    terms = [t._replace(backend="cpu") for t in terms_of(RESIDUALS[residual], dtype)]
    vectors, weights = vectors_of(terms), numbers(terms[0].x.shape[:1], 5, dtype)
    factors = ops.jacobian_factors(terms, memory=1e9)
    assert factors is not None
    assert factors.dtype == jnp.uint8
    assert_same(ops.gauss_newton(terms, vectors, weights, factors=factors), ops.gauss_newton(terms, vectors, weights))


@needs_core
def test_the_factors_and_not_the_terms_are_used() -> None:
    terms, others = (terms_of(RESIDUALS[r], "float32") for r in ("continuity", "continuity"))
    others = [t._replace(x=t.x + 1) for t in others]
    vectors = vectors_of(terms)
    factors = ops.jacobian_factors(others, memory=1e9)
    assert_same(ops.gauss_newton(terms, vectors, factors=factors), ops.gauss_newton(others, vectors))


@needs_core
def test_several_vectors_share_them() -> None:
    terms = terms_of(RESIDUALS["continuity"], "float32")
    factors = ops.jacobian_factors(terms, memory=1e9)
    many = jax.tree.map(lambda a: jnp.stack([a, 2 * a, -a]), vectors_of(terms))
    assert_same(
        jax.jit(jax.vmap(lambda v: ops.gauss_newton(terms, v, factors=factors)))(many),
        jax.vmap(lambda v: ops.gauss_newton(terms, v))(many),
    )


@needs_core
def test_memory_bounds_them() -> None:
    terms = terms_of(RESIDUALS["continuity"], "float32")
    factors = ops.jacobian_factors(terms, memory=1e9)
    assert factors is not None
    assert ops.jacobian_factors(terms, memory=factors.nbytes - 1) is None
    assert ops.jacobian_factors(terms, memory=factors.nbytes) is not None
    vectors = vectors_of(terms)
    assert_same(ops.gauss_newton(terms, vectors, factors=None), ops.gauss_newton(terms, vectors))


def test_the_reference_keeps_none() -> None:
    terms = [t._replace(backend="xla") for t in terms_of(RESIDUALS["continuity"], "float32")]
    assert ops.jacobian_factors(terms, memory=1e9) is None


@pytest.mark.parametrize("size", [1, 64, 5000])
def test_bytes_that_are_no_factors_are_passed_over(size: int) -> None:
    terms = terms_of(RESIDUALS["continuity"], "float32")
    vectors = vectors_of(terms)
    for filling in (0, 255):
        junk = jnp.full((size,), filling, jnp.uint8)
        assert_same(ops.gauss_newton(terms, vectors, factors=junk), ops.gauss_newton(terms, vectors))


def test_what_cannot_be_factors_is_refused() -> None:
    terms = terms_of(RESIDUALS["continuity"], "float32")
    with pytest.raises(ShapeError, match=r"factors: expected what jacobian_factors returned, or None; got an array"):
        ops.gauss_newton(terms, vectors_of(terms), factors=jnp.zeros(8))


@needs_core
def test_explain() -> None:
    terms = terms_of(RESIDUALS["continuity"], "float32")
    assert ops.explain("jacobian_factors", terms).backend == "cpu"
