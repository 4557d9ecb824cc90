"""Training by a plan of phases: init, step, run."""

from transjet.train.plan import Phase, locate, total_iterations
from transjet.train.run import Record, RunResult, run
from transjet.train.trainer import Trainer, TrainState

__all__ = ["Phase", "Record", "RunResult", "TrainState", "Trainer", "locate", "run", "total_iterations"]
