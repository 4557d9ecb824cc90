"""Gauss-Newton products of a residual that is a function of jets, from its coefficients alone.

A residual R(jets of several networks) has, at every point, coefficients c = dR/d(jet). With `Term`s that pair each
network's jet with its coefficients, J v = sum over terms of c . (d jet / d theta) v. No function here knows an
equation.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from transjet.backend import requested
from transjet.errors import BackendError, ConfigError, ShapeError
from transjet.ops._factors import gram_of
from transjet.ops._jet import Jet
from transjet.ops._operands import Layers
from transjet.ops.divergence_jet import JET as DIVERGENCE
from transjet.ops.gradient_jet import JET as GRADIENT
from transjet.ops.laplacian_jet import JET as LAPLACIAN

Array = jax.Array

JETS: dict[str, Jet] = {jet.spec.name: jet for jet in (GRADIENT, LAPLACIAN, DIVERGENCE)}
"""Every jet by name."""


class Term(NamedTuple):
    """One network's contribution to a residual.

    Attributes:
        jet: name of the jet: "gradient_jet", "laplacian_jet" or "divergence_jet".
        layers: the network, tuple of (W, b).
        x: coordinates, (n, d).
        tau: time features, (n, f).
        dtau: their time derivatives, (n, f).
        coefficients: dR/d(jet), a NamedTuple of the jet's type.
        activation: one name for all hidden layers, or one each.
        directions: as given to the jet.
        backend: as given to the jet.
    """

    jet: str
    layers: Layers
    x: Array
    tau: Array
    dtau: Array
    coefficients: Any
    activation: Any = "tanh"
    directions: Array | None = None
    backend: str = "auto"


def _check(op: str, terms: Sequence[Term]) -> int:
    """Check that terms are known jets at equally many points; return how many."""
    if not terms:
        raise ConfigError(f"{op}: terms: expected at least one Term; got none")
    for term in terms:
        if term.jet not in JETS:
            raise ConfigError(f"{op}: jet: expected one of {', '.join(JETS)}; got {term.jet!r}")
    counts = {term.x.shape[0] for term in terms}
    if len(counts) > 1:
        raise ShapeError(f"{op}: expected all terms at the same points; got {sorted(counts)} points")
    for term in terms:
        result = JETS[term.jet].spec.result
        shapes = [jnp.shape(c) for c in term.coefficients]
        wanted = [
            (*term.x.shape,) if f == "grad" or (f, term.jet) == ("value", "divergence_jet") else term.x.shape[:1]
            for f in result._fields
        ]
        if shapes != wanted:
            raise ShapeError(
                f"{op}: {term.jet} coefficients: expected shapes {wanted} for {result._fields}; got {shapes}"
            )
    return counts.pop()


def _check_vectors(op: str, terms: Sequence[Term], vectors: Sequence[Layers]) -> None:
    if len(vectors) != len(terms):
        raise ShapeError(f"{op}: vectors: expected one for each of the {len(terms)} terms; got {len(vectors)}")
    for index, (term, vector) in enumerate(zip(terms, vectors, strict=True)):
        wanted, got = ([jnp.shape(leaf) for leaf in jax.tree.leaves(tree)] for tree in (term.layers, vector))
        if got != wanted:
            raise ShapeError(f"{op}: vectors[{index}]: expected the shapes of the layers, {wanted}; got {got}")


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
    _check("jacobian_product", terms)
    _check_vectors("jacobian_product", terms, vectors)
    total: Any = 0
    for term, vector in zip(terms, vectors, strict=True):
        tangent = jax.jvp(partial(_jet_of, term), (_tuples(term.layers),), (_tuples(vector),))[1]
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
    n = _check("jacobian_transpose_product", terms)
    if jnp.shape(cotangent) != (n,):
        raise ShapeError(f"jacobian_transpose_product: cotangent: expected shape ({n},); got {jnp.shape(cotangent)}")
    grads = []
    for term in terms:
        _, pull = jax.vjp(partial(_jet_of, term), _tuples(term.layers))
        scaled = [jnp.reshape(cotangent, (n,) + (1,) * (c.ndim - 1)) * c for c in term.coefficients]
        grads.append(pull(JETS[term.jet].spec.result(*scaled))[0])
    return grads


def gauss_newton(terms: Sequence[Term], vectors: Sequence[Layers], weights: Array | None = None) -> list[Layers]:
    """J^T W J v, with W = diag(weights).

    Args:
        terms: the networks' contributions; J v adds up over them before it is weighted.
        vectors: per term a direction in parameter space.
        weights: (n,), or None for ones.

    Returns:
        One tuple of (dW, db) per term.

    Raises:
        ShapeError: weights of the wrong shape, terms at different numbers of points, or coefficients that do not fit.
        ConfigError: no terms, or an unknown jet.
    """
    product = jacobian_product(terms, vectors)
    if weights is not None and jnp.shape(weights) != product.shape:
        raise ShapeError(f"gauss_newton: weights: expected shape {product.shape}; got {jnp.shape(weights)}")
    return jacobian_transpose_product(terms, product if weights is None else weights * product)


def gram(terms: Sequence[Term]) -> Array:
    """J J^T, the Gram matrix of the residual's Jacobian, layer by layer and never through the whole Jacobian.

    Args:
        terms: the networks' contributions.

    Returns:
        Symmetric positive semidefinite (n, n).

    Raises:
        ShapeError: terms at different numbers of points, or coefficients that do not fit their jet.
        ConfigError: no terms, or an unknown jet.
        BackendError: a backend asked for by name; only the reference computes it so far.
    """
    _check("gram", terms)
    for term in terms:
        if requested(term.backend) not in ("auto", "xla"):
            raise BackendError(f"gram: backend={requested(term.backend)!r} has no kernel for gram; use 'auto' or 'xla'")
    total: Any = 0
    for term in terms:
        jet = JETS[term.jet]
        static, _ = jet.prepare(term.layers, term.x, term.tau, term.dtau, term.activation, term.directions)
        form = jet.spec.stream_form(term.x, term.tau, term.dtau, term.directions, term.coefficients)
        total = total + gram_of(_tuples(term.layers), static.activation, form)
    return total


def _tuples(layers: Layers) -> Layers:
    return tuple((w, b) for w, b in layers)
