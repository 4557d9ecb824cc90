"""Evaluations of the target told from shapes, against a log density that counts for itself while a run goes on."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from transjet import ModelConfig, PhaseConfig, RunConfig, Sampler, from_log_density
from transjet.config import PathLossConfig, SamplingConfig
from transjet.diagnostics import Census
from transjet.train import Evaluations, count, stand_in, total
from transjet.transport import WeightedSamples

KEY = jax.random.key(3)


@pytest.fixture(scope="module", autouse=True)
def _quick_compilation() -> Iterator[None]:
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


class Counting:
    """log rho = -|x|^2 / 2 that counts its evaluations at run time."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def so_far(self) -> Evaluations:
        jax.effects_barrier()
        return Evaluations(**self.seen)

    def target(self, dim: int) -> Any:
        def tell(name: str, x: Any) -> None:
            jax.debug.callback(lambda _: self.seen.update([name]), x[0])

        @jax.custom_jvp
        def gradient(x):
            tell("gradients", x)
            return -x

        @gradient.defjvp
        def _(primals, tangents):
            tell("products", primals[0])
            return gradient(primals[0]), -tangents[0]

        @jax.custom_jvp
        def log_density(x):
            tell("values", x)
            return -0.5 * jnp.sum(x**2)

        @log_density.defjvp
        def _(primals, tangents):
            tell("values", primals[0])  # once, whoever differentiates the rule itself
            return -0.5 * jnp.sum(primals[0] ** 2), jnp.vdot(gradient(primals[0]), tangents[0])

        target = from_log_density(log_density, dim, box=([-3.0] * dim, [3.0] * dim))
        self.so_far()
        self.seen.clear()  # of the checks
        return target


def configured(**options: Any) -> RunConfig:
    phase = {"points": 6, "iterations": 3} | options.pop("phase", {})
    sizes = {"transport_steps": 2, "score_samples": 5, "score_every": 2, "samples": 7}
    return RunConfig(plan=(PhaseConfig(**phase),), model=ModelConfig(width=2, depth=1), **(sizes | options))


CASES = {
    "Gauss-Newton with its line search": {"phase": {"collocation": "uniform"}},
    "paths": {"method": "cmcd", "path": PathLossConfig(steps=3, iterations=3, batch=4)},
}


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_what_is_told_from_shapes_is_what_is_evaluated(options: dict[str, Any]) -> None:
    counting = Counting()
    sampler = Sampler(counting.target(2), configured(**options))
    told = sampler.evaluations()
    assert counting.so_far() == Evaluations(), "telling evaluates nothing"
    result = sampler.run(sampler.init(KEY))
    assert total(result.evaluations) == counting.so_far()
    last = result.history[-1]
    assert (last.evaluations, last.gradients) == (counting.so_far().values, counting.so_far().gradients)
    before = counting.so_far()
    sampler.sample(result.state, KEY)
    assert before + told == counting.so_far()


@pytest.mark.parametrize("thin", [False, True])
def test_a_verdict_tells_what_it_evaluates_with_draws_around_peaks_or_without(
    thin: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Counting()
    sampler = Sampler(counting.target(2), configured())
    state = sampler.run(sampler.init(KEY)).state
    census = Census(chains=3, levels=2, moves=1, last=1, samples=4, sample_moves=2, climbers=6)
    for one in (sampler, sampler._twin):
        monkeypatch.setitem(one.__dict__, "_inquiry", dataclasses.replace(one._inquiry, census=census))
    hole = 1e-3 if thin else 0.0  # around the target's peak, where the flow has next to no density then
    monkeypatch.setattr(sampler, "log_density", lambda _, x: jnp.where(jnp.sum(x**2, axis=1) < hole, -1e3, 0.0))
    x = jax.random.normal(KEY, (7, 2))
    before = counting.so_far()
    figures = sampler.verdict(state, WeightedSamples(x, jnp.zeros(7), jnp.zeros(7)), KEY).figures
    spent = counting.so_far()
    assert ("peak_mass_std_error" in figures) is thin
    told = figures["evaluations"], figures["gradient_evaluations"]
    assert told == (spent.values - before.values, spent.gradients - before.gradients)


def test_a_point_of_the_continuity_equation_is_evaluated_once() -> None:
    sampler = Sampler(Counting().target(2), configured())
    assert sampler.costs.steps == (Evaluations(6, 6),)
    assert sampler.costs.score == Evaluations(5)
    assert sampler.costs.residuals == (3 * Evaluations(6, 6),), "at the step's points, at fresh ones, along the flow"
    assert sampler.evaluations(7) == Evaluations(7)


def test_candidates_are_evaluated_once_and_reverse_trajectories_by_their_moves() -> None:
    phase = {"collocation": "adaptive", "along": "reverse", "particles": 4, "refresh": 2}
    sampler = Sampler(Counting().target(2), configured(phase=phase))
    fresh = Evaluations(4 * (1 + 5 + 1), 4 * (5 + 1))
    assert (sampler.costs.steps, sampler.costs.refreshes) == ((Evaluations(24, 24),), (fresh,))
    plan = sampler.trainer.plan
    assert [sampler.costs.step(plan, i).values for i in range(3)] == [24 + 28, 24, 24 + 28]


def test_a_laplacian_takes_a_product_for_every_coordinate() -> None:
    options = {"equation": "fokker-planck", "sampling": SamplingConfig(sampler="sde", steps=2, langevin_end=2)}
    sampler = Sampler(Counting().target(2), configured(**options))
    assert sampler.costs.steps == (Evaluations(6 + 2 * 6, 6 + 2 * 6, 2 * 6),)
    # V at the start, at three times and at the end; at these times the flow with its divergence; rho; Langevin steps.
    assert sampler.evaluations(7).values == 7 * (1 + 3 + 1 + 3 * (1 + 2) + 2 + 3)


def test_marks_are_counted_in_loops_and_branches() -> None:
    f = stand_in(3)

    def program(x):
        _, values = jax.lax.scan(lambda c, _: (c, jax.vmap(f)(x)), 0, None, length=5)
        branch = jax.lax.cond(x[0, 0] > 0, lambda: jax.vmap(jax.grad(f))(x), lambda: x)
        return values, branch, jax.vmap(jax.hessian(f))(x)

    x = jnp.ones((4, 3))
    assert count(program, x) == Evaluations(5 * 4 + 4 + 4, 4 + 4, 4)
    assert count(jax.grad(lambda x: jnp.sum(jax.vmap(jax.grad(f))(x))), x).products == 4
    assert count(lambda x: 2 * x, x) == Evaluations()
