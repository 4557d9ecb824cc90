"""Batches with weights, averages that are scored, and residuals on points that no step has seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from transjet.collocation import Points, ResidualAdaptive, Trajectories, UniformBox
from transjet.diagnostics import Monitor
from transjet.equations import Equation, Unknown
from transjet.errors import ConfigError
from transjet.models import MLP
from transjet.optim import DualGaussNewton, FirstOrder
from transjet.paths import BoundaryPath, GaussianPrior
from transjet.train import Phase, Trainer, run
from transjet.train.points import draw_batch, residual_figures

BOX = UniformBox((-1.0,), (1.0,))
NET = MLP(1, 1, (), last_gain=1.0)
SGD = FirstOrder(optax.sgd(0.02))


@pytest.fixture(scope="module", autouse=True)
def _quick_compilation() -> Iterator[None]:
    """Compilation is most of these tests' time, and its optimisations are not what they are about."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


def equation(model: MLP = NET) -> Equation:
    """u = exp(4x)."""
    return Equation({"u": Unknown(model, "gradient_jet")}, lambda p, data, u: u.value - jnp.exp(4 * p.x[:, 0]))


def make(collocation: Any, optimiser: Any = SGD, points: int = 64, model: MLP = NET, **options: Any) -> Trainer:
    phase = Phase(optimiser, collocation, 40, points)
    return Trainer(equation(model), (phase,), lambda params: lambda x, t: 0 * x + 3.0, **options)


def test_adaptive_points_take_part_in_training_with_their_weights() -> None:
    """A mean of many gradients is that of plain points, which it is not without the weights."""

    def gradient(collocation: Any) -> Any:
        trainer = make(collocation, FirstOrder(optax.sgd(1.0)), 512)
        start = trainer.init(jax.random.key(0))
        steps = [trainer.step(start._replace(key=jax.random.key(k)))[0].params["u"][0][0] for k in range(40)]
        return np.asarray(start.params["u"][0][0] - np.mean(steps, axis=0)).ravel(), np.std(steps, axis=0).ravel()

    plain, spread = gradient(BOX)
    weighted, less = gradient(ResidualAdaptive(BOX, power=2.0, floor=0.5))
    leaning, _ = gradient(ResidualAdaptive(BOX, power=2.0, floor=0.5, unbiased=False))
    assert abs(weighted[0] - plain[0]) < 4 * spread[0] / np.sqrt(40)
    assert abs(leaning[0] - plain[0]) > 8 * spread[0] / np.sqrt(40)
    assert less[0] < 0.7 * spread[0]


def test_with_continuation_a_batch_sees_the_target_of_its_progress() -> None:
    path = BoundaryPath(GaussianPrior(1, 0.7), lambda x: -jnp.sum(x**4))
    free = Equation({"u": Unknown(NET, "gradient_jet")}, lambda p, data, u: u.value, data=lambda p: path.data(p.x))
    phase = Phase(SGD, BOX, 40, 16, continuation=0.5, continuation_power=1.0)
    for progress, share in ((0.0, 0.0), (0.2, 0.4), (0.9, 1.0)):
        batch = draw_batch(free, {}, phase, jax.random.key(0), (), jnp.float32(progress), jnp.float32)
        x = batch.points.x[:, 0]
        expected = -share * x**4 + (1 - share) * path.prior.log_density(batch.points.x)
        np.testing.assert_allclose(batch.data.log_rho, expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(ConfigError, match="continuation: expected an equation whose data are `BoundaryData`"):
        draw_batch(equation(), {}, phase, jax.random.key(0), (), jnp.float32(0), jnp.float32)


def test_with_continuation_reported_residuals_are_of_the_target_that_the_step_saw() -> None:
    path = BoundaryPath(GaussianPrior(1, 0.7), lambda x: -100 * jnp.sum(x**2))
    free = Equation({"u": Unknown(NET, "gradient_jet")}, lambda p, data, u: data.log_rho, data=lambda p: path.data(p.x))
    phase = Phase(SGD, BOX, 40, 256, continuation=1.0, continuation_power=1.0)
    params = free.init(jax.random.key(0))
    keys = jax.random.key(1), jax.random.key(2)

    def sizes(progress: float) -> dict[str, float]:
        still = lambda x, t: 0 * x  # noqa: E731
        return residual_figures(free, params, phase, still, BOX, keys, (), jnp.float32(progress), jnp.float32)

    for early, late in zip(sizes(0.0).values(), sizes(1.0).values(), strict=True):
        assert early < 3 < 20 < late


def test_the_average_is_scored_and_kept(tmp_path: Any) -> None:
    seen: list[Any] = []

    def score(params: Any, key: Any) -> dict[str, Any]:
        seen.append(params)
        return {"ess": jnp.exp(-jnp.sum(params["u"][0][0] ** 2)), "log_z": jnp.float32(0)}

    trainer = make(BOX, average=0.9, score=score)
    state = trainer.init(jax.random.key(0))
    expected = np.asarray(state.params["u"][0][0])
    for k in range(5):
        state, _ = trainer.step(state)
        kept = min(0.9, (1 + k) / (10 + k))
        expected = kept * expected + (1 - kept) * np.asarray(state.params["u"][0][0])
        np.testing.assert_allclose(state.average["u"][0][0], expected, rtol=1e-5)
        np.testing.assert_array_equal(state.best_params["u"][0][0], state.average["u"][0][0])
    state, figures = trainer.evaluate(state)
    np.testing.assert_allclose(figures["ess"], np.exp(-np.sum(expected**2)), rtol=1e-4)
    np.testing.assert_array_equal(state.best_params["u"][0][0], state.average["u"][0][0])
    assert not np.allclose(state.average["u"][0][0], state.params["u"][0][0])
    assert make(BOX).init(jax.random.key(0)).average == ()


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan")])
def test_impossible_decays_are_refused(decay: float) -> None:
    with pytest.raises(ConfigError, match="average: expected a decay"):
        make(BOX, average=decay)


def test_residuals_are_those_of_the_last_points_of_fresh_ones_and_of_the_flow() -> None:
    trainer = make(BOX, along_flow=Trajectories(GaussianPrior(1, 0.1), 64, 4, noise=0.0))
    start = trainer.init(jax.random.key(0))
    assert trainer.residuals(start) == {}
    state, _ = trainer.step(start)
    figures = trainer.residuals(state)
    key = jax.random.split(jax.random.fold_in(state.key, 0))[1]
    points = BOX.draw(key, (), 64, jnp.float32(0), jnp.float32)
    residual = trainer.equation.residual(state.params, points)
    np.testing.assert_allclose(figures["residual_train"], np.sqrt(np.mean(residual**2)), rtol=1e-5)
    grid = Points(jnp.linspace(-1, 1, 999)[:, None], jnp.full(999, 0.5))
    whole = np.sqrt(np.mean(trainer.equation.residual(state.params, grid) ** 2))
    assert 0.5 < figures["residual_held_out"] / whole < 1.5
    assert figures["residual_held_out"] != figures["residual_train"]
    assert figures["residual_on_flow"] > 50 * whole  # a flow at speed 3 leaves the box, to where exp(4x) is huge
    assert "residual_train" not in make(ResidualAdaptive(BOX)).residuals(state)


class Remembered(UniformBox):
    """Points that stay the same until the next refresh."""

    def refresh(self, key: Any, drift: Any, dtype: Any) -> Any:
        return UniformBox.draw(self, key, (), 7, jnp.float32(0), dtype)

    def draw(self, key: Any, cache: Any, n: int, progress: Any, dtype: Any) -> Points:
        return Points(*cache)


def test_a_network_that_overfits_is_found() -> None:
    """Seven points that stay, and many more parameters: provoked, not pretended."""
    wide = MLP(1, 1, (32,), last_gain=1.0)
    phase = Phase(DualGaussNewton(damping=1e-5), Remembered((-1.0,), (1.0,)), 40, 7, refresh=100)
    score = lambda params, key: {"ess": jnp.float32(1), "log_z": jnp.float32(0)}  # noqa: E731
    trainer = Trainer(equation(wide), (phase,), lambda params: lambda x, t: x, score)
    monitor = Monitor(40)

    def on_scores(state: Any, record: Any, figures: dict[str, float]) -> None:
        monitor.score(record, figures | trainer.residuals(state))

    run(trainer, trainer.init(jax.random.key(0)), score_every=4, iterations=16, on_scores=on_scores)
    assert "overfitting" in [finding.name for finding in monitor.findings]


def test_enough_points_are_not_overfitted() -> None:
    optimiser = DualGaussNewton(damping=1e-3)
    score = lambda params, key: {"ess": jnp.float32(1), "log_z": jnp.float32(0)}  # noqa: E731
    trainer = make(BOX, optimiser, 128, MLP(1, 1, (8,), last_gain=1.0), score=score)
    monitor = Monitor(40)

    def on_scores(state: Any, record: Any, figures: dict[str, float]) -> None:
        monitor.score(record, figures | trainer.residuals(state))

    run(trainer, trainer.init(jax.random.key(0)), score_every=4, iterations=16, on_scores=on_scores)
    assert "overfitting" not in [finding.name for finding in monitor.findings]


def test_a_learning_rate_that_explodes_and_points_with_nan_are_found() -> None:
    """Both provoked in a real run."""
    monitor = Monitor(60)
    wild = make(BOX, FirstOrder(optax.sgd(1.2)), 64)
    run(wild, wild.init(jax.random.key(0)), iterations=30, on_record=monitor.observe)
    assert "residual explosion" in [finding.name for finding in monitor.findings]
    lost = Trainer(
        Equation({"u": Unknown(NET, "gradient_jet")}, lambda p, data, u: u.value - jnp.log(p.x[:, 0])),
        (Phase(SGD, BOX, 10, 16),),
        lambda params: lambda x, t: x,
    )
    monitor = Monitor(10)
    run(lost, lost.init(jax.random.key(0)), on_record=monitor.observe)
    assert [finding.name for finding in monitor.findings] == ["nonfinite residual"]
