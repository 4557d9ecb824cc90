"""Gauss-Newton in primal form."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.errors import ConfigError
from transjet.optim import DualGaussNewton, DualState, Outcome, PrimalGaussNewton

CONVERGED = {"iterations": 500, "tolerance": 1e-13}


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("robust", [0.0, 1.0])
def test_its_step_is_that_of_the_dual_form(curved: Any, robust: float, momentum: float) -> None:
    last = jax.tree.map(lambda a: jnp.full_like(a, 0.01), curved.params)
    state = DualState(jnp.asarray(0.2), last)
    options = {"damping": 0.2, "robust": robust, "momentum": momentum}
    dual = curved.step(DualGaussNewton(**options), state)
    primal = curved.step(PrimalGaussNewton(**options, **CONVERGED), state)
    assert Outcome(int(primal[2].outcome)) is Outcome.ACCEPTED
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9), primal, dual)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_kept_factors_change_nothing(curved: Any, momentum: float) -> None:
    state = DualState(jnp.asarray(0.2), jax.tree.map(lambda a: jnp.full_like(a, 0.01), curved.params))
    without, with_factors = (
        curved.step(PrimalGaussNewton(damping=0.2, momentum=momentum, memory=memory, **CONVERGED), state)
        for memory in (0.0, 100.0)
    )
    jax.tree.map(np.testing.assert_array_equal, without, with_factors)


@pytest.mark.parametrize("memory", [-1.0, float("nan")])
def test_negative_memory_is_refused(memory: float) -> None:
    with pytest.raises(ConfigError, match="memory: expected 0 or more MiB"):
        PrimalGaussNewton(memory=memory)


@pytest.mark.parametrize("tolerance", [0.0, 1.0, float("nan")])
def test_a_tolerance_out_of_range_is_refused(tolerance: float) -> None:
    with pytest.raises(ConfigError, match="tolerance: expected a number between 0 and 1"):
        PrimalGaussNewton(tolerance=tolerance)


@pytest.mark.parametrize("iterations", [0, -1])
def test_no_iterations_are_refused(iterations: int) -> None:
    with pytest.raises(ConfigError, match=f"iterations: expected at least 1; got {iterations}"):
        PrimalGaussNewton(iterations=iterations)


def test_the_dual_forms_options_are_checked_too() -> None:
    with pytest.raises(ConfigError, match="damping: expected a positive number"):
        PrimalGaussNewton(damping=-1.0)
