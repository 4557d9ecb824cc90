"""From a recipe, a TOML file and options to the configuration of a run."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transjet.config import RunConfig
from transjet.errors import ConfigError

RUN_TABLE = "run"  # of config.toml: target, seed and the like, which are no options
_FLAGS = ("samples", "dtype", "backend")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that change the configuration."""
    group = parser.add_argument_group("configuration", "the target's recipe, changed by these in this order")
    group.add_argument("--config", type=Path, metavar="FILE", help="TOML with any of the options in a config.toml")
    group.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="one option, such as model.width=32 or plan.0.iterations=50; may be repeated",
    )
    group.add_argument("--samples", type=int, metavar="N", help="samples to draw at the end")
    group.add_argument("--dtype", metavar="DTYPE", help="float32 or float64")
    group.add_argument("--backend", metavar="NAME", help="auto, or one that `transjet info` lists")


def configured(base: RunConfig, arguments: argparse.Namespace) -> RunConfig:
    """Overlay the options of a command line.

    Args:
        base: the target's recipe, or the configuration of the run to resume.
        arguments: with the options that `add_options` added.

    Returns:
        The configuration.

    Raises:
        ConfigError: an option is unknown, of the wrong type or out of range, or the file is not TOML.
    """
    config = base
    if arguments.config is not None:
        config = RunConfig.from_dict(_read(arguments.config), config)
    for setting in arguments.settings:
        config = _set(config, setting)
    flags = {name: getattr(arguments, name) for name in _FLAGS if getattr(arguments, name) is not None}
    return RunConfig.from_dict(flags, config)


def check_same(have: RunConfig, want: RunConfig, source: str) -> None:
    """Refuse a configuration that is not that of a run which is to go on.

    Args:
        have: of the run.
        want: asked for.
        source: where it was asked for, for the message.

    Raises:
        ConfigError: they differ; every option that does is named.
    """
    differences = list(_differences(have.to_dict(), want.to_dict(), ""))
    if differences:
        raise ConfigError(
            f"resume: expected the configuration that the run began with, {source} has {'; '.join(differences)}. "
            "Put it back as it was, or start another run in another folder"
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: expected a TOML file, got '{error.strerror}'; check the path") from error
    except ValueError as error:
        raise ConfigError(f"{path}: expected TOML, got: {error}; mend the file") from error
    table.pop(RUN_TABLE, None)
    return table


def _set(config: RunConfig, setting: str) -> RunConfig:
    key, equals, text = setting.partition("=")
    path = key.strip().split(".")
    if not equals or not all(path):
        raise ConfigError(f"--set: expected key=value, such as model.width=32; got {setting!r}")
    value = _value(text)
    if path[0] == "plan" and len(path) > 1:
        return RunConfig.from_dict({"plan": _phases(config, path, value)}, config)
    for part in reversed(path):
        value = {part: value}
    return RunConfig.from_dict(value, config)


def _value(text: str) -> Any:
    """A TOML value, or where it is none, the text itself: names need no quotes."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text.strip()
    return parsed["value"] if len(parsed) == 1 else text


def _phases(config: RunConfig, path: list[str], value: Any) -> list[dict[str, Any]]:
    last = len(config.plan) - 1
    if len(path) != 3 or not path[1].isdecimal() or int(path[1]) > last:
        phases = "0" if last == 0 else f"0 to {last}"
        raise ConfigError(
            f"--set {'.'.join(path)}: expected plan.PHASE.OPTION with PHASE {phases}, such as plan.0.iterations=50"
        )
    tables: list[dict[str, Any]] = [{} for _ in config.plan]
    tables[int(path[1])] = {path[2]: value}
    return tables


def _differences(have: Any, want: Any, prefix: str) -> Iterator[str]:
    if isinstance(have, dict):
        for name in have:
            yield from _differences(have[name], want[name], f"{prefix}.{name}" if prefix else name)
    elif isinstance(have, list) and len(have) == len(want):
        for index, pair in enumerate(zip(have, want, strict=True)):
            yield from _differences(*pair, f"{prefix}.{index}")
    elif isinstance(have, list):
        yield f"{prefix} with {len(want)} phases instead of {len(have)}"
    elif have != want:
        yield f"{prefix} = {want!r} instead of {have!r}"
