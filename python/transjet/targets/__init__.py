"""Densities to sample: the zoo of known targets, random ones, and targets made of a user's own log density."""

from transjet.targets.banana import banana
from transjet.targets.base import Target
from transjet.targets.brownian import brownian, brownian_known
from transjet.targets.cox import finnish_pines, log_gaussian_cox
from transjet.targets.custom import from_log_density
from transjet.targets.double_well import double_well
from transjet.targets.eight_schools import eight_schools
from transjet.targets.families import FAMILIES, HELD_OUT_SEEDS, TUNING_SEEDS, Draw, Family, draws, random
from transjet.targets.funnel import funnel
from transjet.targets.gmm import gaussian_mixture, gmm40, gmm_grid
from transjet.targets.lennard_jones import lennard_jones
from transjet.targets.linear import linear_regression
from transjet.targets.logistic import design_matrix, logistic_regression
from transjet.targets.logistic_data import breast_cancer, german_credit, ionosphere, sonar
from transjet.targets.many_well import many_well
from transjet.targets.many_well_pairs import many_well_pairs
from transjet.targets.phi4 import phi4
from transjet.targets.registry import Facts, facts, get, names
from transjet.targets.rings import rings
from transjet.targets.seeds import seeds
from transjet.targets.student import student10, student_mixture

__all__ = [
    "FAMILIES",
    "HELD_OUT_SEEDS",
    "TUNING_SEEDS",
    "Draw",
    "Facts",
    "Family",
    "Target",
    "banana",
    "breast_cancer",
    "brownian",
    "brownian_known",
    "design_matrix",
    "double_well",
    "draws",
    "eight_schools",
    "facts",
    "finnish_pines",
    "from_log_density",
    "funnel",
    "gaussian_mixture",
    "german_credit",
    "get",
    "gmm40",
    "gmm_grid",
    "ionosphere",
    "lennard_jones",
    "linear_regression",
    "log_gaussian_cox",
    "logistic_regression",
    "many_well",
    "many_well_pairs",
    "names",
    "phi4",
    "random",
    "rings",
    "seeds",
    "sonar",
    "student10",
    "student_mixture",
]
