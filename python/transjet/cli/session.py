"""The training of one run: its history and checkpoints on disk, its progress on the terminal."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from transjet import __version__
from transjet.cli.checkpoints import read_checkpoint
from transjet.cli.keys import training_key
from transjet.cli.options import check_same
from transjet.cli.record import RunRecord
from transjet.diagnostics import Monitor
from transjet.errors import CheckpointError, ConfigError, TrainingError
from transjet.io import Progress, RunFolder, read_meta
from transjet.pilot.stored import digest
from transjet.sampler import Sampler
from transjet.train import Evaluations, Record, RunResult, Spent, Trainer, TrainState, locate, spend

_FLUSH_SECONDS = 5.0  # between writes of the history


class Session:
    """Trains, and leaves on disk at every moment all that resuming takes.

    Args:
        run: folder to write to.
        record: the run in words.
        sampler: of the record's target and configuration.
        progress: display.

    Attributes:
        run, record, sampler, progress: as given.
        state: where training stands.
        seconds: of training so far, those before a resume included.
        rejections: steps rejected so far, by name of the outcome.
        monitor: looks for failure signatures; None: not asked for.
        spent: evaluations of the target so far, by purpose.
    """

    def __init__(self, run: RunFolder, record: RunRecord, sampler: Sampler, progress: Progress) -> None:
        self.run, self.record, self.sampler, self.progress = run, record, sampler, progress
        self.state: TrainState = sampler.init(training_key(record.seed))
        self.seconds = 0.0
        self.rejections: dict[str, int] = {}
        self.spent: Spent = {}
        if sampler.base is not None:
            spend(self.spent, "pilot", Evaluations(sampler.base.evaluations, sampler.base.evaluations))
        if sampler.pilot is not None:
            spend(self.spent, "pilot", Evaluations(sampler.pilot.evaluations, sampler.pilot.evaluations))
        self.monitor: Monitor | None = None
        if record.config.monitor:
            self.monitor = Monitor(record.iterations, lambda finding: progress.message(f"warning: {finding}"))
        self._checkpoints, self._base = run.checkpoints(), digest(sampler.base)
        self._rows: list[dict[str, Any]] = []
        self._flushed = time.monotonic()
        self._phase = -1
        self._scores: dict[str, float] = {}
        self._remembered: dict[str, Any] | None = None

    def restore(self) -> None:
        """Go back to the last checkpoint; without one, to the beginning.

        Raises:
            CheckpointError: the last checkpoint cannot be read.
            ConfigError: it belongs to another run than the folder's config.toml, or lies past the end asked for.
        """
        path = self._checkpoints.latest()
        if path is not None:
            self._load(path)
        done, end = int(self.state.iteration), self.record.iterations
        if done > end:
            raise ConfigError(f"resume: expected at least the {done} iterations done already, got {end}")
        self.run.truncate_history(done)
        if self.monitor and self._remembered:
            self.monitor.restore(self._remembered, self._records())
        self.progress.message(f"resuming after iteration {done} of {end}")

    def train(self) -> RunResult:
        """Train up to the record's last iteration.

        Returns:
            How it ended; the state is in its last checkpoint too.

        Raises:
            TrainingError: training is given up; the message names the checkpoint of the last good state.
            OutputError: history or checkpoints cannot be written.
        """
        try:
            if self.record.iterations > int(self.state.iteration):
                self._begin_phase(int(self.state.iteration))
            result = self.sampler.run(
                self.state,
                iterations=self.record.iterations,
                on_record=self._on_record,
                on_checkpoint=self._on_checkpoint,
                on_scores=self._on_scores,
                seconds=self.seconds,
                rejections=self.rejections,
                spent=self.spent,
            )
        except TrainingError as error:
            raise TrainingError(f"{error}, kept in {self._checkpoints.latest()}") from error
        finally:
            self.progress.close()
        self.state = result.state
        return result

    def _load(self, path: Path) -> None:
        try:
            meta = read_meta(path)
            self._check_same_run(path, RunRecord.from_dict(meta["record"]))
            self.state = read_checkpoint(path, self.sampler)
        except CheckpointError as error:
            raise CheckpointError(f"{error}. Move {path.name} away to resume from the checkpoint before it") from error
        self.seconds, self.rejections = float(meta["seconds"]), dict(meta["rejections"])
        self._remembered = meta.get("monitor")
        self.spent = {purpose: Evaluations(**counts) for purpose, counts in meta.get("evaluations", {}).items()}

    def _records(self) -> list[Record]:
        """The history as the training loop gave it."""
        columns = self.run.read_history()
        rows = zip(*(columns[name] for name in Record._fields), strict=True)
        return [Record(int(row[0]), *map(float, row[1:])) for row in rows]  # type: ignore[arg-type]

    def _check_same_run(self, path: Path, then: RunRecord) -> None:
        if (then.spec, then.seed) != (self.record.spec, self.record.seed):
            raise ConfigError(
                f"resume: {path} is of {then.spec.target} with seed {then.seed}, config.toml of "
                f"{self.record.spec.target} with seed {self.record.seed}; put config.toml back as it was"
            )
        check_same(then.config, self.record.config, "config.toml")

    def _on_record(self, record: Record, _: str) -> None:
        self._rows.append(record._asdict())
        if time.monotonic() - self._flushed > _FLUSH_SECONDS:
            self._flush()
        self._show(record)
        if self.monitor:
            self.monitor.observe(record)

    def _on_scores(self, state: TrainState, record: Record, figures: dict[str, float]) -> None:
        trainer = self.sampler.trainer
        if self.monitor:
            residuals = trainer.residuals(state) if isinstance(trainer, Trainer) else {}
            spend(self.spent, "monitor", self.sampler.costs.monitored(trainer.plan, record.iteration - 1))
            self.monitor.score(record, figures | residuals)

    def _on_checkpoint(self, state: TrainState, seconds: float) -> None:
        self._flush()  # first, so that no checkpoint is ahead of the history
        self.seconds = seconds
        score = float(state.best_score)
        meta = {
            "transjet": __version__,
            "record": self.record.to_dict(),
            "base": self._base,
            "seconds": seconds,
            "rejections": self.rejections,
            "evaluations": {purpose: counts.to_dict() for purpose, counts in self.spent.items()},
            "monitor": self.monitor.remember() if self.monitor else None,
        }
        self._checkpoints.save(int(state.iteration), state, meta=meta, score=score if math.isfinite(score) else None)

    def _flush(self) -> None:
        if self._rows:
            self.run.append_history(self._rows)
        self._rows, self._flushed = [], time.monotonic()

    def _show(self, record: Record) -> None:
        done = self._begin_phase(record.iteration - 1) + 1
        if not math.isnan(record.ess):
            self._scores = {"ess": record.ess, "log Z": record.log_z}
        self.progress.update(done, loss=record.loss, **self._scores)

    def _begin_phase(self, iteration: int) -> int:
        """Announce the phase of the next step if it is a new one; the steps that it has taken."""
        plan = self.sampler.trainer.plan
        index, done = locate(plan, iteration)
        if index != self._phase:
            self._phase = index
            left = self.record.iterations - iteration + done
            last = index == len(plan) - 1  # which goes on for as long as was asked for
            self.progress.start(left if last else min(left, plan[index].iterations), plan[index].name)
        return done
