"""Paths of densities from the prior to the target."""

from transjet.paths.boundary import BoundaryData, BoundaryPath, PathJet
from transjet.paths.prior import GaussianPrior

__all__ = ["BoundaryData", "BoundaryPath", "GaussianPrior", "PathJet"]
