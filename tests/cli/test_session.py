"""Interrupting, killing and resuming a run; giving up; checkpoints that cannot be used."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from transjet.io import QuietProgress, RunFolder, container
from transjet.optim import Outcome, StepInfo
from transjet.sampler import Sampler
from transjet.train import Trainer

TIMINGS = {"seconds", "seconds_sampling"}
COUNTS = frozenset({"evaluations", "evaluations_monitor", "gradient_evaluations", "gradients"})


class Hook(QuietProgress):
    """Calls a function when a step is shown."""

    def __init__(self, at: int, function) -> None:
        self.at, self.function = at, function

    def update(self, iteration: int, **figures: float) -> None:
        if iteration == self.at:
            self.function()


@pytest.fixture
def hook(monkeypatch):
    """Have a function called at a step of the next run; without arguments, at none."""

    def install(at: int = -1, function=None) -> None:
        monkeypatch.setattr("transjet.cli.run.make_progress", lambda quiet: Hook(at, function))

    return install


def interrupt():
    raise KeyboardInterrupt


def equal_but_for_time(one: Path, other: Path, apart: frozenset[str] = frozenset()) -> None:
    """Compare all that two runs left behind, bit for bit, but for the time that they took and figures by name."""
    apart = apart | TIMINGS
    assert (one / "samples.npz").read_bytes() == (other / "samples.npz").read_bytes()
    assert (one / "config.toml").read_bytes() == (other / "config.toml").read_bytes()
    first, second = RunFolder(one), RunFolder(other)
    figures, others = first.read_metrics(), second.read_metrics()
    assert {k: v for k, v in figures.items() if k not in apart} == {k: v for k, v in others.items() if k not in apart}
    history, expected = first.read_history(), second.read_history()
    for name in set(history) - apart:
        np.testing.assert_array_equal(history[name], expected[name])
    name = "checkpoint/iteration-00000006.ckpt"
    assert payload(one / name) == payload(other / name)


def payload(path: Path) -> list[bytes]:
    return [leaf.raw.tobytes() for leaf in container.read_container(path).leaves]


@pytest.mark.parametrize("at", [1, 3, 4, 6])
def test_a_run_interrupted_and_resumed_is_the_run_never_interrupted(transjet, tiny, finished, hook, tmp_path, at):
    path = tmp_path / "run"
    hook(at, interrupt)
    stopped = transjet("run", "double-well", "--seed", 5, "--out", path, *tiny)
    assert stopped.code == 130
    assert stopped.err == f"interrupted; to go on: transjet run --resume --out {path}\n"
    assert RunFolder(path).read_history()["iteration"].tolist() == list(range(1, at + 1))
    assert RunFolder(path).checkpoints().latest().name == f"iteration-0000000{at}.ckpt"
    hook()
    assert transjet("run", "--resume", "--out", path, "--no-pictures").code == 0
    # Interrupted at a score, the monitor has not evaluated its residuals there.
    equal_but_for_time(path, finished, COUNTS if at in (3, 6) else frozenset())


@pytest.mark.parametrize("at", [1, 2, 5])
def test_a_run_killed_and_resumed_is_the_run_never_killed(transjet, tiny, finished, hook, tmp_path, at):
    path, copy = tmp_path / "run", tmp_path / "copy"
    hook(at, lambda: shutil.copytree(path, copy))
    assert transjet("run", "double-well", "--seed", 5, "--out", path, "--no-pictures", *tiny).code == 0
    assert len(list((copy / "checkpoint").glob("iter*"))) == (at - 1) // 2
    hook()
    assert transjet("run", "double-well", "--seed", 5, "--resume", "--out", copy, *tiny).code == 0
    equal_but_for_time(copy, finished)


def test_reasons_of_rejected_steps_survive_an_interruption(transjet, tiny, hook, tmp_path, monkeypatch):
    def step(self, state):
        return reject(state, Outcome.NO_DESCENT if int(state.iteration) % 3 else Outcome.NONFINITE_RESIDUAL)

    monkeypatch.setattr(Trainer, "step", step)
    hook(4, interrupt)
    assert transjet("run", "double-well", "--out", tmp_path / "run", *tiny).code == 130
    hook()
    assert transjet("run", "--resume", "--out", tmp_path / "run", "--no-pictures").code == 0
    figures = RunFolder(tmp_path / "run").read_metrics()
    assert (figures["rejected"], figures["rejected_no_descent"], figures["rejected_nonfinite_residual"]) == (6, 4, 2)


def reject(state, outcome):
    one = jnp.ones((), jnp.int32)
    new = state._replace(iteration=state.iteration + one, rejected=state.rejected + one, streak=state.streak + one)
    figures = dict.fromkeys(StepInfo._fields, jnp.zeros(()))
    return new, StepInfo(**figures | {"loss": jnp.inf, "outcome": jnp.asarray(int(outcome))})


def test_training_that_is_given_up_keeps_its_state_and_says_where(transjet, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(Trainer, "step", lambda self, state: reject(state, Outcome.NONFINITE_RESIDUAL))
    path = tmp_path / "run"
    outcome = transjet("run", "double-well", "--out", path, *tiny, "--set", "plan.0.iterations=99")
    assert outcome.code == 2 and "error: training: expected steps that lower the loss" in outcome.err
    assert f"kept in {path}/checkpoint/iteration-00000025.ckpt" in outcome.err
    assert "Traceback" not in outcome.err and (path / "checkpoint" / "iteration-00000025.ckpt").exists()
    assert len(RunFolder(path).read_history()["iteration"]) == 25


def test_interrupted_while_sampling(transjet, tiny, finished, tmp_path, monkeypatch):
    path = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(Sampler, "sample", lambda *_: interrupt())
        stopped = transjet("run", "double-well", "--seed", 5, "--out", path, "--quiet", *tiny)
    assert stopped.code == 130 and "--resume" in stopped.err
    monkeypatch.setattr(Trainer, "step", lambda *_: pytest.fail("it was trained already"))
    assert transjet("run", "--resume", "--out", path, "--quiet", "--no-pictures").code == 0
    equal_but_for_time(path, finished)


def test_training_can_be_prolonged_up_to_any_iteration(transjet, tiny, finished, tmp_path):
    path, words = tmp_path / "run", ["--quiet", "--no-pictures"]
    assert transjet("run", "double-well", "--seed", 5, "--out", path, "--iterations", 3, *words, *tiny).code == 0
    assert RunFolder(path).read_metrics()["iterations"] == 3
    assert transjet("run", "--resume", "--out", path, "--iterations", 6, *words).code == 0
    equal_but_for_time(path, finished)
    back = transjet("run", "--resume", "--out", path, "--iterations", 5)
    assert back.code == 2 and "expected at least the 6 iterations done already, got 5" in back.err
    assert RunFolder(path).read_config()["run"]["iterations"] == 6


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "model.width=16"], "the command line has model.width = 16 instead of 8"),
        (
            ["--samples", "7", "--dtype", "float64"],
            "dtype = 'float64' instead of 'float32'; samples = 7",
        ),
        (["--set", "plan=[{}, {}]"], "plan with 2 phases instead of 1"),
        (["--set", "plan.0.iterations=9"], "plan.0.iterations = 9 instead of 6"),
        (["--seed", "6"], "expected seed 5, got 6"),
        (["gmm-grid"], "expected the target that the run began with"),
        (["--box", "-1,1"], "--box: expected the target file.py:function beside it, got no target"),
        (["--set", "model.size=16"], "unknown option model.size"),
    ],
)
def test_options_that_contradict_the_run_are_refused(transjet, finished, words, message):
    before = (finished / "config.toml").read_bytes()
    outcome = transjet("run", "--resume", "--out", finished, *words)
    assert outcome.code == 2 and message in outcome.err
    assert (finished / "config.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("sigma = 1.0", "sigma = 2.0", "config.toml has sigma = 2.0 instead of 1.0"),
        ("seed = 5", "seed = 6", "is of double-well with seed 5, config.toml of double-well with seed 6"),
        ("width = 8", "width = 9", "config.toml has model.width = 9 instead of 8"),
        ("seed = 5", "seed = 'five'", "expected a table [run] with target, seed and iterations"),
        ("[run]", "[ran]", "expected a table [run]"),
        ("sigma", "sgima", "unknown option sgima; did you mean sigma?"),
    ],
)
def test_an_edited_config_is_refused(transjet, finished, old, new, message):
    path = finished / "config.toml"
    path.write_text(path.read_text().replace(old, new))
    outcome = transjet("run", "--resume", "--out", finished)
    assert outcome.code == 2 and message in outcome.err


def test_there_must_be_something_to_resume(transjet, tmp_path):
    outcome = transjet("run", "--resume", "--out", tmp_path / "nothing")
    assert outcome.code == 2 and "expected the config of a run" in outcome.err
    assert not (tmp_path / "nothing").exists()


def test_resume_and_overwrite_exclude_each_other(transjet, tmp_path, capsys):
    with pytest.raises(SystemExit) as exit_:
        transjet("run", "--resume", "--overwrite", "--out", tmp_path)
    assert exit_.value.code == 2 and "not allowed with" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_serves(transjet, finished, finished_once):
    last = finished / "checkpoint" / "iteration-00000006.ckpt"
    data = bytearray(last.read_bytes())
    data[-3] ^= 1
    last.write_bytes(data)
    outcome = transjet("run", "--resume", "--out", finished)
    assert outcome.code == 2
    assert f"checkpoint {last} is damaged" in outcome.err and "Move iteration-00000006.ckpt away" in outcome.err
    last.unlink()
    assert transjet("run", "--resume", "--out", finished, "--quiet", "--no-pictures").code == 0
    equal_but_for_time(finished, finished_once)


@pytest.mark.parametrize("words", [["run", "--resume", "--out"], ["sample"], ["eval"]])
def test_a_checkpoint_of_an_older_version_is_refused(transjet, finished, monkeypatch, words):
    monkeypatch.setattr(container, "FORMAT_VERSION", 2)
    outcome = transjet(*words, finished)
    assert outcome.code == 2 and "another format version: expected 2, got 1; load it with" in outcome.err


def test_control_c_in_a_process_of_its_own(transjet, tiny, programs, tmp_path):
    path = tmp_path / "a run"
    # A shell starts what it puts in the background with SIGINT ignored, and children inherit that.
    program = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    program += "from transjet.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "run", "double-well", "--out", str(path), "--quiet", *tiny]
    command += ["--iterations", "100000", "--set", "score_every=100000"]
    environment = os.environ | {
        "JAX_COMPILATION_CACHE_DIR": str(programs),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(path.glob("checkpoint/iteration-*")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    try:
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()  # does nothing to a process that has ended
    assert process.returncode == 130
    assert err == f"interrupted; to go on: transjet run --resume --out '{path}'\n"
    done = int(RunFolder(path).read_history()["iteration"][-1])
    last = RunFolder(path).checkpoints().latest()
    assert last.name == f"iteration-{done:08d}.ckpt" and 0 < done < 100000
    assert container.read_container(last).meta["iteration"] == done
