"""The drift along a prescribed path."""

from __future__ import annotations

from dataclasses import replace

import jax

from transjet import equations
from transjet.collocation import Drift
from transjet.config import RunConfig
from transjet.equations import Params
from transjet.models import DivergenceJet
from transjet.paths import AnnealedPath, PathJet, Prior, Schedule
from transjet.problems.base import LogDensity, Problem
from transjet.problems.drifts import DriftOf, learned_drift
from transjet.targets import Target
from transjet.transport import Field

Array = jax.Array


def _path(config: RunConfig, target: Target, prior: Prior) -> AnnealedPath:
    options, clip = config.annealing, config.residual.score_clip
    return AnnealedPath(
        prior, target.log_density, Schedule(options.schedule), options.kind, options.power, options.scale,
        score_clip=clip,
    )  # fmt: skip


def _annealed(config: RunConfig, target: Target, prior: Prior, sigma: float) -> Problem:
    path, drift = _path(config, target, prior), learned_drift(config, target)
    exact, half = replace(path, score_clip=0.0), 0.5 * sigma**2
    terms = 0 if config.residual.centred else config.annealing.terms
    equation, rate = equations.annealed(path, drift, sigma=sigma, terms=terms), equations.log_z_rate(terms)
    mu = DriftOf(drift, target.log_density, equation)

    def v_jet(params: Params, x: Array, t: Array, order: int) -> PathJet:
        scalars = equation.scalar_values(params)
        jet = exact.jet(t, x, exact.data(x, t, second_order=order == 2), scalars)
        return jet._replace(value=jet.value - rate.integral(t, scalars), dt=jet.dt - rate(t, scalars))

    def field(params: Params) -> Field:
        drifts = mu.field(params)

        def flow(x: Array, t: Array) -> DivergenceJet:
            b, v = drifts(x, t), v_jet(params, x, t, 2)
            return DivergenceJet(b.value - half * v.grad, b.divergence - half * v.laplacian)

        return flow if sigma else drifts

    def velocity(params: Params) -> Drift:
        value = mu.value(params)
        return (lambda x, t: value(x, t) - half * v_jet(params, x, t, 1).grad) if sigma else value

    def log_density(params: Params) -> LogDensity:
        return lambda x, t: v_jet(params, x, t, 1)

    return Problem(equation, field, velocity, log_density)


def annealed_continuity(config: RunConfig, target: Target, prior: Prior) -> Problem:
    """`equations.annealed` without diffusion; particles follow the drift."""
    return _annealed(config, target, prior, 0.0)


def annealed_fokker_planck(config: RunConfig, target: Target, prior: Prior) -> Problem:
    """`equations.annealed` with diffusion; particles follow the probability flow mu - sigma^2/2 grad V."""
    return _annealed(config, target, prior, config.sigma)
