"""Trainings that go wrong in a known way show its signature, and one that does not shows none."""

from __future__ import annotations

import functools

import jax
import pytest

from transjet import ModelConfig, PhaseConfig, RunConfig, Sampler
from transjet.diagnostics import Monitor
from transjet.targets import gaussian_mixture

STEPS = 4


@functools.cache
def found(mean: float = 0.5, cloud: float = 1.2) -> frozenset[str]:
    """Names of the findings of a few Gauss-Newton steps towards a Gaussian at `mean`."""
    plan = (PhaseConfig(points=256, iterations=STEPS, collocation="gaussian", cloud=cloud, momentum=0.0),)
    model = ModelConfig(width=16, depth=1, input_scale=2.0)
    config = RunConfig(backend="xla", model=model, plan=plan, score_samples=128, transport_steps=4, score_every=1)
    sampler, monitor = Sampler(gaussian_mixture([[mean, 0.0]], 1.0), config), Monitor(STEPS)
    sampler.run(
        sampler.init(jax.random.key(0)),
        on_record=monitor.observe,
        on_scores=lambda state, record, figures: monitor.score(record, figures | sampler.trainer.residuals(state)),
    )
    return frozenset(finding.name for finding in monitor.findings)


def test_a_run_that_goes_well_has_no_findings() -> None:
    assert not found()


@pytest.mark.parametrize(
    ("name", "options"), [("points miss the flow", {"cloud": 0.1}), ("weight degeneracy", {"mean": 60.0})]
)
def test_a_run_that_goes_wrong_says_how(name: str, options: dict[str, float]) -> None:
    assert name in found(**options)
