"""What a run tells the terminal."""

from __future__ import annotations

import io

import pytest

from transjet.io import PlainProgress, QuietProgress, RichProgress, console, make_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_plain_lines_come_at_most_every_interval():
    out, clock = io.StringIO(), Clock()
    progress = PlainProgress(out, interval=10, clock=clock)
    progress.start(50, "training")
    for i in range(1, 50):
        clock.now += 1
        progress.update(i, loss=1 / i)
    iterations = [int(line.split()[1].split("/")[0]) for line in out.getvalue().splitlines()]
    assert iterations == [1, 11, 21, 31, 41]


def test_the_last_figures_are_always_shown():
    out, clock = io.StringIO(), Clock()
    progress = PlainProgress(out, interval=10, clock=clock)
    progress.start(3, "training")
    progress.update(1, loss=3.0)
    clock.now += 3661
    progress.update(2, loss=2.0)
    progress.update(3, loss=0.00123456, ess=float("nan"))
    progress.start(5, "sampling")
    clock.now += 1
    progress.update(1)
    progress.update(2, ess=0.5)
    progress.close()
    progress.close()
    assert out.getvalue().splitlines() == [
        "training 1/3  00:00  loss 3",
        "training 2/3  1:01:01  loss 2",
        "training 3/3  1:01:01  loss 0.001235  ess nan",
        "sampling 1/5  00:01",
        "sampling 2/5  00:01  ess 0.5",
    ]


def test_a_message_is_shown_at_once():
    out = io.StringIO()
    progress = PlainProgress(out)
    progress.message("step rejected")
    assert out.getvalue() == "step rejected\n"


def test_quiet_shows_nothing(capsys):
    progress = make_progress(quiet=True)
    assert isinstance(progress, QuietProgress)
    progress.start(3, "training")
    progress.update(1, loss=1.0)
    progress.message("text")
    progress.close()
    assert capsys.readouterr() == ("", "")


def test_a_bar_is_drawn_on_a_terminal_only():
    pytest.importorskip("rich")
    assert isinstance(make_progress(stream=Terminal()), RichProgress)
    assert isinstance(make_progress(stream=io.StringIO()), PlainProgress)


def test_plain_lines_where_rich_is_missing(monkeypatch):
    monkeypatch.setattr(console, "find_spec", lambda name: None)
    assert isinstance(make_progress(stream=Terminal()), PlainProgress)


def test_lines_go_to_the_standard_error(capsys):
    progress = make_progress()
    progress.start(1, "training")
    progress.update(1, loss=2.0)
    progress.close()
    assert capsys.readouterr() == ("", "training 1/1  00:00  loss 2\n")


def test_the_bar_shows_figures_and_messages_as_they_are():
    pytest.importorskip("rich")
    out = Terminal()
    progress = RichProgress(out)
    progress.update(1)
    progress.start(4, "training")
    progress.update(2, loss=0.5)
    progress.message("checkpoint [bold]kept[/bold]")
    progress.start(3, "sampling")
    progress.update(3, ess=0.98)
    progress.close()
    progress.close()
    text = out.getvalue()
    for words in (
        "training",
        "2/4",
        "loss 0.5",
        "checkpoint [bold]kept[/bold]",
        "sampling",
        "3/3",
        "ess 0.98",
    ):
        assert words in text
