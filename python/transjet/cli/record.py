"""What a run folder says about its run, in `config.toml`: all that is needed to resume it or to sample from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transjet.cli.density import TargetSpec
from transjet.cli.options import RUN_TABLE
from transjet.config import RunConfig
from transjet.errors import ConfigError
from transjet.io import RunFolder

SEEDS = 2**31  # JAX's keys keep no more of a seed in a float32 program


@dataclass(frozen=True)
class RunRecord:
    """A run in words.

    Attributes:
        spec: what is sampled.
        seed: of which the run is a function.
        iterations: step at which training stops.
        config: how.

    Raises:
        ConfigError: a number out of range.
    """

    spec: TargetSpec
    seed: int
    iterations: int
    config: RunConfig

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if self.iterations < 1:
            raise ConfigError(f"iterations: expected at least 1; got {self.iterations}")

    def to_dict(self) -> dict[str, Any]:
        """The tables of `config.toml`."""
        run = {"seed": self.seed, "iterations": self.iterations, **self.spec.to_dict()}
        return {RUN_TABLE: run, **self.config.to_dict()}

    @staticmethod
    def from_dict(tables: Mapping[str, Any]) -> RunRecord:
        """Read back what `to_dict` gave.

        Raises:
            ConfigError: an entry is missing or does not fit.
        """
        options = dict(tables)
        run = options.pop(RUN_TABLE, None)
        try:
            spec = TargetSpec.from_dict(run)
            seed, iterations = int(run["seed"]), int(run["iterations"])
        except (TypeError, KeyError, ValueError) as error:
            raise ConfigError(
                f"config.toml: expected a table [{RUN_TABLE}] with target, seed and iterations, got {run!r}; "
                "restore it as the run wrote it"
            ) from error
        return RunRecord(spec, seed, iterations, RunConfig.from_dict(options))


def check_seed(seed: int) -> None:
    """Refuse a seed that would not give a key of its own.

    Raises:
        ConfigError: it is out of range.
    """
    if not 0 <= seed < SEEDS:
        raise ConfigError(f"seed: expected an integer from 0 to {SEEDS - 1}; got {seed}")


def open_run(path: str | Path) -> tuple[RunFolder, RunRecord]:
    """Open the folder of a run, for reading.

    Raises:
        ConfigError: it is no such folder, or its config.toml is damaged.
    """
    run = RunFolder(path)
    return run, RunRecord.from_dict(run.read_config())
