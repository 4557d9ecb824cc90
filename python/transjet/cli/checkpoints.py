"""Reads the checkpoints of a run back into training states."""

from __future__ import annotations

from pathlib import Path

import jax

from transjet.cli.keys import training_key
from transjet.errors import CheckpointError, ConfigError
from transjet.io import RunFolder, latest, load
from transjet.io.rotation import BEST
from transjet.pilot.stored import digest
from transjet.sampler import Sampler
from transjet.train import TrainState

CHOICES = ("best", "latest")


def read_checkpoint(path: Path, sampler: Sampler) -> TrainState:
    """Load one checkpoint.

    Returns:
        The state, bit for bit.

    Raises:
        CheckpointError: it is missing, damaged, or of another version or configuration.
        ConfigError: it was trained on another base.
    """
    like = jax.eval_shape(sampler.init, training_key(0))
    state: TrainState
    state, meta = load(path, like)
    if "base" in meta and meta["base"] != digest(sampler.base):  # older versions do not tell
        raise ConfigError(
            f"{path}: expected parameters trained on the base in base.npz, got those of another base; "
            "put base.npz back as the run wrote it, or start over by `transjet run --overwrite`"
        )
    return state


def read_for_sampling(run: RunFolder, sampler: Sampler, which: str) -> TrainState:
    """Load the state whose `best_params` are to be sampled with.

    Args:
        run: folder of the run.
        sampler: of the same configuration.
        which: "best": the parameters with the highest score; "latest": those of the last step, whatever their score.

    Returns:
        The state.

    Raises:
        CheckpointError: there is no such checkpoint, or it cannot be read.
    """
    path = run.checkpoint / BEST if which == "best" else latest(run.checkpoint)
    if path is None or not path.exists():
        raise CheckpointError(
            f"{run.checkpoint}: expected a {which} checkpoint, got none; "
            + ("train to the first score, or use --checkpoint latest" if which == "best" else "train first")
        )
    state = read_checkpoint(path, sampler)
    return state if which == "best" else state._replace(best_params=state.params)
