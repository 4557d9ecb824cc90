"""Partial differential equations between drift and log density, as residuals with Gauss-Newton products."""

from transjet.collocation import Points
from transjet.equations.annealed import annealed, log_z_rate
from transjet.equations.base import Batch, Equation, Params, Unknown
from transjet.equations.bridges import optimal_transport, schroedinger_bridge
from transjet.equations.continuity import continuity
from transjet.equations.drift import LearnedDrift
from transjet.equations.fokker_planck import fokker_planck
from transjet.equations.linearization import Linearization
from transjet.equations.score import Noising, score

__all__ = [
    "Batch",
    "Equation",
    "LearnedDrift",
    "Linearization",
    "Noising",
    "Params",
    "Points",
    "Unknown",
    "annealed",
    "continuity",
    "fokker_planck",
    "log_z_rate",
    "optimal_transport",
    "schroedinger_bridge",
    "score",
]
