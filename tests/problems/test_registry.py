"""Problems by name: flows that are those of their equations, and densities that are those of their paths."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.config import EQUATIONS, ModelConfig, RunConfig
from transjet.errors import ConfigError
from transjet.paths import GaussianPrior
from transjet.problems import BUILDERS, Problem, build_problem
from transjet.targets import Target, gaussian_mixture

TARGET = gaussian_mixture([[-1.0, 0.5], [2.0, 0.0]])
SMALL = ModelConfig(width=5, depth=2)
N = 6


def made(equation: str, target: Target = TARGET, **options: Any) -> tuple[Problem, Any]:
    """A problem, and parameters far enough from those of a fresh one that every term counts."""
    config = RunConfig(equation=equation, model=SMALL, dtype="float64", sigma=0.7, **options)
    problem = build_problem(config, target, GaussianPrior(target.dim, 1.5))
    params = problem.equation.init(jax.random.key(0), jnp.float64)
    rng = np.random.default_rng(1)
    return problem, jax.tree.map(lambda a: a + 0.3 * rng.standard_normal(a.shape), params)


def points() -> tuple[jax.Array, jax.Array]:
    rng = np.random.default_rng(2)
    return jnp.asarray(rng.standard_normal((N, 2))), jnp.asarray(rng.uniform(0.1, 0.9, N))


def test_every_name_of_a_configuration_has_a_builder() -> None:
    assert tuple(BUILDERS) == EQUATIONS


def test_an_equation_without_a_builder_is_refused() -> None:
    config = RunConfig()
    object.__setattr__(config, "equation", "heat")
    with pytest.raises(ConfigError, match="equation: expected one of continuity, .*; got 'heat'"):
        build_problem(config, TARGET, GaussianPrior(2))


@pytest.mark.parametrize("equation", EQUATIONS)
def test_the_flows_divergence_is_that_of_its_value(equation: str, x64: None) -> None:
    problem, params = made(equation)
    field = problem.field(params)

    @jax.jit
    def both(x: Any, t: Any) -> Any:
        rows = jax.vmap(jax.jacfwd(lambda y, s: field(y[None], s[None]).value[0]))(x, t)
        return field(x, t).divergence, jnp.trace(rows, axis1=1, axis2=2)

    np.testing.assert_allclose(*both(*points()), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("equation", EQUATIONS)
def test_the_log_densitys_derivatives_are_those_of_its_value(equation: str, x64: None) -> None:
    problem, params = made(equation)
    assert problem.log_density is not None
    v = problem.log_density(params)

    @jax.jit
    def both(x: Any, t: Any) -> Any:
        grads = jax.vmap(jax.grad(lambda y, s: v(y[None], s[None]).value[0], (0, 1)))(x, t)
        return (v(x, t).grad, v(x, t).dt), grads

    for actual, expected in zip(*both(*points()), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("equation", ["continuity", "fokker-planck"])
def test_the_residual_is_the_flows_violation_of_the_continuity_equation(equation: str, x64: None) -> None:
    """logFP(mu, V) is logCE(mu - sigma^2/2 grad V, V), so one identity ties equation, flow and density."""
    problem, params = made(equation)
    assert problem.log_density is not None
    x, t = points()
    flow, v = problem.field(params)(x, t), problem.log_density(params)(x, t)
    expected = v.dt + flow.divergence + jnp.sum(v.grad * flow.value, axis=1)
    np.testing.assert_allclose(problem.equation.residual(params, (x, t)), expected, rtol=1e-9, atol=1e-9)


def test_sigma_reaches_the_problem(x64: None) -> None:
    problem, params = made("fokker-planck")
    still = build_problem(
        replace(RunConfig(model=SMALL), equation="fokker-planck", sigma=1e-6), TARGET, GaussianPrior(2, 1.5)
    )
    x, t = points()
    moved, plain = (p.field(params)(x, t).value for p in (problem, still))
    assert problem.log_density is not None
    expected = plain - 0.7**2 / 2 * problem.log_density(params)(x, t).grad
    np.testing.assert_allclose(moved, expected, rtol=1e-6, atol=1e-6)
