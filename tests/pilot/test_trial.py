"""The choice between a mixture and one Gaussian by short trainings."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from transjet.paths import MixturePrior
from transjet.pilot import Base, Chart, Frame, tried

LOG_Z = 3.0


def base(ess: float, components: int = 3) -> Base:
    """A base of some components in two dimensions, whose mixture has a given ESS."""
    eye = jnp.broadcast_to(jnp.eye(2), (components, 2, 2))
    weights = jnp.full(components, -np.log(components))
    prior = MixturePrior(weights, jnp.arange(2.0 * components).reshape(-1, 2), eye, eye, jnp.asarray(jnp.inf))
    figures, chart = {"components": float(components)}, Chart.affine(Frame.plain(2))
    return Base(chart, prior, LOG_Z, ess, figures, 100)


def short_run(scores: dict[int, float]):
    """Score by number of components, 10 evaluations each; remembers what was asked for."""
    asked: list[int] = []

    def run(candidate: Base) -> tuple[float, int]:
        asked.append(len(candidate.prior.means))
        return LOG_Z + np.log(scores[asked[-1]]), 10

    return run, asked


@pytest.mark.parametrize(("one", "mixture", "chosen"), [(0.5, 0.2, 1), (0.2, 0.5, 3)])
def test_the_better_one_is_kept(one, mixture, chosen):
    run, asked = short_run({1: one, 3: mixture})
    kept = tried(base(0.1), run, enough=0.7)
    assert asked == [1, 3] and len(kept.prior.means) == chosen == kept.figures["components"]
    assert kept.evaluations == 120
    assert kept.figures["trial_1"] == pytest.approx(np.log(one))
    assert kept.figures["trial_3"] == pytest.approx(np.log(mixture))


def test_a_good_start_from_one_gaussian_ends_the_trial():
    run, asked = short_run({1: 0.8})
    kept = tried(base(0.1), run, enough=0.7)
    assert asked == [1] and len(kept.prior.means) == 1 and kept.evaluations == 110
    np.testing.assert_array_equal(kept.prior.factors[0], np.eye(2))


def test_a_good_mixture_and_a_single_gaussian_are_not_tried():
    run, asked = short_run({})
    for there in (base(0.75), base(0.1, components=1)):
        assert tried(there, run, enough=0.7) is there
    assert asked == []


def test_a_score_that_is_no_number_loses():
    run, _ = short_run({1: np.nan, 3: 0.3})
    assert len(tried(base(0.1), run, enough=0.7).prior.means) == 3
