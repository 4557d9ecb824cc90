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


@pytest.mark.parametrize("robust", [0.0, 1.0])
def test_its_step_is_that_of_the_dual_form(curved: Any, robust: float) -> None:
    options = {"damping": 0.2, "robust": robust}
    dual = curved.step(DualGaussNewton(**options))
    primal = curved.step(PrimalGaussNewton(**options, **CONVERGED))
    assert Outcome(int(primal[2].outcome)) is Outcome.ACCEPTED
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9), primal, dual)


def test_momentum_is_where_the_iteration_starts(curved: Any) -> None:
    last = jax.tree.map(lambda a: jnp.full_like(a, 0.01), curved.params)
    state = DualState(jnp.asarray(0.2), last)
    # A converged iteration forgets where it started, one that stops at once does not move away from it.
    forgetful = curved.step(PrimalGaussNewton(momentum=0.9, **CONVERGED), state)
    plain = curved.step(DualGaussNewton(), state)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8), forgetful[0], plain[0])
    lazy = PrimalGaussNewton(momentum=0.9, iterations=1, tolerance=1e6)
    lin = curved.equation.linearize(curved.params, curved.batch)
    kept = jax.jit(lambda roots: lazy._direction(lin, state, roots))(jnp.ones(11))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, 0.9 * b), kept, last)


@pytest.mark.parametrize("iterations", [0, -1])
def test_no_iterations_are_refused(iterations: int) -> None:
    with pytest.raises(ConfigError, match=f"iterations: expected at least 1; got {iterations}"):
        PrimalGaussNewton(iterations=iterations)


def test_the_dual_forms_options_are_checked_too() -> None:
    with pytest.raises(ConfigError, match="damping: expected a positive number"):
        PrimalGaussNewton(damping=-1.0)
