"""Budgets in CPU seconds: how many steps fill one, and training until it is spent.

Seconds are those of `time.process_time`, of all threads of the process, from the first step on and with compilation.
They hardly depend on what else the machine does. Rows run on one core, so that they are also its wall time if idle.
"""

import dataclasses
import statistics
import time
from typing import Any, NamedTuple

from experiments.base import sampler_of


class Ready(NamedTuple):
    """A sampler whose plan fills its budget, all that training needs compiled.

    Attributes:
        sampler: to be trained.
        spent: seconds of the budget that are spent already, on a pilot and, where there is a budget, on compilation.
    """

    sampler: Any
    spent: float


def _timed(call):
    began = time.process_time()
    result = call()
    return time.process_time() - began, result


def _step(trainer, state):
    state, info = trainer.step(state)
    float(info.loss)  # waits for it
    return state


def _phase_costs(trainer, state, refresh):
    """Seconds of compilation, and of a step on average, for the phase that `state.iteration` falls into."""
    first, _ = _timed(lambda: _step(trainer, state))
    refreshing = min(_timed(lambda: _step(trainer, state))[0] for _ in range(2))
    moved, plain = _step(trainer, state)._replace(iteration=state.iteration + 1), []
    while len(plain) < 3 or sum(plain) < 1.0:  # single steps of some milliseconds scatter
        took, stepped = _timed(lambda at=moved: _step(trainer, at))
        moved = stepped._replace(iteration=moved.iteration)  # stays between two refreshes
        plain.append(took)
    plain = statistics.median(plain)
    step = plain if refresh == 1 else plain + max(0.0, refreshing - plain) / refresh
    return max(0.0, first - refreshing), step


def _costs(sampler):
    """Seconds of compilation, of a step of each phase, and of a score."""
    import jax
    import jax.numpy as jnp

    trainer, done, compiling, steps = sampler.trainer, 0, 0.0, []
    state = sampler.init(jax.random.key(0))
    for phase in trainer.plan:
        at = state._replace(iteration=jnp.asarray(done, jnp.int32))
        once, step = _phase_costs(trainer, at, getattr(phase, "refresh", 1))
        compiling, done = compiling + once, done + phase.iterations
        steps.append(step)
    first, _ = _timed(lambda: trainer.evaluate(state))
    score, _ = _timed(lambda: trainer.evaluate(state))
    return compiling + max(0.0, first - score), steps, score


def _iterations(arm, sampler, compiling, steps, score):
    left = max(0.0, arm.seconds - compiling)
    shares = arm.shares or (1 / len(steps),) * len(steps)
    every = sampler.config.score_every
    return [max(2, int(left * share / (step + score / every))) for share, step in zip(shares, steps, strict=True)]


def prepare(arm, quick=False):
    """The sampler of an arm, its plan stretched so that schedules end as the budget does.

    A few steps and scores are timed in advance; that time is not part of the budget, but a pilot and compilation are.
    """
    from transjet import Sampler
    from transjet.config import RunConfig

    seconds, sampler = _timed(lambda: sampler_of(arm, quick))
    pilot = 0.0 if sampler.base is None else seconds
    if arm.seconds is None or quick:
        return Ready(sampler, pilot)
    compiling, steps, score = _costs(sampler)
    compiling += pilot
    counts, config = _iterations(arm, sampler, compiling, steps, score), sampler.config
    if config.method != "pde":
        config = RunConfig.from_dict({"path": {"iterations": counts[0]}}, config)
    else:
        config = RunConfig.from_dict({"plan": [{"iterations": n} for n in counts]}, config)
    if config.method != "pde" or any(phase.optimiser == "adam" for phase in config.plan):
        sampler = Sampler(sampler.target, config)
        _costs(sampler)  # compiled anew, as the learning rate's schedule is a constant; that counts once
        return Ready(sampler, compiling)
    # Nothing compiled depends on the number of iterations here: the copy keeps what is compiled.
    plan = tuple(dataclasses.replace(p, iterations=n) for p, n in zip(sampler.trainer.plan, counts, strict=True))
    sampler.config, sampler.trainer = config, dataclasses.replace(sampler.trainer, plan=plan)
    return Ready(sampler, compiling)


class _OutOfTime(KeyboardInterrupt):
    """Ends `run` after a whole step, with its state."""


def train(sampler, state, iterations, seconds, spent=0.0):
    """Train to an iteration, or until `seconds` are spent, and score the last step.

    Returns:
        The state, the seconds spent, and the last record or None.

    Raises:
        TrainingError: as `Sampler.run`.
    """
    last, began = None, time.process_time() - spent

    def watch(record, phase):
        nonlocal last
        last = record
        if seconds is not None and time.process_time() - began >= seconds:
            raise _OutOfTime

    state = sampler.run(state, iterations=iterations, on_record=watch).state
    if last is not None and last.ess != last.ess:  # NaN: this step has no score yet
        state, _ = sampler.trainer.evaluate(state)
    return state, time.process_time() - began, last
