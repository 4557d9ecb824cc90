"""Paths of densities from the prior to the target."""

from transjet.paths.annealed import PATHS, AnnealedPath
from transjet.paths.boundary import BoundaryData, BoundaryPath, PathJet
from transjet.paths.chebyshev import TimeFunction
from transjet.paths.mixture_prior import MixturePrior, Prior
from transjet.paths.prior import GaussianPrior
from transjet.paths.schedules import SCHEDULES, Schedule

__all__ = [
    "PATHS",
    "SCHEDULES",
    "AnnealedPath",
    "BoundaryData",
    "BoundaryPath",
    "GaussianPrior",
    "MixturePrior",
    "PathJet",
    "Prior",
    "Schedule",
    "TimeFunction",
]
