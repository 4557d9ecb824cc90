"""Workspace: bounded, whatever the number of points."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jet_oracle import JETS, Case, operands, operation, outputs_of, served_by

N, D, F, WIDTH = 1 << 16, 3, 1, 128
CHUNK = 4 << 20  # what a chunk may take, at most
STREAM = 4 * N * WIDTH  # one number per point and unit, which no operation may store
ROWS = [(name, backend) for name in JETS for backend in served_by(name)]


def bytes_of(tree: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def check_bounded(function: Any, *shapes: Any) -> None:
    """A few copies of operands and results are allowed, streams of the network's width are not."""
    used = jax.jit(function).lower(*shapes).compile().memory_analysis().temp_size_in_bytes
    allowed = CHUNK + 3 * (bytes_of(shapes) + bytes_of(jax.eval_shape(function, *shapes)))
    assert used <= allowed < STREAM / 2


def shapes_of(name: str) -> Any:
    """Shapes of the operands."""
    args = jax.eval_shape(lambda: operands(Case(1, D, F, (("tanh", WIDTH),)), outputs_of(name, D)))
    return args._replace(
        **{f: jax.ShapeDtypeStruct((N, getattr(args, f).shape[1]), jnp.float32) for f in ("x", "tau", "dtau")}
    )


@pytest.mark.parametrize(("name", "backend"), ROWS)
def test_forward(name: str, backend: str) -> None:
    check_bounded(lambda args: operation(name, "tanh", args, backend), shapes_of(name))


@pytest.mark.parametrize(("name", "backend"), ROWS)
def test_cotangent(name: str, backend: str) -> None:
    def cotangent(args: Any, cts: Any) -> Any:
        moved = lambda layers: operation(name, "tanh", args._replace(layers=layers), backend)  # noqa: E731
        return jax.vjp(moved, args.layers)[1](cts)

    args = shapes_of(name)
    check_bounded(cotangent, args, jax.eval_shape(lambda args: operation(name, "tanh", args), args))
