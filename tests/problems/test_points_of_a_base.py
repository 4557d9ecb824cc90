"""Distributions of points for a flow that starts from a pilot's base."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.collocation import Mixture, ReverseTrajectories, Trajectories
from transjet.config import PhaseConfig
from transjet.errors import ConfigError
from transjet.paths import GaussianPrior
from transjet.problems.points import build_collocation
from transjet.targets import get

TARGET, PRIOR = get("funnel-10"), GaussianPrior(10, 1.0)


def built(particles=None, **options):
    return build_collocation(PhaseConfig(**options), TARGET, PRIOR, lambda: pytest.fail("no box is needed"), particles)


def test_wide_points_start_wider_than_the_prior():
    points = built(collocation="wide", cloud=1.5, points=4096)
    assert isinstance(points, Trajectories)
    starts = points.refresh(jax.random.key(0), lambda x, t: jnp.zeros_like(x), jnp.float32)[0]
    assert float(jnp.std(starts)) == pytest.approx(1.5, rel=0.02)


def test_both_ways_is_half_forth_and_half_back_from_the_pilots_particles():
    particles = np.full((7, 10), 2.5, np.float32)
    both = built(particles, collocation="both-ways", reverse_from="pilot", points=64)
    assert isinstance(both, Mixture) and both.start == (0.5, 0.5)
    forth, back = both.components
    assert isinstance(forth, Trajectories) and isinstance(back, ReverseTrajectories)
    ends = back.refresh(jax.random.key(0), lambda x, t: jnp.zeros_like(x), jnp.float32)[-1]
    np.testing.assert_array_equal(ends, 2.5)


def test_particles_of_a_pilot_need_a_pilot():
    with pytest.raises(ConfigError, match=r"plan\.reverse_from: expected 'own' or 'target' without a pilot"):
        built(collocation="reverse", reverse_from="pilot")
