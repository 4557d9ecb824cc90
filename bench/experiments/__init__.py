"""Experiments that answer questions about the method, each by one command; see `experiment.py` beside this folder."""

from experiments import page
from experiments.comparisons import ANNEALING, METHODS, STABILISERS, UNIQUE
from experiments.definitions import DECAY, DIMENSION, HEADLINE, NUMBER, OMEGA, OPTIMISERS, POINTS, UNTUNED
from experiments.robustness import ROBUSTNESS

EXPERIMENTS = {
    e.name: e
    for e in (
        DECAY, POINTS, OPTIMISERS, NUMBER, DIMENSION, ROBUSTNESS, OMEGA, ANNEALING, STABILISERS, UNIQUE, METHODS,
        UNTUNED, HEADLINE,
    )
}  # fmt: skip

__all__ = ["EXPERIMENTS", "page"]
