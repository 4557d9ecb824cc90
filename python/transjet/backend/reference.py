"""Running an operation's pure-JAX reference over chunks of points, so that memory stays bounded whatever their number.

The three roles are the operation itself, its tangent (linear in the operands' tangents) and its cotangent (linear in
the results' cotangents). The cotangent adds up the shared operands' gradients chunk by chunk; nothing of the size of
all points times a layer's width is ever stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

Array = jax.Array


@dataclass(frozen=True)
class Operation:
    """An operation as its specification.

    Attributes:
        name: the stem that it carries through every layer.
        reference: `(static, *operands) -> tuple of results`, pure JAX, differentiable as often as wished.
        points: `(static, operand_count) -> tuple of bool`, which operands have a leading axis of points; every
            result then has one too, and points do not mix. None: no such axis, never chunked.
        chunk: `(static, operands) -> points per chunk` that keep the working set in cache.
        stacked: `(static, operand_count) -> tuple of bool`, which operands have a leading axis of independent vectors
            that share all other operands; every result then has one too. None: no such axis.
    """

    name: str
    reference: Callable[..., tuple[Array, ...]]
    points: Callable[[Any, int], tuple[bool, ...]] | None = None
    chunk: Callable[[Any, Sequence[Any]], int] | None = None
    stacked: Callable[[Any, int], tuple[bool, ...]] | None = None

    def mask(self, static: Any, count: int) -> tuple[bool, ...]:
        """Which operands have a leading axis of points."""
        return (False,) * count if self.points is None else self.points(static, count)


def pick(values: Sequence[Any], mask: Sequence[bool]) -> tuple[Any, ...]:
    """The values where the mask is true."""
    return tuple(value for value, keep in zip(values, mask, strict=True) if keep)


def merge(mask: Sequence[bool], chosen: Sequence[Any], others: Sequence[Any]) -> tuple[Any, ...]:
    """Inverse of `pick`: take from `chosen` where the mask is true, else from `others`."""
    first, second = iter(chosen), iter(others)
    return tuple(next(first) if keep else next(second) for keep in mask)


def negate(mask: Sequence[bool]) -> tuple[bool, ...]:
    """The complementary mask."""
    return tuple(not keep for keep in mask)


def _scan_chunks(body: Callable[[Any], tuple[Any, Any]], pointwise: Any, size: int) -> tuple[Any, Any]:
    """Run `body(chunk) -> (summed, stacked)` over chunks of the leading axis; add up and concatenate.

    The head takes the remainder, so that the scan's carry starts from real values (their sharding and varying axes
    included) and no point is padded.
    """
    n = jax.tree.leaves(pointwise)[0].shape[0]
    steps = max(n - 1, 0) // size
    head = n - steps * size
    total, first = body(jax.tree.map(lambda a: a[:head], pointwise))
    if steps == 0:
        return total, first

    def step(carry: Any, chunk: Any) -> tuple[Any, Any]:
        summed, stacked = body(chunk)
        return jax.tree.map(jnp.add, carry, summed), stacked

    rest = jax.tree.map(lambda a: a[head:].reshape((steps, size, *a.shape[1:])), pointwise)
    total, stacked = jax.lax.scan(step, total, rest)
    flat = jax.tree.map(lambda a: a.reshape((steps * size, *a.shape[2:])), stacked)
    return total, jax.tree.map(lambda a, b: jnp.concatenate([a, b]), first, flat)


def chunk_size(op: Operation, static: Any, operands: Sequence[Any]) -> int | None:
    """Points per chunk, or None where the operation has no axis of points."""
    if op.points is None or op.chunk is None:
        return None
    return max(1, op.chunk(static, operands))


def forward(op: Operation, static: Any, operands: Sequence[Array]) -> list[Array]:
    """The operation's results."""
    size = chunk_size(op, static, operands)
    if size is None:
        return list(op.reference(static, *operands))
    mask = op.mask(static, len(operands))
    shared = pick(operands, negate(mask))

    def body(chunk: tuple[Array, ...]) -> tuple[tuple[()], tuple[Array, ...]]:
        return (), op.reference(static, *merge(mask, chunk, shared))

    return list(_scan_chunks(body, pick(operands, mask), size)[1])


def tangent(
    op: Operation, static: Any, wrt: Sequence[bool], operands: Sequence[Array], tangents: Sequence[Array]
) -> list[Array]:
    """Directional derivative of the results along `tangents` of the operands selected by `wrt`."""
    mask = op.mask(static, len(operands))
    moving = pick(mask, wrt)  # which of the tangents have an axis of points

    def push(ops: Sequence[Array], along: Sequence[Array]) -> tuple[Array, ...]:
        fixed = pick(ops, negate(wrt))
        return jax.jvp(lambda *v: op.reference(static, *merge(wrt, v, fixed)), pick(ops, wrt), tuple(along))[1]

    size = chunk_size(op, static, operands)
    if size is None:
        return list(push(operands, tangents))
    shared, along_shared = pick(operands, negate(mask)), pick(tangents, negate(moving))

    def body(chunk: Any) -> tuple[tuple[()], tuple[Array, ...]]:
        return (), push(merge(mask, chunk[0], shared), merge(moving, chunk[1], along_shared))

    return list(_scan_chunks(body, (pick(operands, mask), pick(tangents, moving)), size)[1])


def cotangent(
    op: Operation, static: Any, wrt: Sequence[bool], operands: Sequence[Array], cotangents: Sequence[Array]
) -> list[Array]:
    """Cotangents of the operands selected by `wrt`, given those of the results."""
    mask = op.mask(static, len(operands))
    moving = pick(mask, wrt)

    def pull(ops: Sequence[Array], cts: Sequence[Array]) -> tuple[Array, ...]:
        fixed = pick(ops, negate(wrt))
        _, back = jax.vjp(lambda *v: op.reference(static, *merge(wrt, v, fixed)), *pick(ops, wrt))
        return back(tuple(cts))

    size = chunk_size(op, static, operands)
    if size is None:
        return list(pull(operands, cotangents))
    shared = pick(operands, negate(mask))

    def body(chunk: Any) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        grads = pull(merge(mask, chunk[0], shared), chunk[1])
        return pick(grads, negate(moving)), pick(grads, moving)

    summed, stacked = _scan_chunks(body, (pick(operands, mask), tuple(cotangents)), size)
    return list(merge(moving, stacked, summed))
