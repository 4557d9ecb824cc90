"""The base of a pilot in a run folder: bit for bit, whole, and never pickled."""

from __future__ import annotations

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.errors import CheckpointError, DTypeError, OutputError
from transjet.io import RunFolder
from transjet.paths import MixturePrior
from transjet.pilot import Base, Chart
from transjet.pilot.chart import FEATURES
from transjet.pilot.stored import from_arrays, to_arrays

D, K, LAYERS = 3, 2, 2


def a_base(dtype=np.float32, dof=np.inf) -> Base:
    draw = np.random.default_rng(0).normal
    factors = draw(size=(K, D, D)).astype(dtype)
    weights = np.array([0, -np.inf], dtype)
    parts = (weights, draw(size=(K, D)).astype(dtype), factors, factors / 3, np.asarray(dof, dtype))
    figures = {"temperatures": 7, "ess_round_0": 0.1, "dof": float(dof)}
    prior = MixturePrior(*map(jnp.asarray, parts))
    shapes = (D,), (D, D), (FEATURES, D), (FEATURES, D), (2,), (4,)
    chart = Chart(*(draw(size=(LAYERS, *shape)) for shape in shapes))
    return Base(chart, prior, -1 / 3, 0.7, figures, 2**40)


def same(one, other) -> bool:
    """Whether two values agree in type and bits."""
    if isinstance(one, tuple):
        return type(one) is type(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, (np.ndarray, jax.Array)):
        kinds = isinstance(one, jax.Array) == isinstance(other, jax.Array)
        return kinds and one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("dof", [np.inf, 8.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_base_comes_back_bit_for_bit(tmp_path, dtype, dof):
    with jax.enable_x64(dtype == np.float64):
        base, run = a_base(dtype, dof), RunFolder.create(tmp_path)
        assert run.write_base(to_arrays(base)) == tmp_path / "base.npz"
        assert same(from_arrays(run.read_base(), D), base)
        assert from_arrays(run.read_base(), D).prior.means.dtype == dtype


def test_the_same_base_makes_the_same_file(tmp_path):
    paths = [RunFolder.create(tmp_path / name).write_base(to_arrays(a_base())) for name in "ab"]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_what_would_be_pickled_is_refused(tmp_path):
    run = RunFolder.create(tmp_path)
    with pytest.raises(DTypeError, match="an array of numbers log_z; got object"):
        run.write_base({"log_z": np.array([None])})
    assert not run.base.exists()
    np.savez(run.base, log_z=np.array([None]))
    with pytest.raises(CheckpointError, match="expected the base that a run's pilot found, got: Object arrays"):
        run.read_base()


def test_files_that_are_missing_cut_short_or_changed(tmp_path):
    run = RunFolder.create(tmp_path)
    with pytest.raises(CheckpointError, match=r"base\.npz: expected the base that a run's pilot found, got: No such"):
        run.read_base()
    data = run.write_base(to_arrays(a_base())).read_bytes()
    spots = range(0, len(data) - 1, 97)
    for damaged in [
        *(data[:n] for n in spots),
        b"text",
        data.replace(a_base().chart.shifts.tobytes(), bytes(8 * LAYERS * D)),
    ]:
        run.base.write_bytes(damaged)
        with pytest.raises(CheckpointError):
            run.read_base()
    with run.base.open("wb") as handle:
        np.save(handle, np.ones(3))
    with pytest.raises(CheckpointError):
        run.read_base()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("prior.dof", None, "expected numbers prior.dof with 0 axes; got none"),
        ("chart.factors", np.ones((2, 2, 2)), "expected chart.factors of shape (2, 3, 3); got (2, 2, 2)"),
        ("chart.factors", np.ones((1, D, D)), "expected chart.factors of shape (2, 3, 3); got (1, 3, 3)"),
        ("chart.means", np.ones((2, 6, D)), "expected chart.means of shape (2, 7, 3); got (2, 6, 3)"),
        ("chart.tails", np.ones((2, 3)), "expected chart.tails of shape (2, 4); got (2, 3)"),
        ("chart.log_scales", None, "expected numbers chart.log_scales with 3 axes; got none"),
        ("prior.means", np.zeros((3, D)), "expected prior.means of shape (2, 3); got (3, 3)"),
        ("prior.means", np.zeros((K, D), complex), "expected numbers prior.means with 2 axes; got complex128 of shape"),
        ("figures.dof", np.zeros(2), "expected one number figures.dof; got float64 of shape (2,)"),
    ],
)
def test_parts_that_do_not_fit_are_named(name, value, message):
    arrays = to_arrays(a_base()) | {name: value}
    if value is None:
        del arrays[name]
    with pytest.raises(CheckpointError) as error:
        from_arrays(arrays, D)
    assert message in str(error.value)


def test_starting_over_removes_it_and_a_failing_write_keeps_it(tmp_path, monkeypatch):
    run = RunFolder.create(tmp_path)
    run.write_base(to_arrays(a_base()))

    def fail(source, destination):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        with pytest.raises(OutputError, match="No space left"):
            run.write_base(to_arrays(a_base(dof=3.0)))
    assert same(from_arrays(run.read_base(), D), a_base())
    assert RunFolder.create(tmp_path).base.exists()
    assert not RunFolder.create(tmp_path, overwrite=True).base.exists()


def test_asking_whether_a_folder_takes_a_run_removes_no_result(tmp_path):
    run = RunFolder.create(tmp_path / "run")
    run.write_base(to_arrays(a_base()))
    run.check(overwrite=True)
    assert run.base.exists()
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="got one with other files"):
        RunFolder(tmp_path).check()
    RunFolder(tmp_path).check(overwrite=True)
    assert (tmp_path / "thesis.tex").exists()
