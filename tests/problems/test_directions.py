"""Random directions by configuration: training that works in a hundred dimensions."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet import RunConfig, Sampler, from_log_density
from transjet.errors import ConfigError

DIM = 100


def sampler(directions: int) -> Sampler:
    target = from_log_density(lambda x: -0.5 * jnp.sum((x / 0.7) ** 2), DIM)
    phase = {"collocation": "gaussian", "points": 128, "iterations": 6, "optimiser": "gauss-newton", "damping": 1e-2}
    model = {"directions": directions, "width": 8, "depth": 1, "input_scale": 2.0}
    return Sampler(target, RunConfig.from_dict({"model": model, "plan": [phase]}))


def test_directions_reach_the_equation_and_lower_the_exact_residual() -> None:
    made = sampler(4)
    assert made.equation is not None and made.equation.unknowns["drift"].directions == 4
    assert sampler(0).equation.unknowns["drift"].directions == 0
    state = made.init(jax.random.key(0))
    fresh = made.equation.batch((jax.random.normal(jax.random.key(5), (256, DIM)), jnp.linspace(0.0, 1.0, 256)))
    assert fresh.directions is None
    before = made.equation.residual(state.params, fresh)
    for _ in range(6):
        state, _ = made.step(state)
    after = made.equation.residual(state.params, fresh)
    assert int(state.rejected) == 0
    assert np.sqrt(np.mean(np.square(after))) < 0.7 * np.sqrt(np.mean(np.square(before)))


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ConfigError, match="directions"):
        RunConfig.from_dict({"model": {"directions": -1}})
