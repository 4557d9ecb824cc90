"""Every loss vanishes, or is -log Z, at exact solutions, and points back to them from elsewhere."""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.errors import ConfigError
from transjet.path_losses import LOSSES, Parts, dbs, log_derivative, path_loss, path_process, sample_paths, simulate

_spec = importlib.util.spec_from_file_location("path_exact", Path(__file__).with_name("exact.py"))
assert _spec and _spec.loader
problem: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(problem)

FLOOR = {"kl": -problem.LOG_Z, "log-variance": 0.0, "second-moment": 0.0, "sub-trajectory-balance": 0.0}


def solution(process: Any) -> Any:
    params = process.init(jax.random.key(0), jnp.float64)
    return params | {"log_z": jnp.asarray(problem.LOG_Z / 20)}


@pytest.mark.parametrize(("method", "names"), [("pis", tuple(LOSSES)), ("dds", ("kl",)), ("dbs", tuple(LOSSES)[1:])])
def test_losses_and_their_gradients_at_and_away_from_the_exact_solution(method: str, names: Any, x64: None) -> None:
    process = problem.exact(method)
    at = solution(process)
    away = at | {"control": at["control"] + 0.3}

    @jax.jit
    def losses(params: Any) -> Any:
        return {
            name: jax.value_and_grad(
                lambda p, name=name: path_loss(process, name, p, jax.random.key(1), 64, dtype=jnp.float64)[0]
            )(params)
            for name in names
        }

    here, there = losses(at), losses(away)
    for name in names:
        floor = FLOOR[name]
        assert abs(float(here[name][0]) - floor) < 1e-9, name
        assert float(there[name][0]) > floor + 1e-3, name
        assert np.abs(there[name][1]["control"]).max() > 1e-3, name
        if name != "kl":  # whose gradient is zero at the solution in expectation alone
            assert all(np.abs(g).max() < 1e-7 for g in jax.tree.leaves(here[name][1])), name


def test_log_z_is_learned_by_the_balances(x64: None) -> None:
    process = problem.exact("dbs", 4)
    params = process.init(jax.random.key(0), jnp.float64)  # log z = 0
    for name in ("second-moment", "sub-trajectory-balance"):

        def loss(p: Any, name: str = name) -> Any:
            return path_loss(process, name, p, jax.random.key(1), 32, dtype=jnp.float64)[0]

        value, grad = jax.jit(jax.value_and_grad(loss))(params)
        assert value > 1e-3 and grad["log_z"] < 0, name


def test_sub_trajectory_balance_is_the_mean_over_all_pairs(x64: None) -> None:
    process = problem.exact("dbs", 6)
    params = solution(process) | {"second": jnp.array([0.2, -0.1])}
    paths = simulate(process, params, jax.random.key(0), 5, dtype=jnp.float64)
    squares = []
    for a in range(7):
        for b in range(a + 1, 7):
            ends = process.log_density(params, paths.x[a], a) - process.log_density(params, paths.x[b], b)
            squares.append(np.mean((ends + paths.ratios[a:b].sum(axis=0)) ** 2))
    np.testing.assert_allclose(LOSSES["sub-trajectory-balance"](process, params, paths), np.mean(squares), rtol=1e-10)


def test_cmcd_has_the_closed_form_of_its_step_size(x64: None) -> None:
    process = problem.exact("cmcd", 10)
    paths = simulate(process, solution(process), jax.random.key(0), 40, dtype=jnp.float64)
    shrink = problem.SIGMA**2 / problem.STD**2 / 20
    first, last = (np.sum(y**2, axis=1) for y in (paths.x[0], paths.x[-1] - problem.MEAN))
    expected = -shrink / 4 * (first - last) / problem.STD**2 - problem.LOG_Z
    np.testing.assert_allclose(log_derivative(process, paths), expected, atol=1e-12)


def test_dis_approaches_its_continuous_solution(x64: None) -> None:
    spread = []
    for steps in (100, 400):
        process = problem.exact("dis", steps)
        rnd = log_derivative(process, simulate(process, solution(process), jax.random.key(0), 200, dtype=jnp.float64))
        spread.append(float(jnp.var(rnd)))
    assert spread[1] < spread[0] / 3 and spread[1] < 0.05


@pytest.mark.parametrize("method", ["pis", "dis", "dds", "cmcd", "dbs"])
def test_the_mean_weight_is_z_whatever_the_networks(method: str, x64: None) -> None:
    wavy = problem.Function(lambda x, t: 0.5 * jnp.sin(2 * x + t))
    phi = problem.Function(lambda x, t: x[:, :1], 1)
    parts = Parts(problem.PRIOR, problem.target(), wavy, wavy, phi, 6, sigma=problem.STD, beta=4.5)
    process = path_process(method, parts)
    params = process.init(jax.random.key(0), jnp.float64)
    n = 40_000
    _, log_w, _ = jax.jit(partial(sample_paths, process, params, n=n, dtype=jnp.float64))(jax.random.key(1))
    w = np.exp(log_w - problem.LOG_Z)
    error = w.std() / np.sqrt(n)
    assert abs(w.mean() - 1) < 4 * error < 0.15


def test_paths_of_another_law_would_be_seen(x64: None) -> None:
    """The calibration of the test above: weights of paths that are drawn with a tenth more noise."""
    process = problem.exact("cmcd", 6)
    draw = partial(simulate, process, solution(process), n=40_000, exploration=0.1, dtype=jnp.float64)
    w = np.exp(-log_derivative(process, jax.jit(draw)(jax.random.key(1))) - problem.LOG_Z)
    assert abs(w.mean() - 1) > 8 * w.std() / np.sqrt(len(w))


def test_exploring_paths_leave_the_solution_where_it_is(x64: None) -> None:
    process = problem.exact("dbs")
    loss, rnd = path_loss(
        process, "log-variance", solution(process), jax.random.key(0), 16, exploration=0.5, dtype=jnp.float64
    )
    assert float(loss) < 1e-10
    np.testing.assert_allclose(rnd, -problem.LOG_Z, atol=1e-9)


def test_what_does_not_fit_is_refused() -> None:
    process = problem.exact("dds")
    params = process.init(jax.random.key(0))
    with pytest.raises(ConfigError, match="path loss: expected one of kl"):
        path_loss(process, "hinge", params, jax.random.key(0), 4)
    with pytest.raises(ConfigError, match="no exploration"):
        path_loss(process, "kl", params, jax.random.key(0), 4, exploration=0.1)
    net = problem.Function(lambda x, t: x)
    with pytest.raises(ConfigError, match="second network"):
        dbs(Parts(problem.PRIOR, problem.target(), net))
    with pytest.raises(ConfigError, match="path method: expected one of pis"):
        path_process("fab", Parts(problem.PRIOR, problem.target(), net))
    for options in ({"steps": 0}, {"sigma": -1.0}, {"beta": 0.0}, {"clip": 0.0}, {"narrowing": 0.5}):
        with pytest.raises(ConfigError, match="paths: expected"):
            Parts(problem.PRIOR, problem.target(), net, **options)
