"""Parameters in one padded array, as kernels read and write them. `xp` is numpy or jax.numpy.

In this order: W_1 (padded inputs, width); W_2, ... (width, width); W_L (width, padded outputs); b_1, ... (width);
b_L (padded outputs). Padding is zero, except in `pack_network`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import prod
from typing import Any

from transjet_kernels.problem import Problem

_RESTING = {"softplus": -1e4}


def _sizes(problem: Problem) -> Iterator[tuple[int, ...]]:
    """Padded sizes of W_1, b_1, W_2, b_2, ..."""
    sizes = [problem.padded_inputs, *[problem.width] * problem.hidden, problem.padded_outputs]
    for rows, columns in pairwise(sizes):
        yield (rows, columns)
        yield (columns,)


def pack(xp: Any, problem: Problem, leaves: Sequence[Any]) -> Any:
    """Pack W_1, b_1, W_2, b_2, ..., all of them with the same leading axes, if any: (..., problem.parameters)."""
    return _pack(xp, problem, leaves, [0.0] * len(leaves))


def pack_network(xp: Any, problem: Problem, leaves: Sequence[Any]) -> Any:
    """The same for a network's own parameters, so that what leaves its padding is zero.

    It is without further ado where f(0) = 0; softplus gets a bias so negative that it vanishes with its derivatives.
    """
    rest = [0.0] * len(leaves)
    for layer, name in enumerate(problem.activation):
        rest[2 * layer + 1] = _RESTING.get(name, 0.0)
    return _pack(xp, problem, leaves, rest)


def _pack(xp: Any, problem: Problem, leaves: Sequence[Any], fill: Sequence[float]) -> Any:
    flat = []
    for leaf, size, value in zip(leaves, _sizes(problem), fill, strict=True):
        lead = leaf.shape[: leaf.ndim - len(size)]
        own = leaf.shape[leaf.ndim - len(size) :]
        margins = [(0, 0)] * len(lead) + [(0, to - have) for have, to in zip(own, size, strict=True)]
        flat.append(xp.pad(leaf, margins, constant_values=value).reshape(*lead, prod(size)))
    return xp.concatenate([*flat[::2], *flat[1::2]], axis=-1)


def unpack(problem: Problem, packed: Any) -> list[Any]:
    """Undo `pack`: W_1, b_1, ... with the leading axes that `packed` has."""
    widths = (problem.inputs, *problem.widths, problem.outputs)
    padded = list(_sizes(problem))
    at, found = 0, {}
    for index in [*range(0, len(padded), 2), *range(1, len(padded), 2)]:
        size, layer = padded[index], index // 2
        lead = packed.shape[:-1]
        whole = packed[..., at : at + prod(size)].reshape(*lead, *size)
        at += prod(size)
        fan_in, fan_out = widths[layer], widths[layer + 1]
        found[index] = whole[..., :fan_out] if index % 2 else whole[..., :fan_in, :fan_out]
    return [found[index] for index in range(len(padded))]
