"""Checks that every part of a configuration goes through."""

from __future__ import annotations

import math
import numbers
from dataclasses import fields
from typing import Any

from transjet.errors import ConfigError


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse a value that is not allowed."""
    if value not in allowed:
        raise ConfigError(f"{name}: expected one of {', '.join(allowed)}; got {value!r}")


def positive(name: str, value: float) -> None:
    """Refuse what is not positive and finite."""
    if not (math.isfinite(value) and value > 0):
        raise ConfigError(f"{name}: expected a positive number; got {value!r}")


def not_negative(name: str, value: float) -> None:
    """Refuse what is negative or not finite."""
    if not (math.isfinite(value) and value >= 0):
        raise ConfigError(f"{name}: expected 0 or more; got {value!r}")


def typed(name: str, kind: type, value: Any) -> Any:
    """The value as a `kind`; whole numbers serve as floats, NumPy's numbers as Python's."""
    number = {int: numbers.Integral, float: numbers.Real}.get(kind, kind)
    if (type(value) is bool) != (kind is bool) or not isinstance(value, number):
        raise ConfigError(f"{name}: expected {kind.__name__}; got {value!r}")
    return value if number is kind else kind(value)


def check_types(config: Any, prefix: str = "") -> None:
    """Every field has the type of its default."""
    for f in fields(config):
        object.__setattr__(config, f.name, typed(prefix + f.name, type(f.default), getattr(config, f.name)))
