"""Adaptive transport through diffrax: error control where a fixed step would have to be guessed."""

from __future__ import annotations

import importlib
from typing import Any

import jax
import jax.numpy as jnp

from transjet.errors import ConfigError
from transjet.transport.ode import Field, Transported

Array = jax.Array


def _diffrax() -> Any:
    try:
        return importlib.import_module("diffrax")
    except ImportError as error:
        raise ConfigError("adaptive transport needs diffrax; install it with: pip install 'transjet[all]'") from error


def adaptive_transport(
    field: Field,
    x: Array,
    *,
    rtol: float = 1e-5,
    atol: float = 1e-6,
    reverse: bool = False,
    max_steps: int = 4096,
) -> Transported:
    """Move particles from t = 0 to t = 1 (or back) with diffrax's Dopri5 and a PID step-size controller.

    All particles share one step sequence, controlled by the root mean square error over them.

    Args:
        field: drift with its divergence.
        x: positions at the start, (n, d).
        rtol: relative tolerance.
        atol: absolute tolerance.
        reverse: integrate from t = 1 to t = 0.
        max_steps: steps after which to give up.

    Returns:
        As `ode_transport`.

    Raises:
        ConfigError: diffrax is not installed.
    """
    diffrax = _diffrax()

    def rates(t: Array, state: tuple[Array, Array], _: None) -> tuple[Array, Array]:
        jet = field(state[0], jnp.full(x.shape[:1], t, x.dtype))
        return jet.value, jet.divergence

    start, end = (1.0, 0.0) if reverse else (0.0, 1.0)
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(rates),
        diffrax.Dopri5(),
        jnp.asarray(start, x.dtype),
        jnp.asarray(end, x.dtype),
        None,
        (x, jnp.zeros(x.shape[:1], x.dtype)),
        stepsize_controller=diffrax.PIDController(rtol=rtol, atol=atol),
        saveat=diffrax.SaveAt(t1=True),
        max_steps=max_steps,
    )
    return Transported(solution.ys[0][0], solution.ys[1][0])
