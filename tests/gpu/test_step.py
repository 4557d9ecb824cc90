"""Whole steps, of Gauss-Newton and of training, with nothing but the device: no number goes to the host and back."""

from __future__ import annotations

from functools import partial

import jax
import numpy as np
import pytest
from dual import step_call
from gpu_cases import error

from transjet import RunConfig, Sampler, get
from transjet.backend import ffi, primitive, select
from transjet.backend.registry import Availability
from transjet.optim import Outcome
from transjet.recipes import recipe

POINTS = 192
# Between two ways to add up: the step solves a system that damping alone keeps from being singular.
TOLERANCE = {"float32": 2e-2, "float64": 1e-7}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_whole_step(dtype: str, backend: str) -> None:
    with (
        jax.enable_x64(dtype == "float64"),
        jax.default_matmul_precision("highest"),
        jax.numpy_dtype_promotion("standard"),  # optax mixes dtypes
    ):
        step = step_call(backend, POINTS, dtype)
        first = jax.block_until_ready(step())
        with jax.transfer_guard("disallow"):
            second = jax.block_until_ready(step())
        params, _, info = jax.tree.map(np.asarray, second)
        expected = jax.tree.map(np.asarray, step_call("xla", POINTS, dtype)())
        assert error(jax.tree.map(np.asarray, first[0]), params) == 0
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(params)} == {dtype}
    assert Outcome(int(info.outcome)) is Outcome.ACCEPTED
    assert info.loss_after < info.loss
    assert error(params, expected[0]) < TOLERANCE[dtype]
    assert abs(info.loss / expected[2].loss - 1) < TOLERANCE[dtype]


def test_whole_training_step(backend: str) -> None:
    """The default plan of gmm-grid; smaller where the cpu backend proves the body."""
    phase = {"points": 32, "collocation": "uniform", "momentum": 0.0, "robust": 0.0}
    small = {"model": {"width": 8, "depth": 1}, "plan": [phase]}
    options = {"backend": backend, **(small if backend == "cpu" else {})}
    target = get("gmm-grid")
    sampler = Sampler(target, RunConfig.from_dict(options, recipe(target)))
    state, _ = sampler.step(sampler.init(jax.random.key(0)))
    jax.block_until_ready(state)
    with jax.transfer_guard("disallow"):
        for _ in range(2):
            state, info = sampler.step(state)
    assert (int(state.iteration), Outcome(int(info.outcome))) == (3, Outcome.ACCEPTED)
    assert np.isfinite(info.loss)


@pytest.mark.parametrize("name", ["cuda", "triton"])
def test_a_run_asks_for_no_kernel_that_there_is_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training and sampling with a backend asked for by name, traced as for a GPU on any machine."""
    monkeypatch.setattr(primitive, "_default_platform", lambda: "cuda")
    monkeypatch.setattr(select, "availability", lambda name: Availability(name, True, "as if it were"))
    monkeypatch.setattr(ffi, "cuda_max_layers", lambda: 16)
    if name == "triton":
        run = pytest.importorskip("transjet.backend.triton_run")
        monkeypatch.setattr(run, "refuses", lambda request: next(run.why_not(request, run.plan_of), None))
    target = get("gmm-grid")
    sampler = Sampler(target, RunConfig.from_dict({"backend": name}, recipe(target)))
    state = jax.eval_shape(sampler.init, jax.random.key(0))
    new, _ = jax.eval_shape(partial(sampler.trainer._step, 0), state, np.float32(0), np.bool_(True))
    assert jax.tree.map(np.shape, new.params) == jax.tree.map(np.shape, state.params)
    samples = jax.eval_shape(partial(sampler._draw, n=4), state.best_params, jax.random.key(1))
    assert jax.tree.leaves(samples)[0].shape == (4, 2)
