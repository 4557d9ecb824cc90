"""Where the residual is evaluated: distributions of collocation points."""

from transjet.collocation.adaptive import ResidualAdaptive
from transjet.collocation.fixed import GaussianCloud, UniformBox
from transjet.collocation.low_discrepancy import SobolBox
from transjet.collocation.mixture import Mixture
from transjet.collocation.pilot import Pilot, pilot_box
from transjet.collocation.points import Collocation, Drift, Flow, Points, WeightedPoints
from transjet.collocation.reverse import ReverseTrajectories
from transjet.collocation.sde import SdeTrajectories
from transjet.collocation.sliced import Sliced
from transjet.collocation.times import Times
from transjet.collocation.trajectories import Trajectories
from transjet.collocation.tube import GaussianTube

__all__ = [
    "Collocation",
    "Drift",
    "Flow",
    "GaussianCloud",
    "GaussianTube",
    "Mixture",
    "Pilot",
    "Points",
    "ResidualAdaptive",
    "ReverseTrajectories",
    "SdeTrajectories",
    "Sliced",
    "SobolBox",
    "Times",
    "Trajectories",
    "UniformBox",
    "WeightedPoints",
    "pilot_box",
]
