"""Partial differential equations between drift and log density, as residuals with Gauss-Newton products."""

from transjet.collocation import Points
from transjet.equations.base import Batch, Equation, Params, Unknown
from transjet.equations.continuity import continuity
from transjet.equations.fokker_planck import fokker_planck
from transjet.equations.linearization import Linearization

__all__ = ["Batch", "Equation", "Linearization", "Params", "Points", "Unknown", "continuity", "fokker_planck"]
