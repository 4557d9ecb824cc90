"""Gauss-Newton products against the dense Jacobian of the oracle."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jet_oracle import Case, Operands, operands, oracle, outputs_of, quick_jit

from transjet import ops
from transjet.errors import ConfigError, ShapeError

WIDE = (("tanh", 18), ("sin", 17))  # its Gram matrix comes from factors
NARROW = (("gelu", 3), ("silu", 4))  # its Gram matrix comes from assembled rows
RESIDUALS: dict[str, list[tuple[str, Case]]] = {
    "affine gradient": [("gradient_jet", Case(1, 1, 0))],
    "affine Laplacian": [("laplacian_jet", Case(3, 2, 1, (), ("shared", 3)))],
    "affine divergence": [("divergence_jet", Case(3, 3, 1))],
    "wide gradient": [("gradient_jet", Case(7, 3, 2, WIDE))],
    "narrow gradient": [("gradient_jet", Case(5, 2, 0, NARROW))],
    "Laplacian": [("laplacian_jet", Case(5, 3, 1, NARROW))],
    "wide Laplacian": [("laplacian_jet", Case(5, 1, 3, (("tanh", 49), ("softplus", 48))))],
    "Laplacian along directions": [("laplacian_jet", Case(5, 3, 0, NARROW, ("shared", 2)))],
    "Laplacian along each point's directions": [("laplacian_jet", Case(5, 3, 1, NARROW, ("point", 2)))],
    "padding that is not zero": [
        ("gradient_jet", Case(5, 3, 1, (("tanh", 6), ("softplus", 5)))),
        ("divergence_jet", Case(5, 3, 1, (("softplus", 21),))),
    ],
    "divergence": [("divergence_jet", Case(5, 3, 1, NARROW))],
    "divergence along directions": [("divergence_jet", Case(5, 3, 1, NARROW, ("shared", 1)))],
    "divergence along each point's directions": [("divergence_jet", Case(5, 3, 2, WIDE, ("point", 2)))],
    "continuity": [("divergence_jet", Case(7, 2, 1, NARROW)), ("gradient_jet", Case(7, 2, 1, WIDE))],
    "three networks": [
        ("divergence_jet", Case(4, 2, 1)),
        ("laplacian_jet", Case(4, 2, 3, (("identity", 5),))),
        ("gradient_jet", Case(4, 2, 0, (("tanh", 1),))),
    ],
    "no points": [("gradient_jet", Case(0, 2, 1, NARROW)), ("divergence_jet", Case(0, 2, 1))],
}


def numbers(shape: tuple[int, ...], seed: int, dtype: str) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape).astype(np.float32), dtype)


def terms_of(rows: list[tuple[str, Case]], dtype: str) -> list[ops.Term]:
    """Terms with random coefficients."""
    terms = []
    for seed, (name, case) in enumerate(rows):
        args = operands(case, outputs_of(name, case.d), seed, dtype)
        shapes = jax.eval_shape(lambda a, name=name, case=case: oracle(name, case.activation, a), args)
        jet = ops.JETS[name].spec.result
        c = jet(*(numbers(s.shape, 10 * seed + i, dtype) for i, s in enumerate(shapes)))
        terms.append(ops.Term(name, *args[:4], c, case.activation, args.directions))
    return terms


def dense_jacobian(terms: list[ops.Term]) -> np.ndarray:
    """J (n, all parameters), by reverse differentiation of the oracle."""

    def residual(networks: Any) -> Any:
        total: Any = 0
        for term, layers in zip(terms, networks, strict=True):
            args = Operands(layers, term.x, term.tau, term.dtau, term.directions)
            fields = oracle(term.jet, term.activation, args)
            for c, field in zip(term.coefficients, fields, strict=True):
                total = total + jnp.sum(c * field, axis=tuple(range(1, field.ndim)))
        return total

    n, networks = terms[0].x.shape[0], [term.layers for term in terms]
    rows = jax.tree.leaves(quick_jit(jax.jacrev(residual))(networks))
    sizes = [leaf.size for leaf in jax.tree.leaves(networks)]
    return np.concatenate([np.asarray(row).reshape(n, size) for row, size in zip(rows, sizes, strict=True)], axis=1)


def flat(tree: Any) -> np.ndarray:
    return np.concatenate([np.asarray(leaf).ravel() for leaf in jax.tree.leaves(tree)])


def direction(terms: list[ops.Term]) -> list[Any]:
    return [jax.tree.map(lambda a: numbers(a.shape, a.size, str(a.dtype)), term.layers) for term in terms]


def traced(terms: list[ops.Term], function: Any, *args: Any) -> Any:
    """function(terms, *args) under jit; a term's names are not arrays, and stay outside."""
    fields = ("layers", "x", "tau", "dtau", "coefficients", "directions")

    def run(arrays: Any, args: Any) -> Any:
        inside = [t._replace(**dict(zip(fields, a, strict=True))) for t, a in zip(terms, arrays, strict=True)]
        return function(inside, *args)

    return quick_jit(run)([tuple(getattr(term, f) for f in fields) for term in terms], args)


@pytest.mark.parametrize("residual", RESIDUALS)
def test_products_are_those_of_the_dense_jacobian(residual: str, x64: None) -> None:
    terms = terms_of(RESIDUALS[residual], "float64")
    n = terms[0].x.shape[0]
    v, u, w = direction(terms), numbers((n,), 98, "float64"), numbers((n,), 99, "float64")

    def products(terms: Any, v: Any, u: Any, w: Any) -> Any:
        return (
            ops.jacobian_product(terms, v),
            ops.jacobian_transpose_product(terms, u),
            ops.gauss_newton(terms, v),
            ops.gauss_newton(terms, v, w),
            ops.gram(terms),
        )

    pushed, pulled, plain, weighted, gram = traced(terms, products, v, u, w)
    jacobian, along = dense_jacobian(terms), flat(v)
    assert jax.tree.structure(pulled) == jax.tree.structure([term.layers for term in terms])
    checks = [
        (pushed, jacobian @ along),
        (flat(pulled), jacobian.T @ np.asarray(u)),
        (flat(plain), jacobian.T @ (jacobian @ along)),
        (flat(weighted), jacobian.T @ (np.asarray(w) * (jacobian @ along))),
        (gram, jacobian @ jacobian.T),
    ]
    for actual, expected in checks:
        assert actual.dtype == np.float64
        np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-11 * (1 + np.max(np.abs(expected), initial=0)))


def test_gram_in_blocks_is_the_same_matrix(x64: None) -> None:
    # 259 points make four strips of 65 and a shorter one.
    terms = terms_of([("gradient_jet", Case(259, 2, 1, WIDE))], "float64")
    gram = np.asarray(traced(terms, ops.gram))
    jacobian = dense_jacobian(terms)
    np.testing.assert_allclose(gram, jacobian @ jacobian.T, rtol=1e-11, atol=1e-10)
    np.testing.assert_array_equal(gram, gram.T)


@pytest.mark.parametrize("n", [0, 3])
@pytest.mark.parametrize("enable_x64", [False, True])
def test_float32_stays_float32(n: int, enable_x64: bool) -> None:
    with jax.enable_x64(enable_x64):
        terms = terms_of([("laplacian_jet", Case(n, 2, 1, NARROW)), ("divergence_jet", Case(n, 2, 1, WIDE))], "float32")
        results = traced(terms, ops.gram), traced(terms, ops.gauss_newton, direction(terms))
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(results)} == {"float32"}
    assert results[0].shape == (n, n)
    if n:
        jacobian = dense_jacobian(terms)
        np.testing.assert_allclose(results[0], jacobian @ jacobian.T, rtol=1e-4, atol=1e-4)


def test_nan_in_one_point_spoils_its_row_and_column_alone() -> None:
    (term,) = terms_of([("gradient_jet", Case(5, 2, 1, WIDE))], "float32")
    gram = np.asarray(traced([term._replace(x=term.x.at[3, 0].set(jnp.nan))], ops.gram))
    spoilt = np.zeros((5, 5), bool)
    spoilt[3, :] = spoilt[:, 3] = True
    np.testing.assert_array_equal(np.isnan(gram), spoilt)
    np.testing.assert_array_equal(gram[~spoilt], np.asarray(traced([term], ops.gram))[~spoilt])


# --- malformed calls ---

CASE = Case(4, 2, 1, (("tanh", 3),))
PRODUCTS = {
    "jacobian_product": lambda terms: ops.jacobian_product(terms, direction(terms)),
    "jacobian_transpose_product": lambda terms: ops.jacobian_transpose_product(terms, jnp.ones(4)),
    "gauss_newton": lambda terms: ops.gauss_newton(terms, direction(terms)),
    "gram": ops.gram,
}
GOOD = terms_of([("divergence_jet", CASE), ("gradient_jet", CASE)], "float32")
FEWER = terms_of([("gradient_jet", CASE._replace(n=3))], "float32")
BAD_TERMS = {
    "none": ([], ConfigError, "terms: expected at least one Term; got none"),
    "unknown jet": ([GOOD[1]._replace(jet="hessian_jet")], ConfigError, "jet: expected one of .*; got 'hessian_jet'"),
    "different points": ([GOOD[0], *FEWER], ShapeError, r"expected all terms at the same points; got \[3, 4\] points"),
    "coefficients of another jet": (
        [GOOD[0], GOOD[1]._replace(coefficients=GOOD[0].coefficients)],
        ShapeError,
        "gradient_jet coefficients: expected shapes",
    ),
    "coefficients of other points": (
        [GOOD[0], GOOD[1]._replace(coefficients=FEWER[0].coefficients)],
        ShapeError,
        "gradient_jet coefficients: expected shapes",
    ),
    "network of another jet": (
        [GOOD[1]._replace(layers=GOOD[0].layers), GOOD[0]],
        ShapeError,
        "gradient_jet: layers.* expected 1 output",
    ),
}


@pytest.mark.parametrize("what", BAD_TERMS)
@pytest.mark.parametrize("product", PRODUCTS)
def test_bad_terms_are_refused(product: str, what: str) -> None:
    terms, error, message = BAD_TERMS[what]
    with pytest.raises(error, match=message) as caught:
        PRODUCTS[product](terms)
    assert str(caught.value).startswith(("gauss_newton", "jacobian_product", product, "gradient_jet"))


@pytest.mark.parametrize("product", [ops.jacobian_product, ops.gauss_newton])
def test_vectors_that_do_not_fit_are_refused(product: Any) -> None:
    name = product.__name__
    with pytest.raises(ShapeError, match=f"{name}: vectors: expected one for each of the 2 terms; got 1"):
        product(GOOD, direction(GOOD)[:1])
    swapped = direction(GOOD)[::-1]
    with pytest.raises(ShapeError, match=rf"{name}: vectors\[0\]: expected the shapes of the layers, .*; got"):
        product(GOOD, swapped)


def test_cotangents_and_weights_of_the_wrong_shape_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"jacobian_transpose_product: cotangent: expected shape \(4,\); got \(4, 1\)"):
        ops.jacobian_transpose_product(GOOD, jnp.ones((4, 1)))
    with pytest.raises(ShapeError, match=r"gauss_newton: weights: expected shape \(4,\); got \(3,\)"):
        ops.gauss_newton(GOOD, direction(GOOD), jnp.ones(3))
