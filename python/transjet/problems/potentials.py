"""Methods whose drift is made of gradients: time reversal, the Schroedinger bridge, optimal transport."""

from __future__ import annotations

from dataclasses import replace

import jax

from transjet import equations
from transjet.collocation import Drift
from transjet.config import RunConfig
from transjet.equations import Noising, Params
from transjet.errors import ConfigError
from transjet.models import DivergenceJet
from transjet.paths import GaussianPrior
from transjet.problems.base import Problem
from transjet.problems.free_path import log_density_of, second_order, training_path
from transjet.problems.networks import network
from transjet.targets import Target
from transjet.transport import Field

Array = jax.Array


def score(config: RunConfig, target: Target, prior: GaussianPrior) -> Problem:
    """`equations.score`; particles follow sigma^2/2 grad V - f."""
    noising = Noising(prior.std, config.noising.start, config.noising.end)
    if config.variance_ratio != 1:
        raise ConfigError(
            "variance_ratio: expected 1 with equation 'score', whose path follows its process; "
            f"got {config.variance_ratio}"
        )
    path = replace(training_path(config, target, prior), share=noising.share(config.precision_ratio))
    equation = equations.score(path, network(config, target.dim, 1), noising)

    def field(params: Params) -> Field:
        return lambda x, t: noising.flow(x, t, second_order(equation, path, params, x, t))

    def velocity(params: Params) -> Drift:
        v = log_density_of(equation, path, params)

        def at(x: Array, t: Array) -> Array:
            flow: Array = noising.flow(x, t, v(x, t)._replace(laplacian=0 * t)).value
            return flow

        return at

    return Problem(equation, field, velocity, lambda params: log_density_of(equation, path, params))


def schroedinger_bridge(config: RunConfig, target: Target, prior: GaussianPrior) -> Problem:
    """`equations.schroedinger_bridge` of a Brownian motion; particles follow sigma^2 (grad Phi - grad V / 2)."""
    path, square = training_path(config, target, prior), config.sigma**2
    phi = network(config, target.dim, 1)
    equation = equations.schroedinger_bridge(path, phi, network(config, target.dim, 1), sigma=config.sigma)

    def field(params: Params) -> Field:
        def flow(x: Array, t: Array) -> DivergenceJet:
            p, v = phi.jet("laplacian_jet", params["phi"], x, t), second_order(equation, path, params, x, t)
            return DivergenceJet(square * (p.grad - v.grad / 2), square * (p.laplacian - v.laplacian / 2))

        return flow

    def velocity(params: Params) -> Drift:
        v = log_density_of(equation, path, params)
        return lambda x, t: square * (phi.jet("gradient_jet", params["phi"], x, t).grad - v(x, t).grad / 2)

    return Problem(equation, field, velocity, lambda params: log_density_of(equation, path, params))


def optimal_transport(config: RunConfig, target: Target, prior: GaussianPrior) -> Problem:
    """`equations.optimal_transport`; particles follow grad Phi."""
    path, phi = training_path(config, target, prior), network(config, target.dim, 1)
    equation = equations.optimal_transport(path, phi, network(config, target.dim, 1))

    def field(params: Params) -> Field:
        def flow(x: Array, t: Array) -> DivergenceJet:
            p = phi.jet("laplacian_jet", params["phi"], x, t)
            return DivergenceJet(p.grad, p.laplacian)

        return flow

    return Problem(
        equation,
        field,
        drift=lambda params: lambda x, t: phi.jet("gradient_jet", params["phi"], x, t).grad,
        log_density=lambda params: log_density_of(equation, path, params),
    )
