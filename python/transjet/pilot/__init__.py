"""The pilot of a run: what is found out about the target before any training."""

from transjet.pilot.base import Base, Effort, build_base
from transjet.pilot.chart import Chart, Frame
from transjet.pilot.modes import Peaks, afforded, beyond, climb, distinct
from transjet.pilot.population import Population, tempered_population
from transjet.pilot.trial import tried

__all__ = [
    "Base",
    "Chart",
    "Effort",
    "Frame",
    "Peaks",
    "Population",
    "afforded",
    "beyond",
    "build_base",
    "climb",
    "distinct",
    "tempered_population",
    "tried",
]
