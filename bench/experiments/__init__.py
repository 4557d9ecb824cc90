"""Experiments that answer questions about the method, each by one command; see `experiment.py` beside this folder."""

from experiments import page
from experiments.definitions import EXPERIMENTS

__all__ = ["EXPERIMENTS", "page"]
