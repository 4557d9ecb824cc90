"""The trainer: a run is a function of its key, resumes bit for bit, compiles once, and keeps no old states."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from transjet.collocation import GaussianCloud, Mixture, Trajectories, UniformBox
from transjet.equations import continuity
from transjet.errors import ConfigError, TrainingError
from transjet.models import MLP
from transjet.optim import DualGaussNewton, FirstOrder, Outcome, PrimalGaussNewton, StepInfo, adam
from transjet.paths import BoundaryPath, GaussianPrior
from transjet.train import Phase, Trainer, TrainState, run

PRIOR = GaussianPrior(1, 1.5)
DRIFT, POTENTIAL = MLP(1, 1, (4,)), MLP(1, 1, (3,))
TRACES: list[Any] = []


def log_rho(x: Any) -> Any:
    """N(1, 0.8^2), unnormalised; leaves a mark whenever it is traced."""
    TRACES.append(x)
    return -0.5 * jnp.sum((x - 1) ** 2) / 0.64


def score(params: Any, key: Any) -> dict[str, Any]:
    """Something that depends on both."""
    noise = 1e-3 * jax.random.normal(key)
    return {"ess": jax.nn.sigmoid(params["log_z"] + noise), "log_z": params["log_z"]}


def make(plan: tuple[Phase, ...], density: Any = log_rho, **options: Any) -> Trainer:
    equation = continuity(BoundaryPath(PRIOR, density), DRIFT, POTENTIAL)
    return Trainer(equation, plan, lambda params: lambda x, t: DRIFT.apply(params["drift"], x, t), **options)


PLAN = (
    Phase(adam(1e-2, 4), UniformBox((-3.0,), (3.0,)), 4, 7, name="warm up"),
    Phase(
        DualGaussNewton(momentum=0.5, adapt=2.0),
        Mixture((GaussianCloud(1, 2.0), Trajectories(PRIOR, 8, 4)), (1, 1), (0, 1)),
        8, 9, refresh=3, name="main",
    ),
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _quick_compilation() -> Iterator[None]:
    """Compilation is most of these tests' time, and its optimisations are not what they are about."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    return make(PLAN, score=score)


@pytest.fixture(scope="module")
def start(trainer: Trainer) -> TrainState:
    return trainer.init(jax.random.key(0))


def bits(state: TrainState) -> list[bytes]:
    """Every number of a state, the random key's included."""
    plain = state._replace(key=jax.random.key_data(state.key))
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(plain)]


def through_the_host(state: TrainState) -> TrainState:
    """As a checkpoint would carry it: numbers, and nothing else."""
    plain = jax.tree.map(np.asarray, state._replace(key=jax.random.key_data(state.key)))
    again = jax.tree.map(jnp.asarray, plain)
    return again._replace(key=jax.random.wrap_key_data(again.key))


def figures(history: Any) -> np.ndarray:
    """A run's records without their times."""
    return np.array([record._replace(seconds=0.0) for record in history])


# --- a run is a function of its key ---


def test_the_same_key_gives_the_same_bytes(trainer: Trainer, start: TrainState) -> None:
    one = run(trainer, start, score_every=5)
    two = run(trainer, trainer.init(jax.random.key(0)), score_every=5)
    assert bits(one.state) == bits(two.state)
    np.testing.assert_array_equal(figures(one.history), figures(two.history))
    other = run(trainer, trainer.init(jax.random.key(1)), iterations=2)
    assert not np.array_equal(other.state.params["drift"][0][0], one.state.params["drift"][0][0])
    assert [r.loss for r in other.history] != [r.loss for r in one.history[:2]]


@pytest.mark.parametrize("stop", [2, 4, 6, 11])
def test_a_resumed_run_is_the_uninterrupted_one(trainer: Trainer, start: TrainState, stop: int) -> None:
    # The last step of a run is always scored; with this interval the uninterrupted run is scored there too.
    whole = run(trainer, start, score_every=stop)
    first = run(trainer, start, iterations=stop, score_every=stop)
    rest = run(trainer, through_the_host(first.state), score_every=stop)
    assert bits(rest.state) == bits(whole.state)
    np.testing.assert_array_equal(figures(first.history + rest.history), figures(whole.history))


def test_every_step_draws_points_of_its_own() -> None:
    resting = make((Phase(FirstOrder(optax.set_to_zero()), GaussianCloud(1), 9, 5),))
    states = [resting.init(jax.random.key(0))]
    losses = []
    for _ in range(5):
        state, info = resting.step(states[-1])
        states.append(state)
        losses.append(float(info.loss))
    jax.tree.map(np.testing.assert_array_equal, states[0].params, states[-1].params)
    assert len(set(losses)) == 5
    assert float(resting.step(states[2])[1].loss) == losses[2]


def test_training_helps(trainer: Trainer, start: TrainState) -> None:
    result = run(trainer, start)
    losses = [record.loss for record in result.history]
    assert np.mean(losses[-3:]) < 0.5 * np.mean(losses[:3])
    assert result.rejections == {} or sum(result.rejections.values()) < 4
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result.state.params))


# --- phases ---


def test_only_the_current_phase_moves(trainer: Trainer, start: TrainState) -> None:
    states = [start]
    for _ in range(6):
        states.append(trainer.step(states[-1])[0])
    same = lambda a, b: all(map(np.array_equal, jax.tree.leaves(a), jax.tree.leaves(b)))  # noqa: E731
    for before, after in pairwise(states[:5]):
        assert not same(before.optimisers[0], after.optimisers[0])
        assert same(before.optimisers[1], after.optimisers[1])
        assert same(before.caches, after.caches)
    for before, after in pairwise(states[4:]):
        assert same(before.optimisers[0], after.optimisers[0])
        assert not same(before.optimisers[1], after.optimisers[1])
    assert [int(state.iteration) for state in states] == list(range(7))


def test_caches_are_refreshed_at_their_interval(trainer: Trainer, start: TrainState) -> None:
    state, changed = start, []
    for _ in range(12):
        new, _ = trainer.step(state)
        changed.append(not np.array_equal(new.caches[1][1], state.caches[1][1]))
        state = new
    assert changed == [False] * 4 + [True, False, False, True, False, False, True, False]


def test_the_last_phase_goes_on_past_the_plans_end(trainer: Trainer, start: TrainState) -> None:
    end = run(trainer, start).state
    assert trainer.iterations == int(end.iteration) == 12
    new, info = trainer.step(end)
    assert int(new.iteration) == 13
    assert np.isfinite(info.loss)


# --- one trace, no growth ---


def test_every_phase_is_traced_once(start: TrainState) -> None:
    fresh = make(PLAN)
    state = fresh.init(jax.random.key(3))
    TRACES.clear()
    counts = []
    for _ in range(40):
        state, _ = fresh.step(state)
        counts.append(len(TRACES))
    assert counts[0] == counts[3] > 0
    assert counts[4] == counts[-1] > counts[3]


def test_memory_does_not_grow(trainer: Trainer, start: TrainState) -> None:
    def live() -> int:
        gc.collect()
        return len(jax.live_arrays())

    state = start
    for _ in range(20):
        state, info = trainer.step(state)
    before = live()
    for _ in range(200):
        state, info = trainer.step(state)
    assert live() <= before
    assert np.isfinite(info.loss)


# --- nothing waits for the device ---

READS = ("__array__", "__bool__", "__float__", "__index__", "__int__", "__iter__", "__len__", "item", "tolist")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the ways in which numbers of arrays reach the host, as they are used."""
    seen: list[str] = []
    kind = type(jnp.zeros(()))

    def counted(name: str, method: Any) -> Any:
        return lambda *args, **options: (seen.append(name), method(*args, **options))[1]

    for name in READS:
        monkeypatch.setattr(kind, name, counted(name, getattr(kind, name)))
    return seen


def test_steps_read_nothing_from_the_device(trainer: Trainer, start: TrainState, reads: list[str]) -> None:
    run(trainer, start, iterations=6)  # compiled
    resumed = through_the_host(start)
    assert "__array__" in reads, "a checkpoint is read"
    reads.clear()
    state = start
    for _ in range(6):
        state, info = trainer.step(state)
    assert reads == []
    state, _ = trainer.step(resumed)
    assert reads == ["__int__"], "an iteration that came from elsewhere, once"
    trainer.step(state)
    assert len(reads) == 1
    float(info.loss)
    assert reads[1:] == ["__float__"]


def test_a_run_reads_a_step_once_the_next_one_is_under_way(
    trainer: Trainer, start: TrainState, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Trainer.step
    monkeypatch.setattr(Trainer, "step", lambda self, state: (reads.append("step"), take(self, state))[1])
    run(trainer, start, iterations=3, score_every=9, on_record=lambda *_: reads.append("record"))
    numbers = len(StepInfo._fields) + 1  # and the streak
    order = ["step", "step", *["__array__"] * numbers, "record", "step", *["__array__"] * numbers, "record"]
    assert reads[: len(order)] == order


# --- scores and the best parameters ---


def test_the_best_parameters_are_kept(trainer: Trainer, start: TrainState) -> None:
    def scored(state: TrainState, log_z: float) -> TrainState:
        params = state.params | {"log_z": jnp.float32(log_z)}
        return trainer.evaluate(state._replace(params=params))[0]

    assert float(start.best_score) == -np.inf
    state = scored(start, 1.0)
    assert float(state.best_params["log_z"]) == 1.0
    worse = scored(state, -2.0)
    assert (float(worse.params["log_z"]), float(worse.best_params["log_z"])) == (-2.0, 1.0)
    assert float(worse.best_score) == float(state.best_score)
    better = scored(worse, 3.0)
    assert float(better.best_params["log_z"]) == 3.0
    assert float(better.best_score) > float(state.best_score)
    lost = scored(better, float("nan"))
    assert float(lost.best_params["log_z"]) == 3.0


def test_scores_are_plain_numbers_and_follow_from_the_state(trainer: Trainer, start: TrainState) -> None:
    (_, one), (_, two) = trainer.evaluate(start), trainer.evaluate(start)
    assert one == two
    assert {type(value) for value in one.values()} == {float}
    _, later = trainer.evaluate(start._replace(iteration=start.iteration + 1))
    assert later["ess"] != one["ess"]


def test_without_a_score_the_best_parameters_are_the_last() -> None:
    plain = make(PLAN[:1])
    state = plain.init(jax.random.key(0))
    moved = state._replace(params=state.params | {"log_z": jnp.float32(5)})
    kept, scores = plain.evaluate(moved)
    assert scores == {}
    assert float(kept.best_params["log_z"]) == 5


# --- a target that is NaN ---


def test_a_run_on_nan_is_given_up_with_the_last_good_state() -> None:
    phase = Phase(PrimalGaussNewton(iterations=2), GaussianCloud(1), 9, 5)
    lost = make((phase,), lambda x: jnp.nan * x[0])
    state, saved = lost.init(jax.random.key(0)), []
    with pytest.raises(
        TrainingError, match="got 4 rejected in a row up to iteration 4, .*NONFINITE_RESIDUAL"
    ) as caught:
        run(lost, state, patience=4, on_checkpoint=lambda state, seconds: saved.append(state))
    kept = caught.value.state  # type: ignore[attr-defined]
    jax.tree.map(np.testing.assert_array_equal, kept.params, state.params)
    assert (int(kept.streak), int(kept.rejected)) == (4, 4)
    assert bits(saved[-1]) == bits(kept)
    assert Outcome.NONFINITE_RESIDUAL.remedy in str(caught.value)


# --- what is refused ---


def test_an_empty_plan_is_refused() -> None:
    with pytest.raises(ConfigError, match="plan: expected at least one phase; got none"):
        make(())


def test_float64_without_x64_is_refused() -> None:
    with pytest.raises(ConfigError, match="dtype float64 needs jax_enable_x64"):
        make(PLAN, dtype=jnp.float64)


def test_float64_is_float64_throughout(x64: None) -> None:
    double = make((Phase(DualGaussNewton(), GaussianCloud(1), 2, 5),), dtype=jnp.float64)
    state, info = double.step(double.init(jax.random.key(0)))
    dtypes = {str(leaf.dtype) for leaf in jax.tree.leaves((state.params, state.optimisers, state.best_params))}
    assert dtypes == {"float64"}
    assert str(info.loss.dtype) == "float64"
    assert str(state.iteration.dtype) == "int32"
