"""Distributions of points for a flow that starts from a pilot's base."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

from transjet.collocation import Trajectories
from transjet.config import PhaseConfig
from transjet.paths import GaussianPrior
from transjet.problems.points import build_collocation
from transjet.targets import get

TARGET, PRIOR = get("funnel-10"), GaussianPrior(10, 1.0)


def built(**options):
    return build_collocation(PhaseConfig(**options), TARGET, PRIOR, lambda: pytest.fail("no box is needed"))


def test_wide_points_start_wider_than_the_prior():
    points = built(collocation="wide", cloud=1.5, points=4096)
    assert isinstance(points, Trajectories)
    starts = points.refresh(jax.random.key(0), lambda x, t: jnp.zeros_like(x), jnp.float32)[0]
    assert float(jnp.std(starts)) == pytest.approx(1.5, rel=0.02)
