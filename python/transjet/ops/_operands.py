"""Checks at the boundary, once, in words; and the operands' flat order for the primitives.

Flat order: x, tau, dtau, [directions], W_1, b_1, ..., W_L, b_L. Nothing below this module checks again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from transjet.errors import ConfigError, DTypeError, ShapeError
from transjet.ops.activations import ACTIVATIONS

Array = jax.Array
Layers = Sequence[tuple[Array, Array]]


@dataclass(frozen=True)
class JetStatic:
    """Static settings of a jet: an activation per hidden layer; and directions: None, "shared" or "point"."""

    activation: tuple[str, ...]
    directions: str | None = None


def split(static: JetStatic, operands: Sequence[Array]) -> tuple[Array, Array, Array, Array | None, Layers]:
    """Undo the flat order: x, tau, dtau, directions or None, layers."""
    first = 3 if static.directions is None else 4
    layers = tuple(zip(operands[first::2], operands[first + 1 :: 2], strict=True))
    return operands[0], operands[1], operands[2], operands[3] if first == 4 else None, layers


def point_mask(static: JetStatic, count: int) -> tuple[bool, ...]:
    """Which flat operands have a leading axis of points."""
    head = (True, True, True) if static.directions is None else (True, True, True, static.directions == "point")
    return head + (False,) * (count - len(head))


def points_per_chunk(static: JetStatic, operands: Sequence[Any], streams: int) -> int:
    """Points whose streams through the widest layer fit in a core's second-level cache."""
    widest = max(max(a.shape) for a in operands[len(operands) - 2 * len(static.activation) - 2 :: 2])
    bytes_per_point = streams * widest * operands[0].dtype.itemsize
    return max(16, min(4096, (1 << 18) // max(1, bytes_per_point)))


def check_activation(op: str, activation: str | Sequence[str], hidden: int) -> tuple[str, ...]:
    """One name for all hidden layers, or one name each.

    Raises:
        ConfigError: an unknown name, or the wrong number of names.
    """
    one_each = isinstance(activation, (tuple, list))
    names: tuple[Any, ...] = tuple(activation) if one_each else (activation,) * hidden
    unknown = [n for n in (names if one_each else (activation,)) if n not in ACTIVATIONS]
    if unknown:
        raise ConfigError(f"{op}: activation: expected one of {', '.join(ACTIVATIONS)}; got {unknown[0]!r}")
    if len(names) != hidden:
        raise ConfigError(
            f"{op}: activation: expected one name, or {hidden} (one per hidden layer); got {len(names)} names"
        )
    return names


def as_float_array(op: str, name: str, value: Any, ndim: int | None = None) -> Array:
    """Convert to a float32 or float64 array of the given rank, or of any.

    Raises:
        DTypeError: not a float32 or float64 array.
        ShapeError: the wrong rank.
    """
    try:
        array = jnp.asarray(value)
    except (TypeError, ValueError) as error:
        raise DTypeError(f"{op}: {name}: expected float32 or float64; got {type(value).__name__}") from error
    if array.dtype not in (jnp.float32, jnp.float64):
        raise DTypeError(f"{op}: {name}: expected float32 or float64; got {array.dtype}. Convert it with .astype")
    if ndim is not None and array.ndim != ndim:
        raise ShapeError(f"{op}: {name}: expected rank {ndim}; got shape {array.shape}")
    return array


def check_layers(op: str, layers: Layers, fan_in: int, outputs: int) -> list[Array]:
    """Check a network of so many inputs and outputs; return W_1, b_1, ...

    Raises:
        ShapeError: layers of the wrong structure or sizes.
        DTypeError: weights that are not float32 or float64.
    """
    if not isinstance(layers, (tuple, list)) or not layers:
        raise ShapeError(f"{op}: layers: expected a non-empty tuple of (W, b) pairs; got {type(layers).__name__}")
    flat: list[Array] = []
    for index, layer in enumerate(layers):
        if not isinstance(layer, (tuple, list)) or len(layer) != 2:
            raise ShapeError(f"{op}: layers[{index}]: expected a pair (W, b); got {type(layer).__name__}")
        weight = as_float_array(op, f"layers[{index}][0] (W)", layer[0], 2)
        bias = as_float_array(op, f"layers[{index}][1] (b)", layer[1], 1)
        if weight.shape[0] != fan_in:
            source = (
                "d + f, the coordinates plus the time features" if index == 0 else f"the width of layer {index - 1}"
            )
            raise ShapeError(
                f"{op}: layers[{index}][0] (W): expected {fan_in} rows ({source}); got shape {weight.shape}"
            )
        if bias.shape != (weight.shape[1],):
            raise ShapeError(
                f"{op}: layers[{index}][1] (b): expected shape ({weight.shape[1]},) as W has {weight.shape[1]} "
                f"columns; got {bias.shape}"
            )
        fan_in = weight.shape[1]
        flat += [weight, bias]
    if fan_in != outputs:
        kind = "a scalar network" if outputs == 1 else "one per coordinate"
        raise ShapeError(f"{op}: layers[-1]: expected {outputs} output(s), {kind}; got {fan_in}")
    return flat


def check_one_dtype(op: str, operands: Sequence[Array]) -> None:
    """Refuse operands of different dtypes.

    Raises:
        DTypeError: they differ.
    """
    dtypes = {str(a.dtype) for a in operands}
    if len(dtypes) > 1:
        raise DTypeError(
            f"{op}: expected all operands of one dtype; got {', '.join(sorted(dtypes))}. Convert with .astype"
        )


def _check_directions(op: str, directions: Any, n: int, d: int) -> tuple[str, Array]:
    array = as_float_array(op, "directions", directions)
    if array.ndim not in (2, 3) or array.shape[-1] != d or (array.ndim == 3 and array.shape[0] != n):
        raise ShapeError(
            f"{op}: directions: expected shape (k, {d}) for all points, or ({n}, k, {d}) for each; got {array.shape}"
        )
    return ("shared" if array.ndim == 2 else "point"), array


def prepare(
    op: str,
    layers: Layers,
    x: Any,
    tau: Any,
    dtau: Any,
    activation: str | Sequence[str],
    directions: Any = None,
    *,
    scalar: bool,
) -> tuple[JetStatic, list[Array]]:
    """Check a jet's operands and put them in flat order.

    Raises:
        ShapeError: an operand of the wrong rank or size.
        DTypeError: an operand that is not float32 or float64, or operands of different dtypes.
        ConfigError: an unknown activation.
    """
    points = [as_float_array(op, name, v, 2) for name, v in (("x", x), ("tau", tau), ("dtau", dtau))]
    n, d = points[0].shape
    if d == 0:
        raise ShapeError(f"{op}: x: expected at least one coordinate; got shape {points[0].shape}")
    if points[1].shape[0] != n:
        raise ShapeError(f"{op}: tau: expected {n} rows, as many as x; got shape {points[1].shape}")
    if points[2].shape != points[1].shape:
        raise ShapeError(f"{op}: dtau: expected the shape of tau, {points[1].shape}; got {points[2].shape}")
    kind = None
    if directions is not None:
        kind, array = _check_directions(op, directions, n, d)
        points.append(array)
    flat = points + check_layers(op, layers, d + points[1].shape[1], 1 if scalar else d)
    check_one_dtype(op, flat)
    return JetStatic(check_activation(op, activation, len(layers) - 1), kind), flat
