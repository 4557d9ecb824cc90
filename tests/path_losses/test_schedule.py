"""Steps are spread as the law narrows, and the gates start where a mode of that width has its own score."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.path_losses import METHODS, Parts, log_derivative, path_process, simulate
from transjet.path_losses.schedule import annealing, noise_left, noising_left
from transjet.paths import GaussianPrior

R, STEPS = 25.0, 40


def test_precision_and_noise_change_by_the_same_factor_at_every_step() -> None:
    precision = 1 + (R - 1) * annealing(STEPS, R)
    variance = 1 + (R - 1) * noise_left(STEPS, R)
    np.testing.assert_allclose(precision[1:] / precision[:-1], R ** (1 / STEPS), rtol=1e-12)
    np.testing.assert_allclose(variance[:-1] / variance[1:], R ** (1 / STEPS), rtol=1e-12)
    np.testing.assert_allclose(annealing(STEPS, 1.0), np.arange(STEPS + 1) / STEPS, atol=1e-15)


def test_noising_slows_down_towards_the_target() -> None:
    left = noising_left(STEPS, R, 6.0)
    rates = -np.diff(left)
    assert (left[0], left[-1]) == (6.0, 0.0) and (np.diff(rates) < 0).all()
    share = rates / (1 / (R - 1) + 1 - np.exp(-left[1:]))  # of every step's noise in the variance of a mode
    assert share.max() < 0.3 and rates.max() > 20 * rates.min()
    np.testing.assert_allclose(np.diff(noising_left(STEPS, 1.0, 6.0)), -6 / STEPS, rtol=1e-4)


class Zero:
    """A control that is not there."""

    def init(self, key: Any, dtype: Any = jnp.float32) -> Any:
        return jnp.zeros(0, dtype)

    def apply(self, layers: Any, x: Any, t: Any) -> Any:
        return jnp.zeros_like(x)


def log_rho(x: Any, mean: float, std: float) -> Any:
    return GaussianPrior(2, std).log_density(x - mean)


@pytest.mark.parametrize(("method", "mean"), [("pis", 2.0), ("dds", 0.0)])
def test_gates_start_at_the_solution_for_a_gaussian_of_that_width(method: str, mean: float) -> None:
    std = 3.0
    target = partial(log_rho, mean=mean, std=std / R**0.5)
    process = path_process(method, Parts(GaussianPrior(2, std), target, Zero(), steps=200, narrowing=R))

    @jax.jit
    def variance(params: Any) -> Any:
        return jnp.var(log_derivative(process, simulate(process, params, jax.random.key(0), 500)))

    params = process.init(jax.random.key(1))
    assert variance(params) < 0.5
    ungated = params | {"gate": 0.3 + params["gate"]}
    assert variance(ungated) > 20 * variance(params)


def test_gates_are_parameters_where_there_is_guidance() -> None:
    names = {}
    for method in METHODS:
        for guidance in (True, False):
            parts = Parts(GaussianPrior(2), partial(log_rho, mean=0.0, std=1.0), Zero(), Zero(), guidance=guidance)
            names[method, guidance] = {n for n in path_process(method, parts).extra if n.endswith("gate")}
    assert [names[m, True] for m in METHODS] == [{"gate"}] * 3 + [set(), {"gate", "second_gate"}]
    assert not any(names[m, False] for m in METHODS)
