"""The loop around `step`, with a trainer whose steps do nothing but count."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from transjet.errors import ConfigError, TrainingError
from transjet.optim import Outcome, StepInfo
from transjet.train import Phase, run

PLAN = (
    Phase(None, None, 4, 1, name="warm up"),  # type: ignore[arg-type]
    Phase(None, None, 8, 1, name="main"),  # type: ignore[arg-type]
)


class State(NamedTuple):
    iteration: int = 0
    streak: int = 0
    scored: tuple[int, ...] = ()


class Counter:
    """Takes steps; those in `rejected` fail, and in `interrupted` Ctrl-C strikes."""

    plan = PLAN
    iterations = 12

    def __init__(self, rejected: Any = (), interrupted: Any = ()) -> None:
        self.rejected, self.interrupted = set(rejected), set(interrupted)

    def step(self, state: State) -> tuple[State, StepInfo]:
        number = state.iteration + 1
        if number in self.interrupted:
            raise KeyboardInterrupt
        failed = number in self.rejected
        outcome = Outcome.NO_DESCENT if failed else Outcome.ACCEPTED
        info = StepInfo(1.0 / number, 0.5 / number, 2.0 / number, 0.0 if failed else 0.5, 1e-3, int(outcome))
        return state._replace(iteration=number, streak=state.streak + 1 if failed else 0), info

    def evaluate(self, state: State) -> tuple[State, dict[str, float]]:
        scores = {"ess": 0.25, "log_z": -1.0, "log_z_std_error": 0.1}
        return state._replace(scored=(*state.scored, state.iteration)), scores


def test_it_runs_to_the_plans_end() -> None:
    result = run(Counter(), State())
    assert (result.status, result.rejections) == ("finished", {})
    assert result.state.iteration == 12
    assert [record.iteration for record in result.history] == list(range(1, 13))
    np.testing.assert_allclose([r.loss for r in result.history], 1 / np.arange(1, 13))
    np.testing.assert_allclose([r.residual_rms for r in result.history], 2 / np.arange(1, 13))
    assert {(r.step_size, r.damping, r.accepted) for r in result.history} == {(0.5, 1e-3, 1)}


def test_it_runs_up_to_an_iteration_and_goes_on_from_there() -> None:
    first = run(Counter(), State(), iterations=5)
    assert first.state.iteration == 5
    second = run(Counter(), first.state)
    assert [record.iteration for record in second.history] == list(range(6, 13))
    assert run(Counter(), second.state).history == []


def test_scores_come_at_their_interval_and_at_the_end() -> None:
    result = run(Counter(), State(), score_every=5)
    assert result.state.scored == (5, 10, 12)
    scored = [r.iteration for r in result.history if not np.isnan(r.ess)]
    assert scored == [5, 10, 12]
    assert [(r.ess, r.log_z, r.log_z_std_error) for r in result.history if r.iteration in scored] == [
        (0.25, -1.0, 0.1)
    ] * 3
    assert all(np.isnan([r.log_z, r.log_z_std_error]).all() for r in result.history if r.iteration not in scored)


def test_records_are_handed_over_with_their_phase() -> None:
    seen: list[Any] = []
    result = run(Counter(), State(), on_record=lambda record, phase: seen.append((record, phase)))
    assert [record for record, _ in seen] == result.history
    assert [phase for _, phase in seen] == ["warm up"] * 4 + ["main"] * 8


def test_checkpoints_come_at_their_interval_and_at_the_end() -> None:
    saved: list[Any] = []
    run(Counter(), State(), checkpoint_every=5, on_checkpoint=lambda state, seconds: saved.append((state, seconds)))
    assert [state.iteration for state, _ in saved] == [5, 10, 12]
    saved.clear()
    run(Counter(), State(), checkpoint_every=6, on_checkpoint=lambda state, seconds: saved.append((state, seconds)))
    assert [state.iteration for state, _ in saved] == [6, 12]


def test_seconds_go_on_from_those_spent_before() -> None:
    saved: list[float] = []
    result = run(Counter(), State(), seconds=100.0, on_checkpoint=lambda state, seconds: saved.append(seconds))
    seconds = [record.seconds for record in result.history]
    assert 100 <= seconds[0] <= seconds[-1] <= saved[-1] < 160
    assert seconds == sorted(seconds)


# --- rejected steps ---


def test_rejections_are_counted_and_recorded() -> None:
    result = run(Counter(rejected=(2, 3, 7)), State())
    assert result.rejections == {"NO_DESCENT": 3}
    assert [r.iteration for r in result.history if not r.accepted] == [2, 3, 7]
    assert {r.step_size for r in result.history if not r.accepted} == {0.0}


def test_rejections_of_a_resumed_run_are_counted_on_in_place() -> None:
    before = {"NO_DESCENT": 2, "NONFINITE_RESIDUAL": 1}
    result = run(Counter(rejected=(1,)), State(), rejections=before)
    assert result.rejections is before
    assert before == {"NO_DESCENT": 3, "NONFINITE_RESIDUAL": 1}


def test_too_many_rejections_in_a_row_end_the_run() -> None:
    saved: list[Any] = []
    records: list[Any] = []
    with pytest.raises(
        TrainingError, match="got 3 rejected in a row up to iteration 7, the last one NO_DESCENT"
    ) as caught:
        run(
            Counter(rejected=range(5, 12)),
            State(),
            patience=3,
            on_record=lambda record, phase: records.append(record),
            on_checkpoint=lambda state, seconds: saved.append(state),
        )
    assert Outcome.NO_DESCENT.remedy in str(caught.value)
    assert caught.value.state == saved[-1]
    assert (saved[-1].iteration, saved[-1].streak) == (7, 3)
    assert [record.iteration for record in records] == list(range(1, 8))


def test_rejections_with_successes_between_do_not() -> None:
    assert run(Counter(rejected=(1, 2, 4, 5, 7, 8)), State(), patience=3).status == "finished"


# --- ahead of the records ---


class Log(Counter):
    """Counts, and notes what it is asked for."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.log: list[str] = []

    def step(self, state: State) -> tuple[State, StepInfo]:
        self.log.append(f"step {state.iteration + 1}")
        return super().step(state)

    def evaluate(self, state: State) -> tuple[State, dict[str, float]]:
        self.log.append(f"score {state.iteration}")
        return super().evaluate(state)


def test_a_step_is_under_way_when_the_one_before_is_reported() -> None:
    made = Log()
    run(made, State(), iterations=5, score_every=3, on_record=lambda r, _: made.log.append(f"record {r.iteration}"))
    before, after = made.log[:7], made.log[7:]
    assert before == ["step 1", "step 2", "record 1", "step 3", "record 2", "score 3", "record 3"]
    assert after == ["step 4", "step 5", "record 4", "score 5", "record 5"]


def test_a_step_that_cannot_be_taken_does_not_cost_the_one_before() -> None:
    class Broken(Counter):
        def step(self, state: State) -> tuple[State, StepInfo]:
            if state.iteration == 3:
                raise ZeroDivisionError
            return super().step(state)

    saved: list[Any] = []
    records: list[Any] = []
    with pytest.raises(ZeroDivisionError):
        run(
            Broken(),
            State(),
            on_record=lambda record, _: records.append(record.iteration),
            on_checkpoint=lambda state, seconds: saved.append(state.iteration),
        )
    assert (records, saved) == ([1, 2, 3], [3])


# --- Ctrl-C ---


def test_ctrl_c_in_a_step_ends_with_the_last_whole_step() -> None:
    saved: list[Any] = []
    result = run(Counter(interrupted=(4,)), State(), on_checkpoint=lambda state, seconds: saved.append(state))
    assert (result.status, result.state.iteration) == ("interrupted", 3)
    assert [record.iteration for record in result.history] == [1, 2, 3]
    assert saved == [result.state]


def test_ctrl_c_in_a_callback_keeps_the_step() -> None:
    def interrupt(record: Any, phase: str) -> None:
        if record.iteration == 4:
            raise KeyboardInterrupt

    saved: list[Any] = []
    result = run(Counter(), State(), on_record=interrupt, on_checkpoint=lambda state, seconds: saved.append(state))
    assert (result.status, result.state.iteration) == ("interrupted", 4)
    assert saved == [result.state]
    assert run(Counter(), result.state).status == "finished"


def test_other_errors_pass_through_after_a_checkpoint() -> None:
    def fail(record: Any, phase: str) -> None:
        raise ZeroDivisionError

    saved: list[Any] = []
    with pytest.raises(ZeroDivisionError):
        run(Counter(), State(), on_record=fail, on_checkpoint=lambda state, seconds: saved.append(state.iteration))
    assert saved == [1]


# --- malformed calls ---


@pytest.mark.parametrize("name", ["score_every", "checkpoint_every", "patience"])
@pytest.mark.parametrize("value", [0, -1, 2.0, "3", None, True])
def test_intervals_are_whole_and_positive(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"run: {name}: expected a whole number of at least 1; got {value!r}"):
        run(Counter(), State(), **{name: value})


@pytest.mark.parametrize("value", [-1, 2.0, "3", False])
def test_iterations_are_whole(value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"run: iterations: expected a whole number of at least 0; got {value!r}"):
        run(Counter(), State(), iterations=value)


def test_numpys_whole_numbers_serve_as_counts() -> None:
    assert run(Counter(), State(), iterations=np.int64(0)).history == []  # type: ignore[arg-type]
    assert len(run(Counter(), State(), iterations=np.int64(2), score_every=np.int32(1)).history) == 2  # type: ignore[arg-type]
