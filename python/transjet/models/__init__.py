"""Networks of (x, t) and their jets in physical coordinates."""

from transjet.models.factorised import Layers, is_factorised, plain_layers
from transjet.models.mlp import MLP
from transjet.models.time_features import TimeFeatures
from transjet.ops import ACTIVATIONS, BACKENDS, DivergenceJet, GradientJet, LaplacianJet

__all__ = [
    "ACTIVATIONS",
    "BACKENDS",
    "MLP",
    "DivergenceJet",
    "GradientJet",
    "LaplacianJet",
    "Layers",
    "TimeFeatures",
    "is_factorised",
    "plain_layers",
]
