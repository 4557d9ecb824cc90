"""Densities to sample: the zoo of known targets, and targets made of a user's own log density."""

from transjet.targets.banana import banana
from transjet.targets.base import Target
from transjet.targets.brownian import brownian, brownian_known
from transjet.targets.custom import from_log_density
from transjet.targets.double_well import double_well
from transjet.targets.eight_schools import eight_schools
from transjet.targets.funnel import funnel
from transjet.targets.gmm import gaussian_mixture, gmm40, gmm_grid
from transjet.targets.many_well import many_well
from transjet.targets.many_well_pairs import many_well_pairs
from transjet.targets.registry import get, names
from transjet.targets.rings import rings
from transjet.targets.seeds import seeds
from transjet.targets.student import student10, student_mixture

__all__ = [
    "Target",
    "banana",
    "brownian",
    "brownian_known",
    "double_well",
    "eight_schools",
    "from_log_density",
    "funnel",
    "gaussian_mixture",
    "get",
    "gmm40",
    "gmm_grid",
    "many_well",
    "many_well_pairs",
    "names",
    "rings",
    "seeds",
    "student10",
    "student_mixture",
]
