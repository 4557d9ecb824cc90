"""The folder of checkpoints: which stay, which is best, what a resumed run sees."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest

from transjet.errors import CheckpointError, ConfigError, OutputError
from transjet.io import CheckpointFolder, load


def tree(i: int) -> dict[str, np.ndarray]:
    return {"x": np.full(3, float(i))}


def names(folder: CheckpointFolder) -> list[str]:
    return sorted(path.name for path in folder.folder.iterdir())


@pytest.mark.parametrize("keep", [1, 2, 5])
def test_keeps_the_last_few(tmp_path, keep):
    folder = CheckpointFolder(tmp_path / "c", keep=keep)
    for i in range(0, 80, 10):
        assert folder.save(i, tree(i), meta={}).name == f"iteration-{i:08d}.ckpt"
    assert names(folder) == [f"iteration-{i:08d}.ckpt" for i in range(80 - 10 * keep, 80, 10)]


def test_an_empty_folder_has_nothing_to_restore(tmp_path):
    folder = CheckpointFolder(tmp_path)
    assert folder.latest() is None
    assert folder.best() is None
    assert folder.best_score() == -math.inf
    assert folder.restore(tree(0)) is None


def test_restores_the_last_with_its_meta(tmp_path):
    folder = CheckpointFolder(tmp_path)
    folder.save(1, tree(1), meta={"phase": "adam"})
    folder.save(2, tree(2), meta={"phase": "newton"}, score=0.5)
    state, meta = folder.restore(tree(0))
    np.testing.assert_array_equal(state["x"], 2.0)
    assert meta == {"phase": "newton", "iteration": 2, "score": 0.5}


def test_best_outlives_the_rotation_and_ignores_what_is_not_finite(tmp_path):
    folder = CheckpointFolder(tmp_path, keep=1)
    for i, score in enumerate([math.nan, 0.2, 0.9, 0.9, math.inf, None, 0.5]):
        folder.save(i, tree(i), meta={}, score=score)
    assert folder.best_score() == 0.9
    state, meta = load(folder.best(), tree(0))
    np.testing.assert_array_equal(state["x"], 2.0)
    assert meta["iteration"] == 2
    assert names(folder) == ["best.ckpt", "iteration-00000006.ckpt"]


def test_a_resumed_run_goes_on_comparing_with_the_best(tmp_path):
    CheckpointFolder(tmp_path).save(1, tree(1), meta={}, score=0.9)
    again = CheckpointFolder(tmp_path)
    again.save(2, tree(2), meta={}, score=0.8)
    assert load(again.best(), tree(0))[1]["iteration"] == 1
    again.save(3, tree(3), meta={}, score=0.95)
    assert load(again.best(), tree(0))[1]["iteration"] == 3


def test_a_damaged_best_gives_way_to_the_next_good_one(tmp_path):
    folder = CheckpointFolder(tmp_path)
    folder.save(1, tree(1), meta={}, score=0.9)
    folder.best().write_bytes(b"damaged")
    folder.save(2, tree(2), meta={}, score=0.1)
    assert load(folder.best(), tree(0))[1]["iteration"] == 2


def test_resuming_from_an_earlier_one_gives_up_the_later_ones(tmp_path):
    folder = CheckpointFolder(tmp_path, keep=3)
    for i in (10, 20, 30):
        folder.save(i, tree(i), meta={})
    folder.latest().write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match=r"iteration-00000030\.ckpt is damaged.*iteration-00000020\.ckpt"):
        folder.restore(tree(0))
    folder.save(25, tree(25), meta={})
    assert names(folder) == [f"iteration-000000{i}.ckpt" for i in (10, 20, 25)]


def test_nothing_goes_before_the_new_one_is_there(tmp_path, monkeypatch):
    folder = CheckpointFolder(tmp_path, keep=1)
    folder.save(1, tree(1), meta={})

    def fail(source, destination):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OutputError, match="No space left"):
        folder.save(2, tree(2), meta={})
    assert names(folder) == ["iteration-00000001.ckpt"]


@pytest.mark.parametrize("keep", [0, -1])
def test_keep_below_one_is_refused(tmp_path, keep):
    with pytest.raises(ConfigError, match=f"expected at least 1, got {keep}"):
        CheckpointFolder(tmp_path, keep=keep)


def test_an_unwritable_folder_is_refused_at_once(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written to"):
        CheckpointFolder(tmp_path / "file" / "checkpoint")
