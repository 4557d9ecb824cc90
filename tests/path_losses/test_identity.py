"""The path identity: along the flow of any (mu, V) that meets both ends, log weight = log z + integral of R."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.collocation import Points
from transjet.equations import continuity
from transjet.models import MLP
from transjet.paths import BoundaryPath, GaussianPrior
from transjet.transport import NetworkField, ode_transport

PRIOR = GaussianPrior(2, 1.5)


def log_rho(x: Any) -> Any:
    return -0.25 * jnp.sum((x**2 - 1.0) ** 2) + 0.3 * x[0]


@pytest.mark.parametrize("sign", [1, -1], ids=["identity", "planted: the sign turned"])
def test_log_weight_is_log_z_and_the_integral_of_the_residual(sign: int, x64: None) -> None:
    drift, potential = MLP(2, 2, (16,), last_gain=1.0), MLP(2, 1, (16,), last_gain=1.0)
    equation = continuity(BoundaryPath(PRIOR, log_rho), drift, potential, log_z=0.4)
    params = equation.init(jax.random.key(0), jnp.float64)
    field, steps = NetworkField(drift, params["drift"]), 40
    start = PRIOR.sample(jax.random.key(1), 6, jnp.float64)

    def rates(x: Any, t: Any) -> Any:
        times = jnp.full(6, t)
        jet = field(x, times)
        return jet.value, equation.residual(params, Points(x, times))

    def step(state: Any, t: Any) -> Any:  # Runge-Kutta on (x, integral of R)
        h, (x, total) = 1 / steps, state
        a, r1 = rates(x, t)
        b, r2 = rates(x + h / 2 * a, t + h / 2)
        c, r3 = rates(x + h / 2 * b, t + h / 2)
        d, r4 = rates(x + h * c, t + h)
        return (x + h / 6 * (a + 2 * b + 2 * c + d), total + h / 6 * (r1 + 2 * r2 + 2 * r3 + r4)), None

    (x, integral), _ = jax.jit(lambda s: jax.lax.scan(step, (s, jnp.zeros(6)), jnp.arange(steps) / steps))(start)
    end = ode_transport(field, start, steps=steps)
    log_weight = jax.vmap(log_rho)(end.x) - (PRIOR.log_density(start) - end.change)
    np.testing.assert_allclose(x, end.x, atol=1e-10)
    assert np.ptp(integral) > 0.5, "an imperfect solution"
    error = np.abs(log_weight - (0.4 + sign * integral)).max()
    assert error < 1e-5 if sign == 1 else error > 0.5
