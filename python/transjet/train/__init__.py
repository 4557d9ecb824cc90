"""Training by a plan of phases: init, step, run."""

from transjet.train.balance import Balance
from transjet.train.plan import Phase, Stretch, locate, total_iterations
from transjet.train.run import Record, RunResult, Trains, run
from transjet.train.trainer import Trainer, TrainState

__all__ = [
    "Balance",
    "Phase",
    "Record",
    "RunResult",
    "Stretch",
    "TrainState",
    "Trainer",
    "Trains",
    "locate",
    "run",
    "total_iterations",
]
