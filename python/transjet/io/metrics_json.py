"""Figures as strict JSON, in which NaN and infinity do not exist."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from transjet.errors import ConfigError

NONFINITE = "nonfinite"


def metrics_to_json(metrics: Mapping[str, Any]) -> str:
    """Return indented JSON text of nested figures.

    A number that is not finite becomes null, and its dotted path goes into the list `nonfinite`, so that it
    is reported and any JSON reader takes the file.

    Args:
        metrics: text, numbers, booleans, None, arrays, lists, dicts, NamedTuples and dataclasses, nested.

    Returns:
        The text.

    Raises:
        ConfigError: a value has no JSON form, a key is not text, or the key `nonfinite` is taken.
    """
    if NONFINITE in metrics:
        raise ConfigError(f"metrics: expected no key '{NONFINITE}', got one; rename it, transjet writes that key")
    nonfinite: list[str] = []
    plain = _plain(metrics, "", nonfinite)
    return json.dumps({**plain, NONFINITE: nonfinite}, indent=2, allow_nan=False) + "\n"


def _plain(value: Any, path: str, nonfinite: list[str]) -> Any:
    value = _unwrapped(value)
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            if math.isfinite(value):
                return value
            nonfinite.append(path)
            return None
        case Mapping():
            return {_text(k, path): _plain(v, f"{path}.{k}" if path else k, nonfinite) for k, v in value.items()}
        case list() | tuple():
            return [_plain(item, f"{path}[{i}]", nonfinite) for i, item in enumerate(value)]
    raise ConfigError(f"metrics {path}: expected numbers, text, lists or dicts, got {type(value).__name__}; convert it")


def _unwrapped(value: Any) -> Any:
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return value._asdict()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return np.asarray(value).tolist() if hasattr(value, "dtype") else value


def _text(key: Any, path: str) -> str:
    if isinstance(key, str):
        return key
    raise ConfigError(f"metrics {path}: expected keys that are text, got {key!r}; convert it first")
