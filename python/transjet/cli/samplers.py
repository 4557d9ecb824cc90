"""Makes the sampler of a run, on the base that the run found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import jax

from transjet.cli.record import RunRecord
from transjet.errors import CheckpointError
from transjet.io import RunFolder
from transjet.pilot import Base
from transjet.pilot.stored import from_arrays, to_arrays
from transjet.sampler import Sampler


@contextmanager
def sampler_of(run: RunFolder, record: RunRecord, *, new: bool = False) -> Iterator[Sampler]:
    """The sampler of a run, within the precision of its configuration.

    Trained parameters go with one base alone, and a pilot need not find the same one on another machine: only a new
    run has its pilot look for one, all others read that from the folder.

    Args:
        run: folder of the run.
        record: of the run.
        new: whether the run only begins.

    Yields:
        The sampler.

    Raises:
        CheckpointError: the folder lacks the base that the configuration asks for, or it is damaged.
        ConfigError: options that do not fit the target.
        TargetError: there is no such target, or it does not behave.
    """
    target = record.spec.load()
    with jax.enable_x64(record.config.dtype == "float64"):
        stored = asks_for_base(record) and not new
        yield Sampler(target, record.config, _read_base(run, target.dim) if stored else None)


def asks_for_base(record: RunRecord) -> bool:
    """Whether a run starts from a base that a pilot finds."""
    return record.config.base.kind == "pilot"


def write_base(run: RunFolder, sampler: Sampler) -> None:
    """Keep the sampler's base in the folder of its run, if it has one.

    Raises:
        OutputError: it cannot be written.
    """
    if sampler.base is not None:
        run.write_base(to_arrays(sampler.base))


def _read_base(run: RunFolder, dim: int) -> Base:
    try:
        return from_arrays(run.read_base(), dim)
    except CheckpointError as error:
        raise CheckpointError(
            f"{error}. The parameters of this run fit the base that its pilot found alone: put {run.base} back as the "
            "run wrote it, or start over by `transjet run --overwrite`"
        ) from error
