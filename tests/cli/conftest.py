"""Tiny runs, made once and copied, and compiled programs that are shared between runs."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

from transjet.cli import main

OPTIONS = (
    "model.width=8", "model.depth=2", "plan.0.points=64", "plan.0.iterations=6", "samples=256", "base.kind=gaussian",
    "transport_steps=20", "score_samples=64", "score_every=3", "checkpoint_every=2", "verdict=false",
)  # fmt: skip
# A pilot that takes a second or two, most of them for compiling.
PILOT = (
    "base.kind=pilot", "base.population=256", "base.particles=256", "base.moves=2", "base.components=2",
    "base.rounds=1", "base.climbers=16", "base.climb=5", "base.trial=0", "plan.0.collocation=trajectories",
)  # fmt: skip
TINY = [word for option in OPTIONS for word in ("--set", option)]

PILOTED = [*TINY, *(word for option in PILOT for word in ("--set", option))]


class Outcome(NamedTuple):
    """What a command returned and wrote."""

    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


@contextlib.contextmanager
def shared_programs(folder: Path) -> Iterator[None]:
    """Keep compiled programs on disk, as most runs of these tests compile the same ones."""
    values = {"jax_compilation_cache_dir": str(folder), "jax_persistent_cache_min_compile_time_secs": 0.0}
    before = {name: jax.config.values[name] for name in values}
    for name, value in values.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("programs")


@pytest.fixture(autouse=True)
def _shared_programs(programs: Path) -> Iterator[None]:
    with shared_programs(programs):
        yield


@pytest.fixture(scope="session")
def tiny() -> list[str]:
    """Options of a run that takes a second."""
    return TINY


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory: pytest.TempPathFactory, programs: Path) -> Path:
    path = tmp_path_factory.mktemp("finished") / "run"
    with shared_programs(programs), jax.numpy_dtype_promotion("standard"):
        assert main(["run", "double-well", "--seed", "5", "--out", str(path), "--quiet", *TINY]) == 0
    return path


@pytest.fixture
def finished(finished_once: Path, tmp_path: Path) -> Path:
    """The folder of a finished run of the double well with seed 5, to do anything to."""
    return Path(shutil.copytree(finished_once, tmp_path / "finished"))


@pytest.fixture(scope="session")
def piloted_once(tmp_path_factory: pytest.TempPathFactory, programs: Path) -> Path:
    path = tmp_path_factory.mktemp("piloted") / "run"
    with shared_programs(programs), jax.numpy_dtype_promotion("standard"):
        assert main(["run", "double-well", "--out", str(path), "--quiet", "--no-pictures", *PILOTED]) == 0
    return path


@pytest.fixture
def piloted(piloted_once: Path, tmp_path: Path) -> Path:
    """The folder of a finished run of the double well that starts from the base of a pilot, to do anything to."""
    return Path(shutil.copytree(piloted_once, tmp_path / "piloted"))


@pytest.fixture(scope="session")
def with_pilot() -> list[str]:
    """Options of a run with a pilot that takes seconds."""
    return PILOTED


@pytest.fixture
def transjet(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command line in this process."""

    def command(*words: object) -> Outcome:
        capsys.readouterr()
        code = main([str(word) for word in words])
        return Outcome(code, *capsys.readouterr())

    return command
