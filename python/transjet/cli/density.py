"""What to sample, in words that a file can hold: a target of the zoo, or a function in a user's own file."""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from transjet.errors import ConfigError, TargetError
from transjet.targets import Target, from_log_density, get

_FILE = re.compile(r"(?P<path>.+\.py)(?::(?P<function>\w+))?")
_FUNCTION = "log_density"


@dataclass(frozen=True)
class TargetSpec:
    """A target by name.

    Attributes:
        target: a name of the zoo, or `/absolute/path/file.py:function`.
        dim: coordinates, of a function alone.
        box: (lower, upper) of every coordinate, of a function alone.
        prior_std: standard deviation of the prior, of a function alone.
        sha256: of the file, so that a run does not go on with another density under the same name.
    """

    target: str
    dim: int | None = None
    box: tuple[float, float] | None = None
    prior_std: float | None = None
    sha256: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As TOML has it: what is None is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @staticmethod
    def from_dict(table: Mapping[str, Any]) -> TargetSpec:
        """Read back what `to_dict` gave."""
        values = {name: table[name] for name in TargetSpec.__dataclass_fields__ if name in table}
        if "box" in values:
            values["box"] = tuple(values["box"])
        return TargetSpec(**values)

    def load(self) -> Target:
        """Make the target.

        Raises:
            TargetError: there is no such target, the file has changed or fails, or the density does not behave.
            ConfigError: a function comes without its dimension.
        """
        match = _FILE.fullmatch(self.target)
        if match is None:
            return get(self.target)
        path, name = Path(match["path"]), match["function"]
        if self.dim is None:
            raise ConfigError(f"target {self.target}: expected the number of coordinates; give it by --dim")
        source = _read(path)
        if self.sha256 != _digest(source):
            raise TargetError(f"{path}: expected the file that the run began with; it has changed. Restore it")
        box = None if self.box is None else tuple([edge] * self.dim for edge in self.box)
        std = 1.0 if self.prior_std is None else self.prior_std
        function = _function(path, source, name)
        return from_log_density(function, self.dim, name=f"{path.name}:{name}", box=box, prior_std=std)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the target and the options about it."""
    parser.add_argument(
        "target",
        metavar="TARGET",
        nargs="?",
        help="a name that `transjet targets` lists, or file.py:function with a JAX function of one point (dim,) "
        f"that returns the log density; the function is {_FUNCTION} where none is named",
    )
    group = parser.add_argument_group("for a function in a file")
    group.add_argument("--dim", type=int, metavar="D", help="number of coordinates")
    group.add_argument("--box", metavar="LO,HI", help="bounds of every coordinate that hold nearly all mass")
    group.add_argument("--prior-std", type=float, metavar="S", help="standard deviation of the prior; 1 by default")


def spec_of(arguments: argparse.Namespace, without: TargetSpec | None = None) -> TargetSpec:
    """The target that a command line names.

    Args:
        arguments: with the options that `add_options` added.
        without: the target where none is named; None: it must be named.

    Returns:
        The target in words.

    Raises:
        ConfigError: none is named, or options do not fit it.
        TargetError: a file that cannot be read.
    """
    if arguments.target is None and without is None:
        raise ConfigError("run: expected a target, got none; name one, `transjet targets` lists what there is")
    match = _FILE.fullmatch(arguments.target or "")
    if match is None:
        _check_no_options(arguments)
        return TargetSpec(arguments.target) if arguments.target else without  # type: ignore[return-value]
    path = Path(match["path"]).absolute()
    name = f"{path}:{match['function'] or _FUNCTION}"
    box = None if arguments.box is None else _box(arguments.box)
    return TargetSpec(name, arguments.dim, box, arguments.prior_std, _digest(_read(path)))


def _check_no_options(arguments: argparse.Namespace) -> None:
    for option in ("dim", "box", "prior_std"):
        if getattr(arguments, option) is not None:
            raise ConfigError(
                f"--{option.replace('_', '-')}: expected the target file.py:function beside it, got "
                f"{arguments.target or 'no target'}; it is for functions in files alone"
            )


def _box(text: str) -> tuple[float, float]:
    try:
        lower, upper = (float(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"--box: expected two numbers such as -4,4; got {text!r}") from None
    return lower, upper


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TargetError(
            f"{path}: expected a readable Python file, got '{error.strerror}'; check the path before the colon"
        ) from error


def _digest(source: bytes) -> str:
    return hashlib.sha256(source).hexdigest()


def _function(path: Path, source: bytes, name: str) -> Any:
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    sys.path.insert(0, str(path.parent))  # as if Python ran the file: its neighbours can be imported
    try:
        exec(compile(source, path, "exec"), module.__dict__)
    except Exception as error:
        raise TargetError(f"{path}: running it failed: {type(error).__name__}: {error}; mend the file") from error
    finally:
        sys.path.remove(str(path.parent))
    if not callable(getattr(module, name, None)):
        raise TargetError(f"{path}: expected a function {name}; it has none. Name one as {path.name}:function")
    return getattr(module, name)
