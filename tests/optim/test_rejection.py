"""Steps that fail: the parameters stay as they are, and the outcome says why."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from transjet.optim import DualGaussNewton, FirstOrder, Outcome, PrimalGaussNewton

OPTIMISERS = {
    "dual": DualGaussNewton(adapt=2.0, momentum=0.5),
    "robust": DualGaussNewton(adapt=2.0, robust=3.0),
    "primal": PrimalGaussNewton(adapt=2.0),
    "first order": FirstOrder(optax.adam(1e-2)),
}
# Each residual with the outcome that it must have at parameters that are zero.
FAILURES = {
    "a log density that is NaN at a point": (
        lambda u, data: u.value + jnp.where(data == jnp.max(data), jnp.nan, data),
        Outcome.NONFINITE_RESIDUAL,
    ),
    "a log density that is infinite at a point": (
        lambda u, data: u.value + jnp.where(data == jnp.max(data), -jnp.inf, data),
        Outcome.NONFINITE_RESIDUAL,
    ),
    "a derivative that is infinite": (lambda u, data: 1 + jnp.sqrt(u.value), Outcome.NONFINITE_DIRECTION),
    "a stationary point": (lambda u, data: 1 + u.value**2, Outcome.NO_DESCENT),
}


ROWS = [(name, failure) for name in OPTIMISERS for failure in FAILURES]
ROWS.remove(("first order", "a stationary point"))  # without a line search there is no telling


@pytest.mark.parametrize(("name", "failure"), ROWS)
def test_a_failed_step_changes_nothing(problem: Any, name: str, failure: str) -> None:
    assemble, outcome = FAILURES[failure]
    optimiser = OPTIMISERS[name]
    bad = problem(assemble, scalars=False, dtype="float32")
    bad = bad._replace(params=jax.tree.map(jnp.zeros_like, bad.params))
    before = optimiser.init(bad.params)
    params, state, info = bad.step(optimiser)
    assert Outcome(int(info.outcome)) is outcome
    assert float(info.step_size) == 0
    jax.tree.map(np.testing.assert_array_equal, params, bad.params)
    if name == "first order":
        jax.tree.map(np.testing.assert_array_equal, state, before)
    else:
        jax.tree.map(np.testing.assert_array_equal, state.direction, before.direction)
        np.testing.assert_allclose(state.damping, 2 * before.damping, rtol=1e-6)
    if outcome is Outcome.NONFINITE_RESIDUAL:
        assert np.isinf(info.loss)


def test_a_rejected_direction_is_forgotten(problem: Any, x64: None) -> None:
    good = problem(lambda u, data: u.value - data)
    optimiser = DualGaussNewton(momentum=0.5)
    params, state, info = good.step(optimiser)
    assert Outcome(int(info.outcome)) is Outcome.ACCEPTED
    assert any(np.any(leaf) for leaf in jax.tree.leaves(state.direction))
    spoilt = good._replace(params=params, batch=good.batch._replace(data=good.batch.data.at[0].set(jnp.nan)))
    kept, state, info = spoilt.step(optimiser, state)
    assert Outcome(int(info.outcome)) is Outcome.NONFINITE_RESIDUAL
    jax.tree.map(np.testing.assert_array_equal, kept, params)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(state.direction))


def test_every_outcome_says_what_to_do() -> None:
    texts = [outcome.remedy for outcome in Outcome]
    assert len(set(texts)) == len(texts) == 4
    assert all(len(text) > 10 for text in texts)
    assert int(Outcome.ACCEPTED) == 0
