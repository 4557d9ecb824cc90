"""The distributions of collocation points that a configuration names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from transjet.collocation import (
    Collocation,
    Flow,
    GaussianCloud,
    GaussianTube,
    Mixture,
    ResidualAdaptive,
    ReverseTrajectories,
    SdeTrajectories,
    SobolBox,
    Times,
    Trajectories,
    UniformBox,
)
from transjet.config import PhaseConfig
from transjet.config_plan import ALONG, BACKGROUNDS
from transjet.equations import Params
from transjet.errors import ConfigError
from transjet.paths import Prior
from transjet.problems.base import Problem
from transjet.targets import Target
from transjet.transport import NetworkField

Array = jax.Array
Box = Callable[[], UniformBox]
_RADIUS = 1e3  # particles are stopped there where the target has no box
_GIVEN = 4096  # exact samples of the target that reverse trajectories start from
ALONG_FLOW = ("sde", "reverse")
"""Distributions along trajectories that need more than a drift."""


def box_of(target: Target) -> UniformBox | None:
    """The target's own box, if it has one."""
    if target.box is None:
        return None
    lower, upper = (tuple(float(v) for v in corner) for corner in target.box)
    return UniformBox(lower, upper)


def build_collocation(phase: PhaseConfig, target: Target, prior: Prior, box: Box) -> Collocation:
    """What draws the points of a phase.

    Args:
        phase: names it.
        target: what is sampled.
        prior: where particles start.
        box: gives the region for uniform points; called only where it is needed.

    Returns:
        The distribution.

    Raises:
        ConfigError: options that do not fit the target.
    """
    times = Times(phase.times_start, phase.times_settled, phase.times_power)
    kind = phase.collocation
    if kind in BACKGROUNDS:
        return _background(kind, phase, prior, box, times)
    given = _given(phase, target)
    if kind in ALONG:
        return _along(kind, phase, target, prior, times, given)
    first, last = phase.background_start, phase.background_end
    parts = (
        _background(phase.background, phase, prior, box, times),
        _along(phase.along, phase, target, prior, times, given),
    )
    mixture = Mixture(parts, (first, 1 - first), (last, 1 - last))
    if kind == "mixture":
        return mixture
    return ResidualAdaptive(mixture, phase.adaptive_factor, phase.adaptive_power, phase.adaptive_floor)


def _background(kind: str, phase: PhaseConfig, prior: Prior, box: Box, times: Times) -> Collocation:
    if kind == "gaussian":
        return GaussianCloud(prior.dim, phase.cloud * prior.std, times)
    if kind == "tube":
        return GaussianTube(prior.dim, prior.std, phase.tube_end * prior.std, widen=phase.cloud, times=times)
    if kind == "wide":
        return Trajectories(
            prior.widened(phase.cloud), phase.particles or phase.points, noise=0.0, radius=_RADIUS, times=times
        )
    region = box()
    return (SobolBox if kind == "sobol" else UniformBox)(region.lower, region.upper, times)


def _along(kind: str, phase: PhaseConfig, target: Target, prior: Prior, times: Times, given: Any) -> Collocation:
    common: dict[str, Any] = {
        "particles": phase.particles or phase.points,
        "radius": _RADIUS if target.box is None else 2.0 * float(np.max(np.abs(np.asarray(target.box)))),
        "times": times,
    }
    if kind == "sde":
        return SdeTrajectories(prior, phase.sde_sigma * prior.std, antithetic=phase.antithetic, **common)
    noise: dict[str, Any] = {"noise": phase.noise, "noisy": phase.noisy}
    if kind == "trajectories":
        scatter: dict[str, Any] = {"spread": phase.spread, "coordinates": phase.scatter == "coordinates"}
        return Trajectories(prior, antithetic=phase.antithetic, **scatter, **noise, **common)
    return ReverseTrajectories(prior, target.log_density, given, **noise, **common)


def _given(phase: PhaseConfig, target: Target) -> Any:
    """Samples of the target that reverse trajectories are to start from, None for the flow's own."""
    if phase.reverse_from == "own" or "reverse" not in (phase.collocation, phase.along):
        return None
    if target.sample is None:
        raise ConfigError(
            f"plan.reverse_from: expected 'own' with target {target.name!r}, which has no exact samples; got 'target'"
        )
    return np.asarray(target.sample(jax.random.key(0), _GIVEN))


def flow_of(problem: Problem, params: Params) -> Flow:
    """The deterministic flow of a problem, with its divergence, and with grad V where there is a V."""
    field = problem.field(params)
    density = None if problem.log_density is None else problem.log_density(params)

    def velocity(x: Array, t: Array) -> Array:
        if isinstance(field, NetworkField):
            return field.model.apply(field.layers, x, t)  # no divergence is needed
        value: Array = field(x, t).value
        return value

    def divergence(x: Array, t: Array) -> tuple[Array, Array]:
        jet = field(x, t)
        return jet.value, jet.divergence

    if density is None:
        return Flow(velocity, divergence)
    return Flow(velocity, divergence, lambda x, t: density(x, t).grad)
