"""Problems: an equation together with the flow that its unknowns describe."""

from transjet.problems.base import LogDensity, Problem
from transjet.problems.registry import BUILDERS, Builder, build_problem

__all__ = ["BUILDERS", "Builder", "LogDensity", "Problem", "build_problem"]
