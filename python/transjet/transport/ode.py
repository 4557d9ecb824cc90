"""Transport along the ODE dx/dt = mu(x, t), carrying the log density of the moving particles.

Along a trajectory d log q / dt = -div mu(x, t): the instantaneous change of variables. Forward from the prior this
gives samples with the exact log density of the flow; backward it gives the flow's log density at any point.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from transjet.errors import ConfigError
from transjet.models import MLP, DivergenceJet, Layers

Array = jax.Array
Field = Callable[[Array, Array], DivergenceJet]
"""`(x (n, d), t (n,)) -> DivergenceJet(value (n, d), divergence (n,))`."""


@dataclass(frozen=True)
class NetworkField:
    """The field of a network alone; `ode_transport` follows it in one fused call.

    Attributes:
        model: network of (x, t) with d outputs.
        layers: its parameters.
    """

    model: MLP
    layers: Layers

    def __call__(self, x: Array, t: Array) -> DivergenceJet:
        """Value (n, d) and divergence (n,) at x (n, d), t (n,)."""
        jet: DivergenceJet = self.model.jet("divergence_jet", self.layers, x, t)
        return jet


class Transported(NamedTuple):
    """Particles after transport.

    Attributes:
        x: positions, (n, d).
        change: integral of div mu dt along each trajectory in the direction of travel, (n,).
    """

    x: Array
    change: Array


def _rates(field: Field, x: Array, t: Array) -> tuple[Array, Array]:
    jet = field(x, jnp.full(x.shape[:1], t, x.dtype))
    return jet.value, jet.divergence


def _move(a: tuple[Array, Array], h: Array, b: tuple[Array, Array]) -> tuple[Array, Array]:
    return a[0] + h * b[0], a[1] + h * b[1]


def rk4_step(field: Field, state: tuple[Array, Array], t: Array, h: Array) -> tuple[Array, Array]:
    """One classical Runge-Kutta step of (x, integral of the divergence)."""
    k1 = _rates(field, state[0], t)
    k2 = _rates(field, _move(state, h / 2, k1)[0], t + h / 2)
    k3 = _rates(field, _move(state, h / 2, k2)[0], t + h / 2)
    k4 = _rates(field, _move(state, h, k3)[0], t + h)
    slope = tuple((a + 2 * b + 2 * c + d) / 6 for a, b, c, d in zip(k1, k2, k3, k4, strict=True))
    return _move(state, h, (slope[0], slope[1]))


def ode_transport(field: Field, x: Array, *, steps: int = 100, reverse: bool = False) -> Transported:
    """Move particles from t = 0 to t = 1 (or back) by the classical fourth-order Runge-Kutta method.

    Args:
        field: drift with its divergence; a `NetworkField` is fastest.
        x: positions at the start, (n, d).
        steps: number of equal time steps.
        reverse: integrate from t = 1 to t = 0.

    Returns:
        Transported(x (n, d), change (n,)). Forward, log q(x_1) = log q(x_0) - change; backward,
        log q(x_1) = log q(x_0) + change with x_1 where the particles started.

    Raises:
        ConfigError: fewer than one step.
    """
    if steps < 1:
        raise ConfigError(f"ode_transport: steps: expected at least 1; got {steps}")
    h = jnp.asarray((-1.0 if reverse else 1.0) / steps, x.dtype)
    if isinstance(field, NetworkField):
        moments = (1.0 if reverse else 0.0) + h / 2 * jnp.arange(2 * steps + 1, dtype=x.dtype)
        return Transported(*field.model.transport(field.layers, x, moments, h))
    times = (1.0 if reverse else 0.0) + h * jnp.arange(steps, dtype=x.dtype)

    def step(state: tuple[Array, Array], t: Array) -> tuple[tuple[Array, Array], None]:
        return rk4_step(field, state, t, h), None

    (end, change), _ = jax.lax.scan(step, (x, jnp.zeros(x.shape[:1], x.dtype)), times)
    return Transported(end, change)
