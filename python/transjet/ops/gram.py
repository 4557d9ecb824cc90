"""J J^T, the matrix of Gauss-Newton methods that solve in the space of points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from transjet.backend import BoundOperation, Choice, Operation
from transjet.ops._factors import gram_of
from transjet.ops._terms import JETS, Term, TermsStatic, check_terms, common_backend, flatten, unflatten

Array = jax.Array


@dataclass(frozen=True)
class GramStatic(TermsStatic):
    """Static settings: the terms', and whether float32 products are added up, and returned, in float64."""

    precise: bool


def _reference(static: GramStatic, *operands: Array) -> tuple[Array]:
    total: Any = 0
    for term in unflatten(static, iter(operands)):
        form = JETS[term.jet].spec.stream_form(term.x, term.tau, term.dtau, term.directions, term.coefficients)
        product = gram_of(term.layers, term.activation, form)
        total = total + (product.astype(jnp.float64) if static.precise else product)
    return (total,)


_op = BoundOperation(Operation("gram", _reference))


def _prepare(terms: Sequence[Term], precise: bool) -> tuple[GramStatic, list[Array]]:
    check_terms("gram", terms)
    static, flat = flatten(terms)
    return GramStatic(static.jets, static.settings, precise and flat[0].dtype == jnp.float32), flat


def explain(terms: Sequence[Term], *, precise: bool = False, role: str = "forward") -> Choice:
    """What would run for these operands, and why."""
    static, flat = _prepare(terms, precise)
    return _op.explain(static, flat, common_backend("gram", terms), role)


def gram(terms: Sequence[Term], *, precise: bool = False) -> Array:
    """J J^T, the Gram matrix of the residual's Jacobian, layer by layer and never through the whole Jacobian.

    Args:
        terms: the networks' contributions.
        precise: add up products of float32 numbers in float64 and return float64. Call it within
            `jax.enable_x64(True)`, or JAX cannot hold the result.

    Returns:
        Symmetric, up to rounding positive semidefinite (n, n).

    Raises:
        ShapeError: terms at different numbers of points, or coefficients that do not fit their jet.
        ConfigError: no terms, or an unknown jet.
        BackendError: the backend asked for by name cannot run, or terms ask for different ones.
    """
    static, flat = _prepare(terms, precise)
    return _op(static, flat, common_backend("gram", terms))[0]
