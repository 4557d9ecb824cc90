"""Problems by the names that a configuration calls them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from transjet.config import RunConfig
from transjet.errors import ConfigError
from transjet.paths import Prior
from transjet.problems.annealed import annealed_continuity, annealed_fokker_planck
from transjet.problems.base import Problem
from transjet.problems.free_path import continuity, fokker_planck
from transjet.problems.potentials import optimal_transport, schroedinger_bridge, score
from transjet.targets import Target

Builder = Callable[[RunConfig, Target, Any], Problem]

BUILDERS: dict[str, Builder] = {
    "continuity": continuity,
    "fokker-planck": fokker_planck,
    "annealed-continuity": annealed_continuity,
    "annealed-fokker-planck": annealed_fokker_planck,
    "score": score,
    "schroedinger-bridge": schroedinger_bridge,
    "optimal-transport": optimal_transport,
}
"""Name of an equation in a configuration -> what builds its problem."""


def _check_drift(config: RunConfig) -> None:
    """Options of a drift that is unknown belong to equations that have one."""
    residual = config.residual
    if config.equation not in ("continuity", "fokker-planck", "annealed-continuity", "annealed-fokker-planck") and (
        residual.drift != "free" or residual.informed
    ):
        raise ConfigError(
            f"residual: the drift of {config.equation} is the gradient of a network already; expected drift = 'free' "
            f"and informed = 0; got {residual.drift!r} and {residual.informed}"
        )


def build_problem(config: RunConfig, target: Target, prior: Prior) -> Problem:
    """The problem that `config.equation` names.

    Args:
        config: of the run.
        target: what to sample.
        prior: where particles start.

    Returns:
        The problem.

    Raises:
        ConfigError: options of the equation that do not fit together, or one that has no builder.
    """
    if config.equation not in BUILDERS:
        raise ConfigError(f"equation: expected one of {', '.join(BUILDERS)}; got {config.equation!r}")
    _check_drift(config)
    problem = BUILDERS[config.equation](config, target, prior)
    equation = problem.equation.with_directions(config.model.directions)
    several = equation.residuals == 2 and config.residual.balance == "fixed"
    weights = (1.0, config.residual.weight) if several else None
    return replace(problem, equation=replace(equation, weights=weights, centred=config.residual.centred))
