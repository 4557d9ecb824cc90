"""Losses on simulated paths, and the methods of the literature that they train: PIS, DIS, DDS, CMCD, DBS."""

from transjet.path_losses.losses import (
    LOSSES,
    kl,
    log_variance,
    path_loss,
    second_moment,
    sub_trajectory_balance,
)
from transjet.path_losses.methods import DEFAULT_LOSSES, METHODS, cmcd, dbs, dds, dis, path_process, pis
from transjet.path_losses.parts import Parts
from transjet.path_losses.process import (
    Kernel,
    Network,
    PathProcess,
    Paths,
    log_derivative,
    log_kernel,
    sample_paths,
    simulate,
)
from transjet.path_losses.trainer import PathPhase, PathTrainer

__all__ = [
    "DEFAULT_LOSSES",
    "LOSSES",
    "METHODS",
    "Kernel",
    "Network",
    "Parts",
    "PathPhase",
    "PathProcess",
    "PathTrainer",
    "Paths",
    "cmcd",
    "dbs",
    "dds",
    "dis",
    "kl",
    "log_derivative",
    "log_kernel",
    "log_variance",
    "path_loss",
    "path_process",
    "pis",
    "sample_paths",
    "second_moment",
    "simulate",
    "sub_trajectory_balance",
]
