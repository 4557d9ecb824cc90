"""Seconds and evaluations of the target that a row may take, and the steps of training that fill them."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from transjet.config import RunConfig
from transjet.errors import ConfigError
from transjet.sampler import Sampler
from transjet.targets import Target
from transjet.train import Evaluations, Spent, TrainState, spend, total


class OutOfBudget(KeyboardInterrupt):
    """Ends training after a whole step, with its state."""


@dataclasses.dataclass(frozen=True)
class Budget:
    """What training may take, compilation and the timing of steps included.

    Attributes:
        seconds: CPU seconds of the process.
        evaluations: of the target's log density, a gradient with its value counting once; None: any number.

    Raises:
        ConfigError: a number that is not positive.
    """

    seconds: float
    evaluations: int | None = None

    def __post_init__(self) -> None:
        if not self.seconds > 0 or (self.evaluations is not None and self.evaluations < 1):
            raise ConfigError(f"budget: expected positive numbers; got {self.seconds} s, {self.evaluations}")


class Clock:
    """CPU seconds of the process since the clock was made."""

    def __init__(self) -> None:
        self._began = time.process_time()

    def __call__(self) -> float:
        """Read it."""
        return time.process_time() - self._began


class Costs(NamedTuple):
    """Seconds of a step of each phase and of a score, and evaluations that finding this out took."""

    steps: list[float]
    score: float
    spent: Evaluations


def fitted(target: Target, config: RunConfig, budget: Budget, clock: Clock) -> tuple[Sampler, Spent]:
    """A sampler whose plan ends with the budget, as far as the times of a few steps tell.

    All phases are stretched or shortened alike, so that schedules end as training does.

    Args:
        target: to be sampled.
        config: whose plan is stretched.
        budget: to be filled.
        clock: what has been spent already.

    Returns:
        The sampler, its programs compiled, and the evaluations that timing its steps took.
    """
    sampler = Sampler(target, config)
    before, spent = clock(), Evaluations()
    if sampler.base is not None:
        spent = Evaluations(sampler.base.evaluations, sampler.base.evaluations)
    costs = _costs(sampler, clock)
    iterations = [phase.iterations for phase in sampler.trainer.plan]
    recompiles = config.method != "pde" or any(phase.optimiser == "adam" for phase in config.plan)
    left = budget.seconds - clock() - recompiles * 0.7 * (clock() - before)
    stepping = sum(n * s for n, s in zip(iterations, costs.steps, strict=True))
    factor = max(0.0, left) / (stepping + costs.score * sum(iterations) / config.score_every)
    if budget.evaluations is not None:
        factor = min(
            factor, _evaluations_factor(sampler, iterations, budget.evaluations - spent.values - costs.spent.values)
        )
    counts = [max(1, int(n * factor)) for n in iterations]
    return _stretched(sampler, counts, recompiles), {"timing": costs.spent} | ({"pilot": spent} if spent.values else {})


def train(sampler: Sampler, state: TrainState, budget: Budget, clock: Clock, spent: Spent) -> TrainState:
    """Train to the end of the plan, or until the budget is spent; the last state is scored.

    Raises:
        TrainingError: as `Sampler.run`.
    """
    last: list[Any] = []

    def watch(record: Any, phase: str) -> None:
        last[:] = [record]
        over = budget.evaluations is not None and total(spent).values >= budget.evaluations
        if over or clock() >= budget.seconds:
            raise OutOfBudget

    state = sampler.run(state, on_record=watch, spent=spent).state
    if last and last[0].ess != last[0].ess:  # NaN: this step has no score yet
        state, _ = sampler.trainer.evaluate(state)
        spend(spent, "scores", sampler.costs.score)
    return state


def _timed(clock: Clock, call: Callable[[], Any]) -> tuple[float, Any]:
    began = clock()
    result = jax.block_until_ready(call())
    return clock() - began, result


def _costs(sampler: Sampler, clock: Clock) -> Costs:
    trainer, steps, spent = sampler.trainer, [], sampler.costs.init
    state, done = sampler.init(jax.random.key(0)), 0
    plan: tuple[Any, ...] = trainer.plan
    for index, phase in enumerate(plan):
        state = state._replace(iteration=jnp.asarray(done, jnp.int32))
        state, _ = jax.block_until_ready(trainer.step(state))  # compiles, and refreshes
        times = []
        # Steps without refreshes are short, and the first of them are not as fast as those after them.
        for _ in range(2 * getattr(phase, "refresh", 8) if phase.iterations > 4 else 2):
            took, (state, _) = _timed(clock, partial(trainer.step, state))
            times.append(took)
        steps.append(statistics.mean(times))
        spent += (1 + len(times)) * (sampler.costs.steps[index] + sampler.costs.refreshes[index])
        done += phase.iterations
    jax.block_until_ready(trainer.evaluate(state)[1])
    score, _ = _timed(clock, lambda: trainer.evaluate(state)[1])
    return Costs(steps, score, spent + 2 * sampler.costs.score)


def _evaluations_factor(sampler: Sampler, iterations: list[int], left: int) -> float:
    """Share of the plan that so many evaluations pay for, samples at the end included."""
    costs, every = sampler.costs, sampler.config.score_every
    plan: float = sum(iterations) / every * costs.score.values
    for n, step, refresh, period in zip(iterations, costs.steps, costs.refreshes, costs.periods, strict=True):
        plan += n * (step.values + refresh.values / period)
    return max(0, left - costs.init.values - sampler.evaluations().values) / max(plan, 1.0)


def _stretched(sampler: Sampler, counts: list[int], recompiles: bool) -> Sampler:
    config: RunConfig = sampler.config
    if config.method != "pde":
        return Sampler(sampler.target, RunConfig.from_dict({"path": {"iterations": counts[0]}}, config))
    config = RunConfig.from_dict({"plan": [{"iterations": n} for n in counts]}, config)
    if recompiles:  # the schedule of the learning rate is a constant of the program
        return Sampler(sampler.target, config, sampler.base)
    # Nothing that is compiled depends on the number of iterations: what is compiled is kept.
    trainer: Any = sampler.trainer
    plan = tuple(dataclasses.replace(p, iterations=n) for p, n in zip(trainer.plan, counts, strict=True))
    sampler.config, sampler.trainer = config, dataclasses.replace(trainer, plan=plan)
    return sampler
