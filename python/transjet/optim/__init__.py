"""Optimisers of the mean squared residual: first order through optax, and the Gauss-Newton family."""

from transjet.optim.average import moving_average
from transjet.optim.base import Optimiser, Outcome, StepInfo, where
from transjet.optim.dual import DualGaussNewton, DualState
from transjet.optim.first_order import FirstOrder, adam
from transjet.optim.primal import PrimalGaussNewton
from transjet.optim.product import ProductFirstOrder, halves
from transjet.optim.solve import damped_solve

__all__ = [
    "DualGaussNewton",
    "DualState",
    "FirstOrder",
    "Optimiser",
    "Outcome",
    "PrimalGaussNewton",
    "ProductFirstOrder",
    "StepInfo",
    "adam",
    "damped_solve",
    "halves",
    "moving_average",
    "where",
]
