"""J^T W J v in one pass over the points: the product of Gauss-Newton methods that solve in parameter space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from transjet.backend import BoundOperation, Choice, Operation, sum_like
from transjet.errors import ShapeError
from transjet.ops._operands import Layers
from transjet.ops._terms import (
    Term,
    TermsStatic,
    check_terms,
    check_vectors,
    common_backend,
    flatten,
    pairs,
    take,
    tuples,
    unflatten,
)
from transjet.ops.products import jacobian_product, jacobian_transpose_product

Array = jax.Array


@dataclass(frozen=True)
class GaussNewtonStatic(TermsStatic):
    """Static settings: the terms', and whether there are weights, an offset and kept factors.

    Flat order: the terms; per term W_1, b_1, ... of the vectors, with a leading axis; [weights (n)]; [offset, with a
    leading axis, (k, n)]; [factors, bytes]. Results: per term the products, with a leading axis; and
    W (J v + offset), (k, n).
    """

    weighted: bool
    shifted: bool
    cached: bool

    def leaves(self) -> int:
        """Arrays in one direction of parameter space, over all terms."""
        return sum(2 * self.depth(i) for i in range(len(self.jets)))


def _reference(static: GaussNewtonStatic, *operands: Array) -> tuple[Array, ...]:
    rest = iter(operands)
    terms = unflatten(static, rest)
    stacked = take(rest, static.leaves())
    weights = next(rest) if static.weighted else None
    offsets = next(rest) if static.shifted else None

    def product(leaves: Sequence[Array], offset: Array | None) -> tuple[Array, ...]:
        left = iter(leaves)
        vectors = [pairs(take(left, 2 * static.depth(i))) for i in range(len(terms))]
        u = jacobian_product(terms, vectors)
        u = u if offset is None else u + offset
        u = u if weights is None else weights * u
        return (*jax.tree.leaves(jacobian_transpose_product(terms, u)), u)

    if stacked[0].shape[0] == 1:
        return tuple(r[None] for r in product([v[0] for v in stacked], None if offsets is None else offsets[0]))
    return tuple(jax.lax.map(lambda args: product(*args), (stacked, offsets)))


def _stacked(static: GaussNewtonStatic, count: int) -> tuple[bool, ...]:
    """Which operands have a leading axis of independent vectors: these, and the offset."""
    tail = (True,) * static.leaves() + (False,) * static.weighted + (True,) * static.shifted + (False,) * static.cached
    return (False,) * (count - len(tail)) + tail


_op = BoundOperation(Operation("gauss_newton", _reference, stacked=_stacked))


def _prepare(
    terms: Sequence[Term],
    vectors: Sequence[Layers],
    weights: Array | None,
    offset: Array | None,
    factors: Array | None,
) -> tuple[GaussNewtonStatic, list[Array]]:
    n = check_terms("gauss_newton", terms)
    check_vectors("gauss_newton", terms, vectors)
    static, flat = flatten(terms)
    dtype = flat[0].dtype
    flat += [jnp.asarray(leaf, dtype)[None] for vector in vectors for layer in vector for leaf in layer]
    for name, value in (("weights", weights), ("offset", offset)):
        if value is None:
            continue
        if jnp.shape(value) != (n,):
            raise ShapeError(f"gauss_newton: {name}: expected shape ({n},); got {jnp.shape(value)}")
        array = jnp.asarray(value, dtype)
        flat.append(array if name == "weights" else array[None])
    if factors is not None:
        if jnp.ndim(factors) != 1 or factors.dtype != jnp.uint8:
            raise ShapeError(
                "gauss_newton: factors: expected what jacobian_factors returned, or None; got an array of shape "
                f"{jnp.shape(factors)} and dtype {factors.dtype}"
            )
        flat.append(factors)
    given = (part is not None for part in (weights, offset, factors))
    return GaussNewtonStatic(static.jets, static.settings, *given), flat


def explain(
    terms: Sequence[Term],
    vectors: Sequence[Layers],
    weights: Array | None = None,
    *,
    offset: Array | None = None,
    factors: Array | None = None,
    role: str = "forward",
) -> Choice:
    """What would run for these operands, and why."""
    static, flat = _prepare(terms, vectors, weights, offset, factors)
    return _op.explain(static, flat, common_backend("gauss_newton", terms), role)


def gauss_newton_with_product(
    terms: Sequence[Term],
    vectors: Sequence[Layers],
    weights: Array | None = None,
    offset: Array | None = None,
    factors: Array | None = None,
) -> tuple[list[Layers], Array]:
    """J^T u and u = W (J v + offset).

    Args:
        terms: the networks' contributions.
        vectors: per term a direction in parameter space.
        weights: diagonal of W, (n,), or None for ones.
        offset: (n,), or None for zeros: what columns of the Jacobian that belong to no network give to J v.
        factors: of the same terms, from `jacobian_factors`; saves evaluating the networks again.

    Returns:
        One tuple of (dW, db) per term; and u, (n,).

    Raises:
        ShapeError: an operand of the wrong shape.
        ConfigError: no terms, or an unknown jet.
        BackendError: the backend asked for by name cannot run, or terms ask for different ones.
    """
    static, flat = _prepare(terms, vectors, weights, offset, factors)
    *leaves, u = (r[0] for r in _op(static, flat, common_backend("gauss_newton", terms)))
    rest = iter(leaves)
    grads: list[Any] = [
        sum_like(pairs(take(rest, 2 * static.depth(i))), tuples(term.layers)) for i, term in enumerate(terms)
    ]
    return grads, u


def gauss_newton(
    terms: Sequence[Term], vectors: Sequence[Layers], weights: Array | None = None, *, factors: Array | None = None
) -> list[Layers]:
    """J^T W J v, with W = diag(weights). Under vmap over vectors, the network is evaluated once for all of them.

    Args:
        terms: the networks' contributions; J v adds up over them before it is weighted.
        vectors: per term a direction in parameter space.
        weights: (n,), or None for ones.
        factors: of the same terms, from `jacobian_factors`; saves evaluating the networks again.

    Returns:
        One tuple of (dW, db) per term.

    Raises:
        ShapeError: weights or factors of the wrong shape, terms at different numbers of points, or coefficients that
            do not fit.
        ConfigError: no terms, or an unknown jet.
        BackendError: the backend asked for by name cannot run, or terms ask for different ones.
    """
    return gauss_newton_with_product(terms, vectors, weights, factors=factors)[0]
