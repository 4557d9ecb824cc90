"""Trainings that go wrong in a known way show its signature, and one that does not shows none."""

from __future__ import annotations

import functools
from typing import Any

import jax
import pytest

from transjet import ModelConfig, PhaseConfig, RunConfig, Sampler
from transjet.diagnostics import Monitor
from transjet.targets import Target, gaussian_mixture

CLOUD = {"points": 64, "collocation": "gaussian", "cloud": 1.2, "momentum": 0.0}


def findings(target: Target, *plan: dict[str, Any], score_every: int = 100) -> frozenset[str]:
    """Names of the findings of a training of small networks."""
    phases = tuple(PhaseConfig(**(CLOUD | options)) for options in plan)
    steps = sum(phase.iterations for phase in phases)
    config = RunConfig(
        backend="xla",
        model=ModelConfig(width=16, depth=1, input_scale=2.0),
        plan=phases,
        score_samples=128,
        transport_steps=4,
        score_every=score_every,
    )
    sampler, monitor = Sampler(target, config), Monitor(steps)
    sampler.run(
        sampler.init(jax.random.key(0)),
        on_record=monitor.observe,
        on_scores=lambda state, record, figures: monitor.score(record, figures | sampler.trainer.residuals(state)),
    )
    return frozenset(finding.name for finding in monitor.findings)


@functools.cache
def towards(mean: float = 0.5, cloud: float = 1.2) -> frozenset[str]:
    """Those of a few Gauss-Newton steps towards a Gaussian at `mean`."""
    return findings(
        gaussian_mixture([[mean, 0.0]], 1.0), {"iterations": 4, "points": 256, "cloud": cloud}, score_every=1
    )


def test_a_run_that_goes_well_has_no_findings() -> None:
    assert not towards()


@pytest.mark.parametrize(
    ("name", "options"), [("points miss the flow", {"cloud": 0.1}), ("weight degeneracy", {"mean": 60.0})]
)
def test_a_run_that_goes_wrong_says_how(name: str, options: dict[str, float]) -> None:
    assert name in towards(**options)


def test_gauss_newton_without_damping_diverges_and_says_so() -> None:
    """64 points of two far modes, 1e-8 of damping: steps far beyond where the linear model holds."""
    undamped = {"iterations": 36, "damping": 1e-8, "robust": 0.0}
    two_far = gaussian_mixture([[4.0, 0.0], [-4.0, 0.0]], 1.0)
    assert {"rejected steps", "short steps"} <= findings(two_far, undamped | {"momentum": 0.9})
    assert "damping runaway" in findings(two_far, undamped | {"iterations": 6, "adapt": 4.0})


def test_a_flow_that_loses_a_mode_says_so() -> None:
    """Solved by Gauss-Newton first, then thrown about by Adam on nothing but the flow's own trajectories."""
    wild = {"optimiser": "adam", "learning_rate": 0.3, "collocation": "trajectories", "robust": 0.0}
    solved, wild = {"iterations": 9, "points": 256, "cloud": 2.0}, wild | {"iterations": 12, "points": 256}
    two = gaussian_mixture([[1.5, 0.0], [-1.5, 0.0]], 0.3)
    with jax.numpy_dtype_promotion("standard"):  # optax mixes dtypes
        assert "mode collapse" in findings(two, solved, wild, score_every=3)
