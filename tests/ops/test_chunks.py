"""The transforms again, with so few points in a chunk that every call runs through several."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jet_oracle import JETS, Case, close, operands, oracle, outputs_of
from jet_transforms import TRANSFORMS, Truth

from transjet import ops
from transjet.ops._jet import Jet
from transjet.ops._operands import JetStatic, points_per_chunk

CASE = Case(8, 2, 1, (("sin", 3),))  # two points on each of four devices
CHOSEN = (
    "eager",
    "jit of jvp",
    "vmap of grad",
    "linear_transpose",
    "forward over reverse",
    "reverse over reverse",
    "shard_map",
    "shard_map of grad",
)


class OnePointAtATime(Jet):
    """A jet whose chunks hold one point."""

    def _chunk(self, static: JetStatic, operands: Sequence[Any]) -> int:
        return 1


@functools.cache
def small(name: str) -> OnePointAtATime:
    return OnePointAtATime(ops.JETS[name].spec)


def arguments(name: str) -> tuple[Any, Any, tuple[Any, ...]]:
    args, tangent = (operands(CASE, outputs_of(name, CASE.d), seed, "float64") for seed in (1, 2))
    shapes = jax.eval_shape(functools.partial(oracle, name, CASE.activation), args)
    return args, tangent, tuple(jnp.cos(jnp.arange(s.size, dtype=s.dtype)).reshape(s.shape) for s in shapes)


@functools.cache
def truth(name: str) -> Truth:
    return Truth(functools.partial(oracle, name, CASE.activation), *arguments(name))


@pytest.mark.parametrize("transform", CHOSEN)
@pytest.mark.parametrize("name", JETS)
def test_transform_in_chunks(name: str, transform: str, x64: None) -> None:
    def fun(args: Any) -> tuple[Any, ...]:
        return tuple(small(name)(*args[:4], activation=CASE.activation, backend="xla"))

    actual = TRANSFORMS[transform][0](fun, *arguments(name))
    close(actual, jax.tree.map(np.asarray, TRANSFORMS[transform][1](truth(name))), "float64", factor=10)


def test_chunks_shrink_as_points_grow_and_stay_within_bounds() -> None:
    def size(width: int, streams: int, dtype: str = "float32") -> int:
        args = operands(Case(1, 1, 0, (("tanh", width),)), 1, dtype=dtype)
        flat = [*args[1:4], *(leaf for layer in args.layers for leaf in layer)]
        return points_per_chunk(JetStatic(("tanh",)), flat, streams)

    assert size(1, 1) == 4096
    assert size(64, 4) == 256
    assert size(64, 8) == 128
    assert size(10_000, 8) == 16
    with jax.enable_x64(True):
        assert size(64, 4, "float64") == 128
