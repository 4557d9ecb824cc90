"""Every operation under every transform of JAX, on every backend that can run it, in both dtypes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jet_oracle import JETS, Case, close, operands, operation, oracle, outputs_of, served_by
from jet_transforms import TRANSFORMS, Truth

from transjet import ops

CASE = Case(4, 2, 1, (("sin", 3), ("tanh", 5)))
ROWS = [(name, backend) for name in (*JETS, "null") for backend in served_by(name)]


class NullOperands(NamedTuple):
    """The identity's operand is made of one array with an axis of points and one without."""

    layers: Any
    x: Any


def function(name: str, backend: str) -> Callable[[Any], tuple[Any, ...]]:
    if name == "null":
        return lambda args: (ops.null(args.layers * args.x, backend=backend),)
    return lambda args: operation(name, CASE.activation, args, backend)


def truth_function(name: str) -> Callable[[Any], tuple[Any, ...]]:
    if name == "null":
        return lambda args: (args.layers * args.x,)
    return functools.partial(oracle, name, CASE.activation)


def arguments(name: str, dtype: str) -> tuple[Any, Any, tuple[Any, ...]]:
    """Operands, a tangent for them, and a cotangent for the results."""
    args, tangent = (operands(CASE, outputs_of(name, CASE.d), seed, dtype) for seed in (1, 2))
    if name == "null":
        args, tangent = (NullOperands(a.layers[0][1][:2], a.x) for a in (args, tangent))
    shapes = jax.eval_shape(truth_function(name), args)
    rng = np.random.default_rng(3)
    return args, tangent, tuple(jnp.asarray(rng.standard_normal(s.shape).astype(np.float32), dtype) for s in shapes)


@functools.cache
def expected(name: str, transform: str) -> Any:
    with jax.enable_x64(True):
        return jax.tree.map(np.asarray, TRANSFORMS[transform][1](truth(name)))


@functools.cache
def truth(name: str) -> Truth:
    return Truth(truth_function(name), *arguments(name, "float64"))


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "backend"), ROWS)
def test_transform(name: str, backend: str, dtype: str, transform: str) -> None:
    with jax.enable_x64(dtype == "float64"):
        actual = TRANSFORMS[transform][0](function(name, backend), *arguments(name, dtype))
    close(actual, expected(name, transform), dtype, factor=10)
