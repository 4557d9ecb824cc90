"""Writes TOML, which the standard library only reads: dicts of text, numbers, booleans, lists and dicts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from transjet.errors import ConfigError

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}
_MUST_ESCAPE = re.compile('["\\\\\x00-\x1f\x7f]')


def to_toml(table: Mapping[str, Any]) -> str:
    """Return TOML 1.0 text that `tomllib.loads` turns back into the same dict.

    Args:
        table: str, bool, int, float (inf and nan too), list, tuple, numpy scalars, dicts and lists of dicts.

    Returns:
        The text; plain values first, then a `[table]` for each dict, a `[[table]]` for each dict in a list.

    Raises:
        ConfigError: a key is not text, or a value has no TOML form (None has none: leave the key out).
    """
    return "\n".join(_table_lines(table, ())).strip("\n") + "\n"


def _table_lines(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    for key, value in table.items():
        if not _is_table(value) and not _is_table_list(value):
            yield f"{_key(key, path)} = {_value(value, (*path, key))}"
    for key, value in table.items():
        inner = (*path, key)
        if _is_table(value):
            yield from _headed(value, inner, "\n[{}]")
        elif _is_table_list(value):
            for item in value:
                yield from _headed(item, inner, "\n[[{}]]")


def _headed(table: Mapping[str, Any], path: tuple[str, ...], heading: str) -> Iterator[str]:
    yield heading.format(".".join(_key(part, path[:i]) for i, part in enumerate(path)))
    yield from _table_lines(table, path)


def _value(value: Any, path: tuple[str, ...]) -> str:
    value = value.item() if isinstance(value, np.generic) else value
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return repr(value)
        case str():
            return _text(value, path)
        case Mapping():
            pairs = (f"{_key(k, path)} = {_value(v, (*path, k))}" for k, v in value.items())
            return "{" + ", ".join(pairs) + "}"
        case list() | tuple():
            return "[" + ", ".join(_value(item, path) for item in value) + "]"
    raise _error(path, "text, a number, a boolean, a list or a dict", type(value).__name__)


def _text(value: str, path: tuple[str, ...]) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _error(path, "text that UTF-8 can hold", repr(value)) from error
    return '"' + _MUST_ESCAPE.sub(lambda m: _ESCAPES.get(m[0], f"\\u{ord(m[0]):04x}"), value) + '"'


def _key(key: Any, path: tuple[str, ...]) -> str:
    if not isinstance(key, str):
        raise _error((*path, str(key)), "a key that is text", type(key).__name__)
    return key if _BARE_KEY.fullmatch(key) else _text(key, path)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_table_list(value: Any) -> bool:
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    return is_list and len(value) > 0 and all(_is_table(item) for item in value)


def _error(path: tuple[str, ...], expected: str, got: str) -> ConfigError:
    return ConfigError(
        f"config key {'.'.join(map(str, path)) or 'at the top'}: expected {expected}, got {got}; "
        "convert it, or leave the key out where there is no value"
    )
