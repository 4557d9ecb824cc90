"""The training loop around `step`: records, scores, checkpoints, interruption, and giving up in time."""

from __future__ import annotations

import math
import operator
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import jax

from transjet.errors import ConfigError, TrainingError
from transjet.optim import Outcome, StepInfo
from transjet.train.evaluations import Costs, Evaluations, Spent, spend, total
from transjet.train.plan import Stretch, locate
from transjet.train.trainer import TrainState

_PATIENCE = 25  # rejected steps in a row after which the run is given up


class Trains(Protocol):
    """What the loop needs of a trainer; `Trainer` and `path_losses.PathTrainer` have it."""

    @property
    def iterations(self) -> int:
        """Steps of the whole plan."""
        ...

    @property
    def plan(self) -> Sequence[Stretch]:
        """Phases, in order."""
        ...

    def init(self, key: Any) -> TrainState:
        """A fresh state."""
        ...

    def step(self, state: TrainState) -> tuple[TrainState, StepInfo]:
        """One step."""
        ...

    def evaluate(self, state: TrainState) -> tuple[TrainState, dict[str, float]]:
        """Scores on fresh samples, and the state that remembers the best."""
        ...


class Record(NamedTuple):
    """One row of a run's history; scores are NaN where they were not evaluated.

    Attributes:
        iteration: steps taken, this one included.
        seconds: wall time of training so far, evaluation included.
        loss: objective before the step.
        residual_rms: root of the mean of R^2 before the step.
        step_size: step size taken, 0 if rejected.
        damping: Levenberg-Marquardt damping.
        accepted: 1 or 0.
        ess: normalised effective sample size on fresh samples.
        log_z: estimate of log Z on them.
        log_z_std_error: its standard error.
        evaluations: of the target's log density so far, whatever for; NaN where they are not counted.
        gradients: of its gradient so far.
    """

    iteration: int
    seconds: float
    loss: float
    residual_rms: float
    step_size: float
    damping: float
    accepted: int
    ess: float
    log_z: float
    log_z_std_error: float
    evaluations: float = math.nan
    gradients: float = math.nan


class RunResult(NamedTuple):
    """What `run` returns.

    Attributes:
        state: the last state.
        history: one record a step.
        status: "finished", or "interrupted" after Ctrl-C.
        rejections: name of an outcome -> how many steps ended so.
        evaluations: of the target so far, by purpose, "training" and "scores" among them; empty where they are not
            counted.
    """

    state: TrainState
    history: list[Record]
    status: str
    rejections: dict[str, int]
    evaluations: Spent


def _record(iteration: int, seconds: float, info: StepInfo, scores: dict[str, float], spent: Spent) -> Record:
    nan, all_of_it = float("nan"), total(spent)
    return Record(
        iteration,
        seconds,
        float(info.loss),
        float(info.residual_rms),
        float(info.step_size),
        float(info.damping),
        int(info.outcome == Outcome.ACCEPTED),
        scores.get("ess", nan),
        scores.get("log_z", nan),
        scores.get("log_z_std_error", nan),
        float(all_of_it.values) if spent else nan,
        float(all_of_it.gradients) if spent else nan,
    )


def _give_up(state: TrainState, outcome: Outcome) -> TrainingError:
    return TrainingError(
        f"training: expected steps that lower the loss; got {int(state.streak)} rejected in a row up to iteration "
        f"{int(state.iteration)}, the last one {outcome.name}: {outcome.remedy}. The parameters are the last good ones",
        state=state,
    )


def _check_count(name: str, value: Any, least: int) -> None:
    try:
        fits = not isinstance(value, bool) and operator.index(value) >= least
    except TypeError:
        fits = False
    if not fits:
        raise ConfigError(f"run: {name}: expected a whole number of at least {least}; got {value!r}")


def _ahead(trainer: Trains, state: TrainState) -> tuple[Any, BaseException | None]:
    """The next step, which the device takes while the host reads the one before; or why there is none."""
    try:
        return trainer.step(state), None
    except (Exception, KeyboardInterrupt) as error:
        return None, error


def run(
    trainer: Trains,
    state: TrainState,
    *,
    iterations: int | None = None,
    score_every: int = 20,
    checkpoint_every: int = 50,
    on_record: Callable[[Record, str], Any] | None = None,
    on_checkpoint: Callable[[TrainState, float], Any] | None = None,
    on_scores: Callable[[TrainState, Record, dict[str, float]], Any] | None = None,
    seconds: float = 0.0,
    rejections: dict[str, int] | None = None,
    costs: Costs | None = None,
    spent: Spent | None = None,
    patience: int = _PATIENCE,
    score_first: bool = False,
) -> RunResult:
    """Train until the plan's end, or up to a given iteration.

    The figures of a step are read when the next one is on its way to the device, except before a score. A step that
    was begun and is not wanted any more, as training ended at the one before, leaves no trace.

    Args:
        trainer: takes the steps.
        state: where to start, fresh or from a checkpoint.
        iterations: iteration to stop at; None: the plan's end.
        score_every: steps between scores on fresh samples; the last step is always scored.
        checkpoint_every: steps between calls of `on_checkpoint`; it is also called at the end and on Ctrl-C.
        on_record: called with every step's record and the phase's name.
        on_checkpoint: called with the state and the seconds of training so far.
        on_scores: called after `on_record` at every score, with the state, the record and all figures of the score.
        seconds: wall time spent before, for a resumed run.
        rejections: steps rejected before, by name of the outcome, for a resumed run; counted on in place, so that
            `on_checkpoint` can keep it.
        costs: evaluations of the target by what the trainer does; None: they are not counted.
        spent: evaluations before, by purpose, for a resumed run; counted on in place. Without "training" among them
            `state` is fresh, and what making it took is counted.
        patience: rejected steps in a row after which to give up.
        score_first: score a fresh state before its first step, so that it is kept if nothing better comes.

    Returns:
        RunResult; after Ctrl-C with status "interrupted" and the last whole step's state.

    Raises:
        ConfigError: a count that is not a whole number, or too small.
        TrainingError: too many rejected steps in a row; its attribute `state` holds the last good state.
    """
    end = trainer.iterations if iterations is None else iterations
    _check_count("iterations", end, 0)
    for name, count in (("score_every", score_every), ("checkpoint_every", checkpoint_every), ("patience", patience)):
        _check_count(name, count, 1)
    history: list[Record] = []
    rejections = {} if rejections is None else rejections
    spent = {} if spent is None else spent
    if costs and "training" not in spent:
        spend(spent, "training", costs.init)
    began = time.perf_counter() - seconds
    status = "finished"
    save = on_checkpoint or (lambda state, seconds: None)
    done = int(state.iteration)
    begun: Any = None  # the step after `state`, if it is on its way
    trouble: BaseException | None = None  # why it could not be begun
    if score_first and done == 0:
        state, _ = trainer.evaluate(state)
        spend(spent, "scores", costs.score if costs else Evaluations())
    try:
        while done < end:
            new, info = begun or trainer.step(state)
            done += 1
            begun = None
            scores: dict[str, float] = {}
            if done % score_every == 0 or done == end:
                new, scores = trainer.evaluate(new)
            else:
                begun, trouble = _ahead(trainer, new)
            # This waits for the device, where Ctrl-C strikes most likely; only then does the step count.
            info, streak = jax.device_get((info, new.streak))
            if costs:
                spend(spent, "training", costs.step(trainer.plan, done - 1))
                spend(spent, "scores", costs.score if scores else Evaluations())
            record = _record(done, time.perf_counter() - began, info, scores, spent)
            outcome = Outcome(int(info.outcome))
            state = new
            history.append(record)
            if outcome is not Outcome.ACCEPTED:
                rejections[outcome.name] = rejections.get(outcome.name, 0) + 1
            if on_record:
                on_record(record, trainer.plan[locate(trainer.plan, done - 1)[0]].name)
            if scores and on_scores:
                on_scores(state, record, scores)
            if int(streak) >= patience:
                raise _give_up(state, outcome)
            if trouble:
                raise trouble
            if done % checkpoint_every == 0 and done < end:
                save(state, time.perf_counter() - began)
    except KeyboardInterrupt:
        status = "interrupted"
    finally:
        save(state, time.perf_counter() - began)
    return RunResult(state, history, status, rejections, spent)
