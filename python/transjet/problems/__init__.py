"""Problems: an equation together with the flow that its unknowns describe."""

from transjet.problems.base import LogDensity, Problem
from transjet.problems.path_methods import build_path_trainer
from transjet.problems.points import build_collocation
from transjet.problems.registry import BUILDERS, Builder, build_problem

__all__ = ["BUILDERS", "Builder", "LogDensity", "Problem", "build_collocation", "build_path_trainer", "build_problem"]
