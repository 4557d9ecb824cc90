"""The training history: bitwise figures, torn rows, truncation for a resumed run."""

from __future__ import annotations

import math

import numpy as np
import pytest

from transjet.errors import ConfigError, OutputError
from transjet.io.history import HISTORY_COLUMNS, append_history, read_history, truncate_history


def row(i: int, **figures: float) -> dict[str, float]:
    rng = np.random.default_rng(i)
    return {"iteration": i, "loss": rng.exponential(), "residual_rms": rng.exponential() * 1e-9, **figures}


def test_figures_come_back_bit_for_bit(tmp_path):
    path = tmp_path / "new" / "history.csv"
    rows = [row(i, seconds=np.float32(i / 3), accepted=i % 2 == 0) for i in range(7)]
    append_history(path, rows[:3])
    append_history(path, [])
    append_history(path, iter(rows[3:]))
    history = read_history(path)
    assert tuple(history) == HISTORY_COLUMNS
    for name in ("iteration", "seconds", "loss", "residual_rms", "accepted"):
        np.testing.assert_array_equal(history[name], [float(r[name]) for r in rows])
        assert history[name].dtype == np.float64
    assert np.isnan(history["ess"]).all()


def test_extreme_figures(tmp_path):
    values = [math.nan, math.inf, -math.inf, -0.0, 1e308, 5e-324, 2.0**60, 1e22]
    append_history(tmp_path / "h.csv", [{"iteration": i, "loss": v} for i, v in enumerate(values)])
    np.testing.assert_array_equal(read_history(tmp_path / "h.csv")["loss"], values)


def test_a_missing_history_is_empty(tmp_path):
    history = read_history(tmp_path / "h.csv")
    assert tuple(history) == HISTORY_COLUMNS
    assert all(column.shape == (0,) for column in history.values())
    truncate_history(tmp_path / "h.csv", 3)
    assert not list(tmp_path.iterdir())


def test_every_torn_last_row_is_left_out_and_then_mended(tmp_path):
    path = tmp_path / "h.csv"
    append_history(path, [row(0), row(1)])
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        complete = max(sum(end <= length for end in ends) - 1, 0)
        assert len(read_history(path)["iteration"]) == complete
        append_history(path, [row(2)])
        history = read_history(path)
        np.testing.assert_array_equal(history["iteration"], [*[0, 1][:complete], 2])
        np.testing.assert_array_equal(history["loss"][-1], row(2)["loss"])


@pytest.mark.parametrize(
    ("iteration", "left"), [(-1, []), (0, [0]), (15, [0, 10]), (20, [0, 10, 20]), (99, [0, 10, 20])]
)
def test_truncate_keeps_what_a_resumed_run_has_done(tmp_path, iteration, left):
    path = tmp_path / "h.csv"
    append_history(path, [row(i) for i in (0, 10, 20)])
    before = read_history(path)
    truncate_history(path, iteration)
    after = read_history(path)
    np.testing.assert_array_equal(after["iteration"], left)
    np.testing.assert_array_equal(after["loss"], before["loss"][: len(left)])
    append_history(path, [row(30)])
    np.testing.assert_array_equal(read_history(path)["iteration"], [*left, 30])


def test_an_interrupted_and_resumed_history_is_that_of_an_unbroken_run(tmp_path):
    append_history(tmp_path / "unbroken.csv", [row(i) for i in range(9)])
    append_history(tmp_path / "resumed.csv", [row(i) for i in range(6)])
    truncate_history(tmp_path / "resumed.csv", 3)
    append_history(tmp_path / "resumed.csv", [row(i) for i in range(4, 9)])
    assert (tmp_path / "resumed.csv").read_bytes() == (tmp_path / "unbroken.csv").read_bytes()


@pytest.mark.parametrize(
    ("bad", "words"),
    [({"iteration": 1, "los": 1.0}, "got los;"), ({"loss": 1.0}, "got loss;"), ({}, "got nothing")],
)
def test_a_row_that_is_none_is_refused_and_nothing_is_written(tmp_path, bad, words):
    with pytest.raises(ConfigError, match=words):
        append_history(tmp_path / "h.csv", [row(0), bad])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["a,b\n1,2\n", ",".join(HISTORY_COLUMNS) + "\n1,2\n"])
def test_another_csv_file_is_refused_and_left_alone(tmp_path, text):
    path = tmp_path / "h.csv"
    path.write_text(text)
    for use in (read_history, lambda p: append_history(p, [row(1)]), lambda p: truncate_history(p, 0)):
        with pytest.raises(OutputError, match="expected a CSV file with the columns"):
            use(path)
    assert path.read_text() == text


def test_an_unwritable_place_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="can be appended to"):
        append_history(tmp_path / "file" / "h.csv", [row(0)])


def test_a_history_from_before_evaluations_were_counted_is_read_and_gone_on_with(tmp_path):
    path, old = tmp_path / "h.csv", HISTORY_COLUMNS[:10]
    path.write_text(",".join(old) + "\n1,0.5,2,3,1,0.001,1,nan,nan,nan\n")
    assert read_history(path)["loss"].tolist() == [2.0] and np.isnan(read_history(path)["evaluations"]).all()
    append_history(path, [row(2, evaluations=64.0)])
    assert path.read_text().startswith(",".join(HISTORY_COLUMNS) + "\n1,0.5,2,3,1,0.001,1,nan,nan,nan,nan,nan\n2,")
    np.testing.assert_array_equal(read_history(path)["evaluations"], [np.nan, 64.0])
    path.write_text(",".join(old) + "\n1,2\n")
    with pytest.raises(OutputError, match="a row of another length"):
        read_history(path)
