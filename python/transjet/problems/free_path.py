"""Drift and log density both free, with the boundary conditions built into the path."""

from __future__ import annotations

from dataclasses import replace

import jax

from transjet import equations
from transjet.config import RunConfig
from transjet.equations import Params
from transjet.models import DivergenceJet
from transjet.paths import BoundaryPath, PathJet, Prior
from transjet.problems.base import LogDensity, Problem
from transjet.problems.drifts import DriftOf, learned_drift
from transjet.problems.networks import network
from transjet.targets import Target
from transjet.transport import Field

Array = jax.Array


def training_path(config: RunConfig, target: Target, prior: Prior) -> BoundaryPath:
    """The path that the residual sees, with clipped scores where the configuration says so."""
    ratios = config.precision_ratio, config.variance_ratio
    return BoundaryPath(prior, target.log_density, *ratios, config.residual.score_clip)


def log_density_of(equation: equations.Equation, path: BoundaryPath, params: Params) -> LogDensity:
    """V of an equation with the unknown "potential", exact whatever the residual saw clipped."""
    potential, scalars = equation.unknowns["potential"].model, equation.scalar_values(params)
    exact = replace(path, score_clip=0.0)

    def v(x: Array, t: Array) -> PathJet:
        phi = potential.jet("gradient_jet", params["potential"], x, t)
        return exact.jet(t, exact.data(x), phi, scalars["log_z"])

    return v


def second_order(equation: equations.Equation, path: BoundaryPath, params: Params, x: Array, t: Array) -> PathJet:
    """The same V with its Laplacian, at x (n, d), t (n,)."""
    exact = replace(path, score_clip=0.0)
    phi = equation.unknowns["potential"].model.jet("laplacian_jet", params["potential"], x, t)
    return exact.jet(t, exact.data(x, second_order=True), phi, equation.scalar_values(params)["log_z"])


def continuity(config: RunConfig, target: Target, prior: Prior) -> Problem:
    """`equations.continuity`; particles follow the drift."""
    path, drift = training_path(config, target, prior), learned_drift(config, target)
    equation = equations.continuity(path, drift, network(config, target.dim, 1))
    mu = DriftOf(drift, target.log_density, equation)
    return Problem(equation, mu.field, mu.value, lambda params: log_density_of(equation, path, params))


def fokker_planck(config: RunConfig, target: Target, prior: Prior) -> Problem:
    """`equations.fokker_planck`; particles follow the probability flow mu - sigma^2/2 grad V."""
    path, half = training_path(config, target, prior), 0.5 * config.sigma**2
    drift = learned_drift(config, target)
    equation = equations.fokker_planck(path, drift, network(config, target.dim, 1), sigma=config.sigma)
    mu = DriftOf(drift, target.log_density, equation)

    def field(params: Params) -> Field:
        drifts = mu.field(params)

        def flow(x: Array, t: Array) -> DivergenceJet:
            b, v = drifts(x, t), second_order(equation, path, params, x, t)
            return DivergenceJet(b.value - half * v.grad, b.divergence - half * v.laplacian)

        return flow

    return Problem(equation, field, mu.value, lambda params: log_density_of(equation, path, params))
