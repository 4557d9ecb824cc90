"""A folder of checkpoints: the last few iterations, and the best."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from transjet.errors import CheckpointError, ConfigError
from transjet.io.atomic import check_writable
from transjet.io.checkpoint import iteration_of, latest, load, numbered, read_meta, save

BEST = "best.ckpt"


class CheckpointFolder:
    """Keeps the last `keep` checkpoints of a run and the one with the highest score.

    Nothing is removed before what replaces it is safely on disk. The score of the best lies in its own meta
    data, so a resumed run goes on comparing with it.

    Attributes:
        folder: where the files are.
        keep: how many numbered checkpoints stay.
    """

    def __init__(self, folder: str | Path, *, keep: int = 3) -> None:
        """Make the folder and check that it can be written to.

        Args:
            folder: where the files go.
            keep: how many numbered checkpoints stay, at least 1.

        Raises:
            ConfigError: keep is below 1.
            OutputError: the folder cannot be written to.
        """
        if keep < 1:
            raise ConfigError(f"checkpoints to keep: expected at least 1, got {keep}; choose 1 or more")
        self.folder = check_writable(folder)
        self.keep = keep

    def save(self, iteration: int, tree: Any, *, meta: dict[str, Any], score: float | None = None) -> Path:
        """Write `iteration-<number>.ckpt`, remove what is too old, and update `best.ckpt`.

        Checkpoints of later iterations are removed too: after resuming from an earlier one they belong to a
        continuation that was given up.

        Args:
            iteration: non-negative number of the iteration.
            tree: what to keep.
            meta: JSON-able facts; `iteration` and `score` are added.
            score: higher is better; None or a value that is not finite is never the best.

        Returns:
            Path of the numbered checkpoint.

        Raises:
            OutputError: the folder cannot be written to; everything older is still there.
        """
        facts = {**meta, "iteration": int(iteration), "score": None if score is None else float(score)}
        path = save(self.folder / f"iteration-{iteration:08d}.ckpt", tree, meta=facts)
        if score is not None and math.isfinite(score) and score > self.best_score():
            save(self.folder / BEST, tree, meta=facts)
        self._prune(iteration)
        return path

    def latest(self) -> Path | None:
        """Return the checkpoint of the last iteration, or None."""
        return latest(self.folder)

    def best(self) -> Path | None:
        """Return the checkpoint with the highest score, or None where none has had one."""
        path = self.folder / BEST
        return path if path.exists() else None

    def best_score(self) -> float:
        """Return the highest score so far, -inf where there is none or its file is damaged."""
        try:
            return float(read_meta(self.folder / BEST)["score"])
        except CheckpointError:
            return -math.inf

    def restore(self, like: Any) -> tuple[Any, dict[str, Any]] | None:
        """Load the last checkpoint, or returns None where there is none.

        Args:
            like: pytree of the structure to load, see `transjet.io.load`.

        Returns:
            The tree and its meta data, or None.

        Raises:
            CheckpointError: the last checkpoint is damaged or does not fit `like`.
        """
        path = self.latest()
        return None if path is None else load(path, like)

    def _prune(self, iteration: int) -> None:
        paths = numbered(self.folder)
        current = [path for path in paths if iteration_of(path) <= iteration]
        for path in set(paths) - set(current[-self.keep :]):
            path.unlink(missing_ok=True)
