"""The factors of a residual's Jacobian, kept for several Gauss-Newton products at the same parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from transjet.backend import BoundOperation, Choice, Operation
from transjet.ops._terms import Term, TermsStatic, check_terms, common_backend, flatten

Array = jax.Array


@dataclass(frozen=True)
class FactorsStatic(TermsStatic):
    """Static settings: the terms', and how many bytes the factors take."""

    size: int


def _reference(static: FactorsStatic, *operands: Array) -> tuple[Array]:
    return (jnp.zeros((static.size,), jnp.uint8),)  # no backend takes these for factors


_op = BoundOperation(Operation("jacobian_factors", _reference))


def _prepare(terms: Sequence[Term]) -> tuple[FactorsStatic, list[Array]]:
    check_terms("jacobian_factors", terms)
    static, flat = flatten(terms)
    return FactorsStatic(static.jets, static.settings, 0), flat


def explain(terms: Sequence[Term], *, role: str = "forward") -> Choice:
    """What would run for these operands, and why."""
    static, flat = _prepare(terms)
    return _op.explain(static, flat, common_backend("jacobian_factors", terms), role)


def jacobian_factors(terms: Sequence[Term], *, memory: float) -> Array | None:
    """What Gauss-Newton products with these terms have in common, if it fits in the memory granted.

    With it a product costs half: the network is not evaluated again. It holds for these parameters, points and
    coefficients only, and for the backend that made it.

    Args:
        terms: as for `gauss_newton`.
        memory: bytes that it may take. It grows with the points, by about 8 bytes a float32 stream and hidden unit.

    Returns:
        An opaque array of bytes for `gauss_newton(..., factors=...)`; None where the backend keeps no factors or they
        would take more, which `gauss_newton` takes too.

    Raises:
        ShapeError: terms at different numbers of points, or coefficients that do not fit.
        ConfigError: no terms, or an unknown jet.
        BackendError: the backend asked for by name cannot run, or terms ask for different ones.
    """
    static, flat = _prepare(terms)
    backend = common_backend("jacobian_factors", terms)
    size = _op.opaque_bytes(static, flat, backend)
    if size == 0 or size > memory:
        return None
    return _op(replace(static, size=size), flat, backend)[0]
