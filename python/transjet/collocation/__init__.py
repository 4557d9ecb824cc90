"""Where the residual is evaluated: distributions of collocation points."""

from transjet.collocation.fixed import GaussianCloud, UniformBox
from transjet.collocation.mixture import Mixture
from transjet.collocation.points import Collocation, Drift, Points
from transjet.collocation.trajectories import Trajectories

__all__ = ["Collocation", "Drift", "GaussianCloud", "Mixture", "Points", "Trajectories", "UniformBox"]
