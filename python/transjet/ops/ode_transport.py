"""Particles along the ODE of a vector network, with the integral of its divergence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from transjet.backend import BoundOperation, Choice, Operation
from transjet.errors import ShapeError
from transjet.ops._operands import (
    JetStatic,
    Layers,
    as_float_array,
    check_activation,
    check_layers,
    check_one_dtype,
    points_per_chunk,
)
from transjet.ops.divergence_jet import JET as DIVERGENCE

Array = jax.Array


class OdeTransport(NamedTuple):
    """Particles after transport."""

    x: Float[Array, "n d"]
    change: Float[Array, " n"]


def _reference(static: JetStatic, step: Array, x: Array, tau: Array, *leaves: Array) -> tuple[Array, Array]:
    def rates(x: Array, row: Array) -> tuple[Array, ...]:
        features = jnp.broadcast_to(row, (x.shape[0], *row.shape))
        return DIVERGENCE.spec.reference(static, x, features, features, *leaves)

    def advance(state: tuple[Array, Array], moments: tuple[Array, ...]) -> tuple[tuple[Array, Array], None]:
        x, change = state
        start, middle, end = moments
        k1 = rates(x, start)
        k2 = rates(x + 0.5 * step * k1[0], middle)
        k3 = rates(x + 0.5 * step * k2[0], middle)
        k4 = rates(x + step * k3[0], end)
        dx, dlog = ((a + 2 * b + 2 * c + d) / 6 for a, b, c, d in zip(k1, k2, k3, k4, strict=True))
        return (x + step * dx, change + step * dlog), None

    zero = 0 * (x.sum(axis=1) + step)  # of the varying mesh axes that the change will have
    (x, change), _ = jax.lax.scan(advance, (x + zero[:, None], zero), (tau[:-1:2], tau[1::2], tau[2::2]))
    return x, change


def _points(static: JetStatic, count: int) -> tuple[bool, ...]:
    return (False, True) + (False,) * (count - 2)


def _chunk(static: JetStatic, operands: Sequence[Any]) -> int:
    return points_per_chunk(static, operands, operands[1].shape[1] + 1)


_op = BoundOperation(Operation("ode_transport", _reference, _points, _chunk))


def _prepare(layers: Layers, x: Any, tau: Any, step: Any, activation: Any) -> tuple[JetStatic, list[Array]]:
    op = "ode_transport"
    points, table = as_float_array(op, "x", x, 2), as_float_array(op, "tau", tau, 2)
    if points.shape[1] == 0:
        raise ShapeError(f"{op}: x: expected at least one coordinate; got shape {points.shape}")
    if table.shape[0] % 2 == 0 or table.shape[0] < 3:
        raise ShapeError(
            f"{op}: tau: expected 2 steps + 1 rows, for the start, the middle and the end of every step; got shape "
            f"{table.shape}"
        )
    if jnp.shape(step):
        raise ShapeError(f"{op}: step: expected a scalar; got shape {jnp.shape(step)}")
    leaves = check_layers(op, layers, points.shape[1] + table.shape[1], points.shape[1])
    flat = [jnp.asarray(step, points.dtype), points, table, *leaves]
    check_one_dtype(op, flat)
    return JetStatic(check_activation(op, activation, len(layers) - 1)), flat


def explain(
    layers: Layers,
    x: Any,
    tau: Any,
    step: Any,
    *,
    activation: Any = "tanh",
    backend: str = "auto",
    role: str = "forward",
) -> Choice:
    """What would run for these operands, and why."""
    return _op.explain(*_prepare(layers, x, tau, step, activation), backend, role)


def ode_transport(
    layers: Layers,
    x: Array,
    tau: Array,
    step: Any,
    *,
    activation: str | Sequence[str] = "tanh",
    backend: str = "auto",
) -> OdeTransport:
    """Move particles along dx/dt = mu(x, tau(t)) by the classical fourth-order Runge-Kutta method.

    Every particle goes through all steps on its own; nothing but the ends of trajectories is stored.

    Args:
        layers: the vector network mu, as for `divergence_jet`.
        x: where particles start, (n, d).
        tau: time features at the start, the middle and the end of every step, (2 steps + 1, f).
        step: size of a time step, a scalar; negative to go back in time.
        activation: as for `divergence_jet`.
        backend: "auto", or a backend's name.

    Returns:
        OdeTransport(x (n, d), change (n,)), the change being the integral of div mu dt along each trajectory.

    Raises:
        ShapeError: an operand of the wrong rank or size.
        DTypeError: operands that are not all float32 or all float64.
        ConfigError: an unknown activation.
        BackendError: the backend asked for by name cannot run.
    """
    return OdeTransport(*_op(*_prepare(layers, x, tau, step, activation), backend))
