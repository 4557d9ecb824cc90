"""Problems by the names that a configuration calls them."""

from __future__ import annotations

from collections.abc import Callable

from transjet.config import RunConfig
from transjet.errors import ConfigError
from transjet.paths import GaussianPrior
from transjet.problems.base import Problem
from transjet.problems.free_path import continuity, fokker_planck
from transjet.targets import Target

Builder = Callable[[RunConfig, Target, GaussianPrior], Problem]

BUILDERS: dict[str, Builder] = {"continuity": continuity, "fokker-planck": fokker_planck}
"""Name of an equation in a configuration -> what builds its problem."""


def build_problem(config: RunConfig, target: Target, prior: GaussianPrior) -> Problem:
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
    return BUILDERS[config.equation](config, target, prior)
