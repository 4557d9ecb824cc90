"""Training by a plan of phases: init, step, run."""

from transjet.train.balance import Balance
from transjet.train.evaluations import Costs, Evaluations, Spent, count, spend, stand_in, total
from transjet.train.plan import Phase, Stretch, locate, total_iterations
from transjet.train.run import Record, RunResult, Trains, run
from transjet.train.trainer import Trainer, TrainState

__all__ = [
    "Balance",
    "Costs",
    "Evaluations",
    "Phase",
    "Record",
    "RunResult",
    "Spent",
    "Stretch",
    "TrainState",
    "Trainer",
    "Trains",
    "count",
    "locate",
    "run",
    "spend",
    "stand_in",
    "total",
    "total_iterations",
]
