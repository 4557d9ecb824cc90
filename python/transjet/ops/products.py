"""Products with the Jacobian of a residual that is a function of jets, from its coefficients alone.

A residual R(jets of several networks) has, at every point, coefficients c = dR/d(jet). With `Term`s that pair each
network's jet with its coefficients, J v = sum over terms of c . (d jet / d theta) v. No function here knows an
equation.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp

from transjet.errors import ShapeError
from transjet.ops._operands import Layers
from transjet.ops._terms import JETS, Term, check_terms, check_vectors, tuples

Array = jax.Array


def _jet_of(term: Term, layers: Layers) -> Any:
    return JETS[term.jet](
        layers, term.x, term.tau, term.dtau,
        activation=term.activation, directions=term.directions, backend=term.backend,
    )  # fmt: skip


def _contract(coefficients: Any, jet: Any) -> Array:
    products = (jnp.sum(c * j, axis=tuple(range(1, j.ndim))) for c, j in zip(coefficients, jet, strict=True))
    return reduce(jnp.add, products)


def jacobian_product(terms: Sequence[Term], vectors: Sequence[Layers]) -> Array:
    """J v at every point.

    Args:
        terms: the networks' contributions.
        vectors: per term a direction in parameter space, of the structure of its layers.

    Returns:
        J v, shape (n,).

    Raises:
        ShapeError: terms at different numbers of points, or coefficients or vectors that do not fit.
        ConfigError: no terms, or an unknown jet.
    """
    check_terms("jacobian_product", terms)
    check_vectors("jacobian_product", terms, vectors)
    total: Any = 0
    for term, vector in zip(terms, vectors, strict=True):
        tangent = jax.jvp(partial(_jet_of, term), (tuples(term.layers),), (tuples(vector),))[1]
        total = total + _contract(term.coefficients, tangent)
    return total


def jacobian_transpose_product(terms: Sequence[Term], cotangent: Array) -> list[Layers]:
    """J^T u: per term, the gradient of sum_n u[n] R[n] with respect to its layers.

    Args:
        terms: the networks' contributions.
        cotangent: u, shape (n,).

    Returns:
        One tuple of (dW, db) per term.

    Raises:
        ShapeError: u of the wrong shape, terms at different numbers of points, or coefficients that do not fit.
        ConfigError: no terms, or an unknown jet.
    """
    n = check_terms("jacobian_transpose_product", terms)
    if jnp.shape(cotangent) != (n,):
        raise ShapeError(f"jacobian_transpose_product: cotangent: expected shape ({n},); got {jnp.shape(cotangent)}")
    grads = []
    for term in terms:
        _, pull = jax.vjp(partial(_jet_of, term), tuples(term.layers))
        scaled = [jnp.reshape(cotangent, (n,) + (1,) * (c.ndim - 1)) * c for c in term.coefficients]
        grads.append(pull(JETS[term.jet].spec.result(*scaled))[0])
    return grads
