"""Drift and log density both free, with the boundary conditions built into the path."""

from __future__ import annotations

import jax

from transjet import equations
from transjet.config import RunConfig
from transjet.equations import Params
from transjet.models import DivergenceJet
from transjet.paths import BoundaryPath, GaussianPrior, PathJet
from transjet.problems.base import LogDensity, Problem
from transjet.problems.networks import network
from transjet.targets import Target
from transjet.transport import Field, NetworkField

Array = jax.Array


def _log_density(equation: equations.Equation, path: BoundaryPath, params: Params) -> LogDensity:
    potential, scalars = equation.unknowns["potential"].model, equation.scalar_values(params)

    def v(x: Array, t: Array) -> PathJet:
        phi = potential.jet("gradient_jet", params["potential"], x, t)
        return path.jet(t, path.data(x), phi, **scalars)

    return v


def continuity(config: RunConfig, target: Target, prior: GaussianPrior) -> Problem:
    """`equations.continuity`; particles follow the drift."""
    path = BoundaryPath(prior, target.log_density)
    drift = network(config, target.dim, target.dim)
    equation = equations.continuity(path, drift, network(config, target.dim, 1))
    return Problem(
        equation,
        field=lambda params: NetworkField(drift, params["drift"]),
        drift=lambda params: lambda x, t: drift.apply(params["drift"], x, t),
        log_density=lambda params: _log_density(equation, path, params),
    )


def fokker_planck(config: RunConfig, target: Target, prior: GaussianPrior) -> Problem:
    """`equations.fokker_planck`; particles follow the probability flow mu - sigma^2/2 grad V."""
    path, half = BoundaryPath(prior, target.log_density), 0.5 * config.sigma**2
    drift, potential = network(config, target.dim, target.dim), network(config, target.dim, 1)
    equation = equations.fokker_planck(path, drift, potential, sigma=config.sigma)

    def field(params: Params) -> Field:
        def flow(x: Array, t: Array) -> DivergenceJet:
            mu = drift.jet("divergence_jet", params["drift"], x, t)
            phi = potential.jet("laplacian_jet", params["potential"], x, t)
            v = path.jet(t, path.data(x, second_order=True), phi, **equation.scalar_values(params))
            return DivergenceJet(mu.value - half * v.grad, mu.divergence - half * v.laplacian)

        return flow

    return Problem(
        equation,
        field=field,
        drift=lambda params: lambda x, t: drift.apply(params["drift"], x, t),
        log_density=lambda params: _log_density(equation, path, params),
    )
