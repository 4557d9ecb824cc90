"""Rows through the command line: resumed, refused with other settings, tables and what is written by hand."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from transjet import Sampler, cli
from transjet.cli import bench
from transjet.diagnostics import decide
from transjet.errors import ConfigError
from transjet.robust import END, Budget, Rows, run_method
from transjet.robust.page import page
from transjet.robust.rows import in_process
from transjet.robust.side_by_side import side_by_side
from transjet.targets import Draw, random

SMALL = ["--seconds", "0.01", "--samples", "64", "--set", "model.width=4", "--set", "model.depth=1", "--backend", "xla"]


def _words(folder: Path, *more: str) -> list[str]:
    return ["bench", "robust", "--out", str(folder), "--draws", "2", "--dims", "2", *SMALL, *more]


def _planted(index: int, core: int) -> dict[str, Any]:
    """The first row succeeds, the second one loses a mode and is trusted all the same."""
    passed = {"log_z": index == 0, "ess": True, "modes": index == 0, "moments": None}
    return {
        "passed": passed, "success": index == 0, "verdict": "trust", "verdict_reasons": [], "ess": 0.9,
        "log_z_error": 0.01 + 0.5 * index, "log_z_std_error": 0.01, "evaluations": 100, "seconds": 2.0,
    }  # fmt: skip


def test_rows_are_kept_resumed_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[int] = []

    def launch(index: int, core: int) -> dict[str, Any]:
        ran.append(index)
        return _planted(index, core) if len(ran) != 2 else {"error": "Interrupted", "success": False}

    monkeypatch.setattr(bench, "in_process", lambda words, limit: launch)
    assert cli.main(_words(tmp_path)) == 0
    assert "failed: Interrupted" in (tmp_path / "robust.md").read_text()
    with (tmp_path / "robust.md").open("a") as file:
        file.write("\nBy hand.\n")
    assert cli.main(_words(tmp_path)) == 0
    assert ran == [0, 1, 1]  # a row that failed is run again, another one is not
    text = (tmp_path / "robust.md").read_text()
    assert "| all | 1 of 2 (9 to 91 %) |" in text and "| trust | 2 | 1 of 2" in text
    assert text.endswith(END + "\n\nBy hand.\n") and text.count(END) == 1
    with (tmp_path / "rows.csv").open() as file:
        assert [row["modes"] for row in csv.DictReader(file)] == ["True", "False"]
    assert (tmp_path / "robust.png").stat().st_size > 1000


def test_rows_of_other_settings_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "in_process", lambda words, limit: _planted)
    assert cli.main(_words(tmp_path)) == 0
    assert cli.main(_words(tmp_path, "--held-out", "--label", "transjet-tuning")) == 2
    assert "held_out False instead of True" in capsys.readouterr().err


def test_the_words_of_a_row_say_the_same(tmp_path: Path) -> None:
    """The process of a row gets another command line: it must mean the same."""
    from transjet.cli.entry import _parser

    parsed = _parser().parse_args(_words(tmp_path, "--evaluations", "99", "--held-out"))
    again = _parser().parse_args(bench._again(parsed))
    assert bench._settings(again) == bench._settings(parsed)


def test_a_process_that_fails_leaves_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "transjet.robust.rows._CHILD", "import sys; sys.exit('first\\nno memory on %d ' + sys.argv[-1])"
    )
    row = in_process(["bench"], 600)(7, 0)
    assert row == {"error": "no memory on 0 7", "success": False}


def test_two_rows_are_trained_and_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def here(words: list[str], limit: float) -> Any:
        def launch(index: int, core: int) -> dict[str, Any]:
            arguments = cli.entry._parser().parse_args([*words, "--row", str(index)])
            return bench._row(arguments, bench._settings(arguments))

        return launch

    options = ("base.kind=gaussian", "method=pis", "path.steps=2", "path.batch=8", "score_samples=8")
    few = [word for option in options for word in ("--set", option)]
    monkeypatch.setattr(bench, "in_process", here)
    # What the verdict looks at has tests of its own and takes seconds of compilation.
    monkeypatch.setattr(Sampler, "verdict", lambda *_: decide({"n": 64.0, "ess": 0.01}))
    assert cli.main(_words(tmp_path, *few)) == 0
    rows = json.loads((tmp_path / "transjet-tuning.json").read_text())["rows"]
    assert len(rows) == 2 and {row["iterations"] for row in rows} == {1}
    for row in rows:
        assert row["evaluations"] == sum(row["evaluations_by"].values()) > 0
        assert row["verdict"] == "do not trust" and set(row["passed"].values()) & {False}


def test_rivals_need_evaluations_and_budgets_are_positive() -> None:
    with pytest.raises(ConfigError, match="number of evaluations"):
        run_method("smc", random("gaussian", 2, 1), Budget(1.0), lambda target: None, None)  # type: ignore
    with pytest.raises(ConfigError, match="positive"):
        Budget(0.0)


def test_a_page_without_verdicts_has_no_calibration(tmp_path: Path) -> None:
    rows = Rows(tmp_path / "nuts.json", bench.Settings("nuts", 1, False, (2,), 1.0, 10))
    passed = dict.fromkeys(("log_z", "ess", "modes", "moments"), True)
    row = {"family": "gaussian", "dim": 2, "seed": 1, "success": True, "passed": passed}
    rows.keep(Draw("gaussian", 2, 1), row)
    text = page([rows], ".", "robust.png")
    assert "caution" not in text and "at most 10 evaluations" in text


def _file(folder: Path, method: str, dims: tuple[int, ...], options: tuple[str, ...], rows: list[Any]) -> Rows:
    name = f"{method}-{dims[0]}-{len(options)}.json"
    file = Rows(folder / name, bench.Settings(method, 7, True, dims, 1.0, 10, options=options))
    for family, dim, met in rows:
        passed = dict(zip(("log_z", "ess", "modes", "moments"), met, strict=True))
        row = {"family": family, "dim": dim, "seed": 1, "passed": passed, "success": False not in met, "seconds": 3.0}
        file.keep(Draw(family, dim, 1), row | ({"log_z_error": -0.25} if method != "nuts" else {}))
    return file


def test_methods_on_the_same_draws_stand_side_by_side(tmp_path: Path) -> None:
    """The flow fails once by ESS, which NUTS is not asked for, and once by modes."""
    yes, no, none = True, False, None
    ours = [("wells", 5, (yes, no, yes, yes)), ("wells", 20, (yes, yes, yes, none)), ("chain", 5, (yes, yes, no, yes))]
    files = [
        _file(
            tmp_path, "nuts", (5, 20), (), [("wells", 5, (none, none, yes, no)), ("chain", 5, (none, none, yes, yes))]
        ),
        _file(tmp_path, "transjet", (5,), (), [ours[0], ours[2]]),
        _file(tmp_path, "transjet", (20,), (), [ours[1]]),
        _file(tmp_path, "transjet", (5,), ("base.kind=gaussian", "method=pis"), [ours[0]]),
    ]
    text = "\n".join(side_by_side(files))
    assert text.startswith("## Side by side: held-out draws of seed 7")
    for line in (
        "| | `transjet` | `pis` | `transjet`, modes and moments alone | `nuts`, modes and moments alone |",
        "| all | 1 of 3 | 0 of 1 | 2 of 3 | 1 of 2 |",
        "| d up to 10 | 0 of 2 | 0 of 1 | 1 of 2 | 1 of 2 |",
        "| d = 20 | 1 of 1 |  | 1 of 1 |  |",
        "| wells | 1 of 2 | 0 of 1 | 2 of 2 | 0 of 1 |",
        "| median error of log Z | 0.25 | 0.25 | 0.25 |  |",
        "| median CPU s | 3 | 3 | 3 | 3 |",
    ):
        assert line in text.splitlines()
    assert text in page(files, ".", "robust.png")
    assert not list(side_by_side(files[1:3])), "one method alone has nobody beside it"
