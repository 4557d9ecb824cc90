"""Collocation by the names of a configuration, and the options that go with them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import transjet as tj
from transjet.collocation import Flow, GaussianTube, Mixture, ResidualAdaptive, SobolBox, UniformBox
from transjet.config import RunConfig
from transjet.errors import ConfigError

SMALL = {
    "model": {"width": 8, "depth": 2},
    "transport_steps": 4,
    "score_samples": 64,
    "samples": 64,
    "score_every": 2,
}
TARGET = tj.from_log_density(lambda x: -((x**2 - 1) ** 2).sum(), dim=2, prior_std=1.5)


def sampler(phase: dict[str, Any], target: Any = None, **options: Any) -> tj.Sampler:
    plan = [{"iterations": 3, "points": 16} | phase]
    return tj.Sampler(target or tj.get("gmm-grid"), RunConfig.from_dict(SMALL | options | {"plan": plan}))


def test_names_make_the_distributions_they_name() -> None:
    drawn = lambda **phase: sampler(phase).trainer.plan[0].collocation  # noqa: E731
    assert type(drawn(collocation="uniform")) is UniformBox
    sobol = drawn(collocation="sobol", times_start=0.3, times_power=1.0)
    assert isinstance(sobol, SobolBox)
    assert (sobol.times.start, sobol.times.power) == (0.3, 1.0)
    tube = drawn(collocation="tube", tube_end=2.0, cloud=1.1)
    assert isinstance(tube, GaussianTube)
    np.testing.assert_allclose([tube.start, tube.end, tube.widen], [3.0, 6.0, 1.1])
    mixture = drawn(collocation="mixture", background="tube", along="sde", sde_sigma=0.2, antithetic=True)
    assert isinstance(mixture, Mixture)
    assert mixture.components[1].sigma == pytest.approx(0.6)
    assert mixture.components[1].antithetic
    adaptive = drawn(collocation="adaptive", adaptive_power=2.0, adaptive_factor=3)
    assert isinstance(adaptive, ResidualAdaptive)
    assert (adaptive.power, adaptive.factor) == (2.0, 3)
    given = drawn(collocation="reverse", reverse_from="target")
    assert given.samples.shape == (4096, 2)


@pytest.mark.parametrize("equation", ["continuity", "fokker-planck"])
def test_a_flow_is_passed_where_it_is_needed(equation: str) -> None:
    s = sampler({"collocation": "sde"}, equation=equation)
    params = s.init(jax.random.key(0)).params
    flow = s.trainer.drift(params)
    assert isinstance(flow, Flow)
    x, t = jax.random.normal(jax.random.key(1), (3, 2)), jnp.array([0.2, 0.5, 0.9])
    field = s.problem.field(params)(x, t)
    velocity, divergence = flow.divergence(x, t)
    np.testing.assert_allclose(flow(x, t), field.value, rtol=2e-4, atol=1e-5)
    np.testing.assert_array_equal(velocity, field.value)
    np.testing.assert_array_equal(divergence, field.divergence)
    np.testing.assert_array_equal(flow.score(x, t), s.problem.log_density(params)(x, t).grad)
    assert not isinstance(sampler({"collocation": "trajectories"}).trainer.drift(params), Flow)


@pytest.mark.parametrize(
    ("phase", "options"),
    [
        ({"collocation": "reverse"}, {}),
        ({"collocation": "adaptive", "along": "sde", "background": "sobol"}, {"average": 0.9}),
        ({"optimiser": "gauss-newton-cg"}, {"model": SMALL["model"] | {"factorised": True, "fourier_scale": 1.0}}),
    ],
)
def test_runs_go_through(phase: dict[str, Any], options: dict[str, Any]) -> None:
    s = sampler(phase, **options)
    scores: list[Any] = []
    result = s.run(s.init(jax.random.key(0)), on_scores=lambda state, record, figures: scores.append(figures))
    assert result.status == "finished"
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result.state.params))
    assert set(scores[-1]) == {"ess", "log_z", "log_z_std_error", "pareto_k", "coverage"}
    assert 0 < scores[-1]["coverage"] <= 1
    assert len(s.trainer.residuals(result.state)) in (2, 3)


def test_antithetic_samples_are_symmetric_at_the_start() -> None:
    s = sampler({}, antithetic=True, transport_steps=1)
    state = s.init(jax.random.key(0))
    still = jax.tree.map(jnp.zeros_like, state.best_params)
    x = s.sample(state._replace(best_params=still), jax.random.key(1), 10).x
    np.testing.assert_array_equal(x[5:], -x[:5])


def test_a_target_without_a_box_gets_one_from_a_pilot_run() -> None:
    s = sampler({"collocation": "uniform"}, TARGET)
    assert s.pilot is not None
    assert s.pilot.evaluations > 10_000
    box = s.trainer.plan[0].collocation
    assert (box.lower, box.upper) == (s.pilot.box.lower, s.pilot.box.upper)
    assert all(low < -1.5 and high > 1.5 for low, high in zip(box.lower, box.upper, strict=True))
    assert sampler({"collocation": "gaussian"}, TARGET).pilot is None


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="plan.reverse_from: expected 'own' with target"):
        sampler({"collocation": "reverse", "reverse_from": "target"}, TARGET)
    with pytest.raises(ConfigError, match="model.factorised: expected false with optimiser 'gauss-newton'"):
        sampler({}, model={"factorised": True})
    with pytest.raises(ConfigError, match="model.factorised: expected bool; got 1"):
        sampler({}, model={"factorised": 1})
    for name, value in (("times_start", 1.5), ("times_power", -1.0), ("adaptive_floor", 0.0), ("along", "sideways")):
        with pytest.raises(ConfigError, match="plan"):
            sampler({name: value})
