"""The pilot of a run: what is found out about the target before any training."""

from transjet.pilot.base import Base, Effort, Frame, build_base
from transjet.pilot.modes import Peaks, afforded, climb, distinct
from transjet.pilot.population import Population, tempered_population
from transjet.pilot.trial import tried

__all__ = [
    "Base",
    "Effort",
    "Frame",
    "Peaks",
    "Population",
    "afforded",
    "build_base",
    "climb",
    "distinct",
    "tempered_population",
    "tried",
]
