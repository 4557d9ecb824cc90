"""Every error that transjet raises on purpose.

A message names what was expected, what was got, and what to do about it. Each class also derives from the built-in
exception that a caller unaware of transjet would catch.
"""

from __future__ import annotations

from typing import Any


class TransjetError(Exception):
    """Base of all errors raised by transjet."""


class ShapeError(TransjetError, ValueError):
    """An array has the wrong rank or an axis of the wrong length."""


class DTypeError(TransjetError, TypeError):
    """An array has an unsupported dtype, or dtypes disagree."""


class BackendError(TransjetError, RuntimeError):
    """A backend was asked for by name and cannot run here, or the compiled core does not fit the running jaxlib."""


class ShardingError(TransjetError, ValueError):
    """An array is sharded in a way that an operation cannot follow."""


class ConfigError(TransjetError, ValueError):
    """An option is unknown, of the wrong type or out of range."""


class TargetError(TransjetError, ValueError):
    """A target is unknown, or its log density does not behave (wrong shape, wrong type, NaN)."""


class DataError(TransjetError, OSError):
    """A data file that a target is made of is missing, or is not what it should be."""


class CheckpointError(TransjetError, RuntimeError):
    """A checkpoint is missing, damaged, or written by an incompatible version."""


class OutputError(TransjetError, OSError):
    """A result cannot be written where it was asked for."""


class TrainingError(TransjetError, RuntimeError):
    """Training cannot go on; the last good state is kept.

    Args:
        *args: the message.
        state: the last good state, if there is one.

    Attributes:
        state: as given.
    """

    def __init__(self, *args: Any, state: Any = None) -> None:
        super().__init__(*args)
        self.state = state
