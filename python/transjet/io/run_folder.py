"""The folder that a run writes: where each result lies, and how it is written and read."""

from __future__ import annotations

import json
import tomllib
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from transjet.errors import CheckpointError, ConfigError, DTypeError, OutputError, ShapeError
from transjet.io.atomic import check_writable, remove_temporaries, write_atomic
from transjet.io.history import append_history, read_history, truncate_history
from transjet.io.metrics_json import metrics_to_json
from transjet.io.rotation import CheckpointFolder
from transjet.io.toml_writer import to_toml

PICTURES = ("density.png", "marginals.png", "training.png", "modes.png")
_DAMAGE = (OSError, ValueError, KeyError, EOFError, NotImplementedError, TypeError, zipfile.BadZipFile, zlib.error)
_MARKER = ".transjet-run"
_MARKER_TEXT = b"This folder holds one transjet run.\n"


class Samples(NamedTuple):
    """Weighted samples of a target.

    Attributes:
        x: (n, dim) points.
        log_weights: (n,) log density of the target (unnormalised) minus `log_q`.
        log_q: (n,) log density under which the points were drawn.
    """

    x: np.ndarray
    log_weights: np.ndarray
    log_q: np.ndarray


class RunFolder:
    """One run on disk: `config.toml`, `metrics.json`, `samples.npz`, `history.csv`, `checkpoint/`, pictures.

    A run that starts from the base of a pilot has `base.npz` too.

    Every file is replaced atomically, the history is appended to; a kill at any instant leaves a folder that
    can be read and resumed.

    Attributes:
        path: the folder itself.
        config, base, metrics, evaluation, samples, history, checkpoint: paths of its parts.
    """

    def __init__(self, path: str | Path) -> None:
        """Name the parts of a run folder; touches nothing on disk."""
        self.path = Path(path)
        self.config = self.path / "config.toml"
        self.base = self.path / "base.npz"
        self.metrics = self.path / "metrics.json"
        self.evaluation = self.path / "eval.json"
        self.samples = self.path / "samples.npz"
        self.history = self.path / "history.csv"
        self.checkpoint = self.path / "checkpoint"

    @classmethod
    def create(cls, path: str | Path, *, overwrite: bool = False) -> RunFolder:
        """Make a run folder, or open one that is there, after proving that it can be written to.

        Args:
            path: the folder.
            overwrite: start over: remove the results of an earlier run (never any other file), and accept a
                folder that holds something else.

        Returns:
            The run folder; results of an earlier run are still in it unless overwrite was given.

        Raises:
            OutputError: it cannot be written to, or it holds something that is not a run.
        """
        run = cls(path)
        run.check(overwrite=overwrite)
        if overwrite:
            run._remove_results()
        write_atomic(run.path / _MARKER, lambda handle: handle.write(_MARKER_TEXT))
        return run

    def check(self, *, overwrite: bool = False) -> None:
        """Prove that the folder can take a run; makes it where it is missing, and removes no result.

        Args:
            overwrite: as for `create`.

        Raises:
            OutputError: as from `create`.
        """
        check_writable(self.path)
        remove_temporaries(self.path)
        if not overwrite and not self.is_run() and any(self.path.iterdir()):
            raise OutputError(
                f"the folder {self.path}: expected an empty folder or one of an earlier run, got one with "
                "other files; choose another, or ask to overwrite"
            )

    def is_run(self) -> bool:
        """Tell whether `create` made this folder."""
        return (self.path / _MARKER).is_file()

    def checkpoints(self, *, keep: int = 3) -> CheckpointFolder:
        """Return the folder of checkpoints, made where it is missing; see `CheckpointFolder`."""
        return CheckpointFolder(self.checkpoint, keep=keep)

    def write_config(self, config: Mapping[str, Any]) -> Path:
        """Write the options of the run as TOML; see `to_toml` for what it takes and raises."""
        text = to_toml(config).encode()
        return write_atomic(self.config, lambda handle: handle.write(text))

    def read_config(self) -> dict[str, Any]:
        """Return the options of the run.

        Raises:
            ConfigError: there is no config, or it is not TOML.
        """
        try:
            return tomllib.loads(self.config.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(
                f"{self.config}: expected the config of a run, got '{error.strerror}'; name a run's folder"
            ) from error
        except ValueError as error:
            raise ConfigError(f"{self.config}: expected TOML, got: {error}; mend the file") from error

    def write_base(self, arrays: Mapping[str, np.ndarray]) -> Path:
        """Write the base that a pilot found, as arrays of numbers by name; see `transjet.pilot.stored`.

        Returns:
            The path.

        Raises:
            DTypeError: something is no plain array, and would have to be pickled.
            OutputError: the file cannot be written.
        """
        for name, array in arrays.items():
            if array.dtype.hasobject:
                raise DTypeError(f"base: expected an array of numbers {name}; got {array.dtype}; convert it first")
        return write_atomic(self.base, lambda handle: np.savez(handle, **dict(arrays)))  # type: ignore[arg-type]

    def read_base(self) -> dict[str, np.ndarray]:
        """Return what `write_base` wrote.

        Raises:
            CheckpointError: there is none, or the file is damaged.
        """
        return _read_arrays(self.base, "the base that a run's pilot found")

    def write_metrics(self, metrics: Mapping[str, Any], path: Path | None = None) -> Path:
        """Write figures as strict JSON; see `metrics_to_json` for what becomes of NaN.

        Args:
            metrics: figures by name.
            path: where to, instead of `metrics`, for figures of other samples than the run's own.

        Returns:
            The path.
        """
        text = metrics_to_json(metrics).encode()
        return write_atomic(path or self.metrics, lambda handle: handle.write(text))

    def read_metrics(self) -> dict[str, Any]:
        """Return the figures of the run; those named in `nonfinite` are None.

        Raises:
            CheckpointError: there are none, or the file is damaged.
        """
        try:
            metrics: dict[str, Any] = json.loads(self.metrics.read_bytes())
        except (OSError, ValueError) as error:
            raise _unreadable(self.metrics, "the metrics of a run", error) from error
        return metrics

    def samples_of(self, seed: int) -> Path:
        """Return where further samples go, one file per seed."""
        return self.path / f"samples-seed-{seed}.npz"

    def write_samples(self, x: Any, log_weights: Any, log_q: Any, path: Path | None = None) -> Path:
        """Write weighted samples.

        Args:
            x: (n, dim) points.
            log_weights: (n,) log importance weights.
            log_q: (n,) log density of the sampler.
            path: where to, instead of `samples`.

        Returns:
            The path.

        Raises:
            ShapeError: the shapes do not fit together.
            OutputError: the file cannot be written.
        """
        samples = Samples(np.asarray(x), np.asarray(log_weights), np.asarray(log_q))
        n = samples.x.shape[:1]
        if samples.x.ndim != 2 or samples.log_weights.shape != n or samples.log_q.shape != n:
            raise ShapeError(
                "samples: expected x (n, dim), log_weights (n,) and log_q (n,), got "
                f"{samples.x.shape}, {samples.log_weights.shape} and {samples.log_q.shape}; check the arrays"
            )
        return write_atomic(path or self.samples, lambda handle: np.savez(handle, **samples._asdict()))

    def read_samples(self) -> Samples:
        """Return the weighted samples.

        Raises:
            CheckpointError: there are none, or the file is damaged.
        """
        arrays = _read_arrays(self.samples, "the samples of a run", Samples._fields)
        return Samples(**arrays)

    def append_history(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows to the history; see `transjet.io.history.append_history`."""
        append_history(self.history, rows)

    def read_history(self) -> dict[str, np.ndarray]:
        """Return the columns of the history; see `transjet.io.history.read_history`."""
        return read_history(self.history)

    def truncate_history(self, iteration: int) -> None:
        """Remove the history after an iteration; see `transjet.io.history.truncate_history`."""
        truncate_history(self.history, iteration)

    def _remove_results(self) -> None:
        parts = (self.config, self.base, self.metrics, self.evaluation, self.samples, self.history)
        many = (*self.checkpoint.glob("*.ckpt"), *self.path.glob("samples-seed-*.npz"))
        for path in (*parts, *many, *(self.path / name for name in PICTURES)):
            path.unlink(missing_ok=True)


def _read_arrays(path: Path, expected: str, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """Arrays of an npz file; names: those that must be there; None: all that are."""
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in (arrays.files if names is None else names)}
    except _DAMAGE as error:
        raise _unreadable(path, expected, error) from error


def _unreadable(path: Path, expected: str, error: Exception) -> CheckpointError:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return CheckpointError(f"{path}: expected {expected}, got: {reason}; name a run's folder, or rerun it")
