"""An experiment: arms that differ in one thing, run with equal budgets, judged on fresh samples."""

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

FIGURES = (
    "ess", "log_z", "log_z_error", "elbo", "mode_worst_ratio", "mode_coverage", "std_error_metric",
)  # fmt: skip


@dataclass(frozen=True)
class Arm:
    """One way of doing it.

    Attributes:
        label: its name in the table.
        target: a name of the zoo, or `() -> Target`.
        options: overlaid on the target's recipe.
        iterations: steps; None: those of the plan.
        seconds: budget of training time; None: no limit.
        extra: what an experiment's own `run` wants to know.
    """

    label: str
    target: str | Callable[[], Any]
    options: dict[str, Any] = field(default_factory=dict)
    iterations: int | None = None
    seconds: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def sampler_of(arm, quick=False):
    """The sampler of an arm."""
    from transjet import Sampler, targets
    from transjet.config import RunConfig
    from transjet.recipes import recipe

    target = targets.get(arm.target) if isinstance(arm.target, str) else arm.target()
    config = RunConfig.from_dict(arm.options, recipe(target))
    if quick:
        small = [{"iterations": 2, "points": 64, "particles": 0} for _ in config.plan]
        few = {"samples": 64, "transport_steps": 4, "score_samples": 64, "plan": small}
        if config.method != "pde":
            few["path"] = {"iterations": 2, "batch": 16, "steps": 4}
        config = RunConfig.from_dict(few, config)
    return Sampler(target, config)


def figures(sampler, state, key):
    """What fresh samples say."""
    summary = sampler.summarize(sampler.sample(state, key))
    found = {}
    for name in FIGURES:
        value = getattr(summary, name)
        if value is not None:
            found[name], found[f"{name}_std_error"] = float(value.value), float(value.std_error)
    return found


class _OutOfTime(KeyboardInterrupt):
    """Ends `run` after a whole step, with its state."""


def train(sampler, state, until, budget, spent=0.0):
    """Train to iteration `until` or until `budget` seconds are spent.

    Returns:
        The state, the seconds spent, the last record, and whether time ran out.
    """
    last = None

    def watch(record, phase):
        nonlocal last
        last = record
        if budget is not None and record.seconds >= budget:
            raise _OutOfTime

    result = sampler.run(state, iterations=until, on_record=watch, seconds=spent)
    return result.state, last.seconds if last else spent, last, result.status != "finished"


def run(arm, seed, quick=False, checkpoints=8, after=None):
    """Train an arm and judge it at several moments.

    Returns:
        The row: `curve`, a list of figures at iterations and seconds of training; peak memory of the process in MiB.
    """
    import jax

    from transjet.errors import TrainingError

    sampler = sampler_of(arm, quick)
    state = sampler.init(jax.random.key(seed))
    end = arm.iterations if arm.iterations and not quick else sampler.trainer.iterations
    curve, spent, over, remark = [], 0.0, False, None
    marks = sorted({max(1, round(end * (i + 1) / checkpoints)) for i in range(checkpoints)})
    for mark in marks:
        try:
            state, spent, record, over = train(sampler, state, mark, arm.seconds, spent)
        except TrainingError as error:
            state, record, over, remark = error.state, None, True, str(error)[:200]
        began = time.perf_counter()
        point = {"iteration": int(state.iteration), "seconds": round(spent, 3)}
        if record is not None:
            point |= {"loss": record.loss, "residual_rms": record.residual_rms}
        point |= figures(sampler, state, jax.random.key(10_000 + seed))
        point["judged_seconds"] = round(time.perf_counter() - began, 3)
        curve.append(point)
        if over:
            break
    row = {"curve": curve, "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)}
    if remark:
        row["stopped"] = remark
    if after is not None:
        row |= after(arm, sampler, state, seed, quick)
    return row


@dataclass(frozen=True)
class Experiment:
    """A question with its arms.

    Attributes:
        name: of the command, the results and the page.
        question: heading of the page.
        arms: what is compared.
        run: `(arm, seed, quick) -> row`.
        columns: figures of the table.
        axis: what curves are drawn against, "seconds" or "iteration".
        curve: which figure is drawn.
    """

    name: str
    question: str
    arms: tuple[Arm, ...]
    run: Callable[..., dict[str, Any]] = run
    columns: tuple[str, ...] = ("ess", "log_z_error", "mode_coverage", "iteration", "seconds")
    axis: str = "seconds"
    curve: str = "ess"
