"""What to sample, in words that a file can hold: a target of the zoo, or a function in a user's own file or module."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from transjet.errors import ConfigError, TargetError
from transjet.targets import Target, from_log_density, get

_FILE = re.compile(r"(?P<path>.+\.py)(?::(?P<function>\w+))?")
_MODULE = re.compile(r"(?!random:)(?P<module>[^\W\d]\w*(?:\.[^\W\d]\w*)*):(?P<function>\w+)")
_FUNCTION = "log_density"


@dataclass(frozen=True)
class TargetSpec:
    """A target by name.

    Attributes:
        target: a name of the zoo, `/absolute/path/file.py:function`, or `module:function` to import.
        dim: coordinates, of a function alone.
        box: (lower, upper) of every coordinate, of a function alone.
        prior_std: standard deviation of the prior, of a function alone.
        sha256: of the file, so that a run does not go on with another density under the same name.
        folder: that the module was imported from, where it is none that Python searches anyway.
    """

    target: str
    dim: int | None = None
    box: tuple[float, float] | None = None
    prior_std: float | None = None
    sha256: str | None = None
    folder: str | None = None

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
        file, module = _FILE.fullmatch(self.target), _MODULE.fullmatch(self.target)
        if file is None and module is None:
            return get(self.target)
        if self.dim is None:
            raise ConfigError(f"target {self.target}: expected the number of coordinates; give it by --dim")
        box = None if self.box is None else tuple([edge] * self.dim for edge in self.box)
        std = 1.0 if self.prior_std is None else self.prior_std
        function, name = self._of_file(file) if file else self._of_module(module)
        return from_log_density(function, self.dim, name=name, box=box, prior_std=std)

    def _of_file(self, match: re.Match[str]) -> tuple[Any, str]:
        """The function and its short name."""
        path, name = Path(match["path"]), match["function"]
        source = _read(path)
        self._check_same(path, source)
        return _function(path, source, name), f"{path.name}:{name}"

    def _of_module(self, match: Any) -> tuple[Any, str]:
        module = _imported(match["module"], self.folder)
        path = _file_of(module)
        if path is not None:
            self._check_same(path, _read(path))
        if not callable(getattr(module, match["function"], None)):
            raise TargetError(f"{match['module']}: expected a function {match['function']}; it has none")
        return getattr(module, match["function"]), self.target

    def _check_same(self, path: Path, source: bytes) -> None:
        if self.sha256 != _digest(source):
            raise TargetError(f"{path}: expected the file that the run began with; it has changed. Restore it")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the target and the options about it."""
    parser.add_argument(
        "target",
        metavar="TARGET",
        nargs="?",
        help="a name that `transjet targets` lists, or file.py:function or module:function with a JAX function of one "
        f"point (dim,) that returns the log density; that of a file is {_FUNCTION} where none is named",
    )
    group = parser.add_argument_group("for a function in a file or module")
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
    words = arguments.target or ""
    file, module = _FILE.fullmatch(words), _MODULE.fullmatch(words)
    if file is None and module is None:
        _check_no_options(arguments)
        return TargetSpec(arguments.target) if arguments.target else without  # type: ignore[return-value]
    box = None if arguments.box is None else _box(arguments.box)
    if file is not None:
        path = Path(file["path"]).absolute()
        name = f"{path}:{file['function'] or _FUNCTION}"
        return TargetSpec(name, arguments.dim, box, arguments.prior_std, _digest(_read(path)))
    assert module is not None
    here = str(Path.cwd())
    source = _file_of(_imported(module["module"], here))
    digest = None if source is None else _digest(_read(source))
    folder = here if source is not None and source.is_relative_to(here) else None
    return TargetSpec(words, arguments.dim, box, arguments.prior_std, digest, folder)


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
    with _searched(str(path.parent)):  # as if Python ran the file: its neighbours can be imported
        try:
            exec(compile(source, path, "exec"), module.__dict__)
        except Exception as error:
            raise TargetError(f"{path}: running it failed: {type(error).__name__}: {error}; mend the file") from error
    if not callable(getattr(module, name, None)):
        raise TargetError(f"{path}: expected a function {name}; it has none. Name one as {path.name}:function")
    return getattr(module, name)


@contextlib.contextmanager
def _searched(folder: str | None) -> Iterator[None]:
    """Let Python search a folder for modules, before all others."""
    if folder is None:
        yield
        return
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _imported(name: str, folder: str | None) -> ModuleType:
    """A module by name, from a folder or from where Python searches."""
    with _searched(folder):
        try:
            return importlib.import_module(name)
        except Exception as error:
            raise TargetError(
                f"{name}: importing it failed: {type(error).__name__}: {error}; expected a module in this folder or "
                "among the installed ones"
            ) from error


def _file_of(module: ModuleType) -> Path | None:
    """The file of a module that is written in Python."""
    file = getattr(module, "__file__", None)
    return Path(file) if file and file.endswith(".py") else None
