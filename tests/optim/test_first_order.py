"""Any optax transformation on the mean squared residual."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from transjet.errors import ConfigError
from transjet.optim import FirstOrder, Outcome, adam
from transjet.optim.robust import huber_loss, huber_scale


@pytest.mark.parametrize("robust", [0.0, 0.5])
def test_the_gradient_is_that_of_the_loss(curved: Any, robust: float) -> None:
    def loss(params: Any) -> Any:
        residual = curved.equation.residual(params, curved.batch)
        return huber_loss(residual, jax.lax.stop_gradient(huber_scale(residual, robust)))

    value, gradient = jax.jit(jax.value_and_grad(loss))(curved.params)
    params, _, info = curved.step(FirstOrder(optax.sgd(1.0), robust))
    np.testing.assert_allclose(info.loss, value)
    jax.tree.map(
        lambda new, old, g: np.testing.assert_allclose(old - new, g, rtol=1e-9, atol=1e-12),
        params, curved.params, gradient,
    )  # fmt: skip


def test_adam_lowers_the_loss(curved: Any) -> None:
    optimiser = adam(1e-2, 60)
    params, state, losses = curved.params, optimiser.init(curved.params), []
    step = jax.jit(lambda p, s: optimiser.step(curved.equation, p, s, curved.batch))
    for _ in range(60):
        params, state, info = step(params, state)
        losses.append(float(info.loss))
        assert Outcome(int(info.outcome)) is Outcome.ACCEPTED
    assert losses[-1] < 0.8 * losses[0]
    assert float(info.step_size) == 1
    assert np.isnan(info.loss_after)
    assert float(info.damping) == 0


def test_a_step_with_nan_is_skipped_and_the_next_one_goes_on(curved: Any) -> None:
    optimiser = adam(1e-2, 10)
    step = jax.jit(lambda p, s, b: optimiser.step(curved.equation, p, s, b))
    spoilt = curved.batch._replace(data=curved.batch.data.at[3].set(jnp.nan))
    params, state, _ = step(curved.params, optimiser.init(curved.params), curved.batch)
    same, skipped, info = step(params, state, spoilt)
    assert Outcome(int(info.outcome)) is Outcome.NONFINITE_RESIDUAL
    jax.tree.map(np.testing.assert_array_equal, (same, skipped), (params, state))
    _, _, info = step(same, skipped, curved.batch)
    assert Outcome(int(info.outcome)) is Outcome.ACCEPTED


def test_large_gradients_are_clipped() -> None:
    params = {"w": jnp.zeros(4)}
    optimiser = adam(1e-2, 10, clip=1e-3)
    clip, _ = optimiser.transformation.update({"w": jnp.full(4, 1e8)}, optimiser.init(params), params)
    assert np.all(np.abs(clip["w"]) <= 1.01e-2)


@pytest.mark.parametrize(
    "options", [(0.0, 10, 1.0), (-1.0, 10, 1.0), (1e-3, 0, 1.0), (1e-3, 10, 0.0), (float("nan"), 10, 1.0)]
)
def test_impossible_options_are_refused(options: tuple[float, int, float]) -> None:
    rate, steps, clip = options
    with pytest.raises(ConfigError, match="adam: expected positive values; got learning_rate="):
        adam(rate, steps, clip=clip)
