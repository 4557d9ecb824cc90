"""Drifts of problems: what particles and collocation points follow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import jax

from transjet.config import RunConfig
from transjet.equations import Equation, LearnedDrift, Params
from transjet.models import DivergenceJet
from transjet.paths.data import target_data
from transjet.problems.networks import network
from transjet.targets import Target
from transjet.transport import Field, NetworkField

Array = jax.Array


def learned_drift(config: RunConfig, target: Target) -> LearnedDrift:
    """The drift that the configuration's residual asks for."""
    gradient = config.residual.drift == "gradient"
    return LearnedDrift(network(config, target.dim, 1 if gradient else target.dim), gradient, config.residual.informed)


@dataclass(frozen=True)
class DriftOf:
    """The unknown "drift" of an equation as functions of (x, t).

    Attributes:
        mu: network and what is made of it.
        log_rho: the target's log density, whose score informs the drift.
        equation: gives the scalar unknowns' values.
    """

    mu: LearnedDrift
    log_rho: Callable[[Array], Array]
    equation: Equation

    def field(self, params: Params) -> Field:
        """mu with its divergence."""
        if not self.mu.gradient and not self.mu.informed:
            return NetworkField(self.mu.model, params["drift"])

        def flow(x: Array, t: Array) -> DivergenceJet:
            jet = self.mu.model.jet(self.mu.unknown.jet, params["drift"], x, t)
            data = None
            if self.mu.informed:
                _, grad, lap = target_data(self.log_rho, x, second_order=True)
                data = SimpleNamespace(grad_rho=grad, lap_rho=lap)
            return self.mu.jet(t, jet, data, self.equation.scalar_values(params))

        return flow

    def value(self, params: Params) -> Callable[[Array, Array], Array]:
        """mu alone, at less cost."""

        def mu(x: Array, t: Array) -> Array:
            model, layers = self.mu.model, params["drift"]
            gradient = self.mu.gradient
            value: Array = model.jet("gradient_jet", layers, x, t).grad if gradient else model.apply(layers, x, t)
            if not self.mu.informed:
                return value
            a = self.mu.pull(t, self.equation.scalar_values(params))
            return value + a[:, None] * target_data(self.log_rho, x)[1]

        return mu
