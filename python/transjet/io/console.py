"""What a run tells the terminal while it works: a live bar where one can be drawn, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import IO, TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress as RichBars


class Progress(Protocol):
    """Receiver of progress: `start`, any number of `update` and `message`, then `close`."""

    def start(self, total: int, description: str) -> None:
        """Begin a phase of `total` iterations; an earlier phase is over."""

    def update(self, iteration: int, **figures: float) -> None:
        """Say how many iterations of the phase are done, and the figures to show beside it."""

    def message(self, text: str) -> None:
        """Show a line of text, whatever the rate of updates."""

    def close(self) -> None:
        """End the display and show the last figures; may be called twice."""


class QuietProgress:
    """Shows nothing."""

    def start(self, total: int, description: str) -> None:
        """Ignore the phase."""

    def update(self, iteration: int, **figures: float) -> None:
        """Ignore the figures."""

    def message(self, text: str) -> None:
        """Ignore the text."""

    def close(self) -> None:
        """Do nothing."""


class PlainProgress:
    """Writes lines, at most one every `interval` seconds, and always the last one of a phase."""

    def __init__(
        self,
        stream: IO[str] | None = None,
        *,
        interval: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare the lines.

        Args:
            stream: where they go, the standard error by default.
            interval: seconds between two lines.
            clock: source of the time in seconds.
        """
        self._stream = stream or sys.stderr
        self._interval = interval
        self._clock = clock
        self._total, self._description = 0, ""
        self._began = self._printed = 0.0
        self._pending = ""

    def start(self, total: int, description: str) -> None:
        """Begin a phase of `total` iterations."""
        self._flush()
        self._total, self._description = total, description
        self._began = self._clock()
        self._printed = self._began - self._interval  # the first figures of a phase are shown at once

    def update(self, iteration: int, **figures: float) -> None:
        """Write a line, or keeps it for later where the last one is recent."""
        now = self._clock()
        self._pending = (
            f"{self._description} {iteration:>{len(str(self._total))}}/{self._total}"
            f"  {_duration(now - self._began)}  {format_figures(figures)}".rstrip()
        )
        if now - self._printed >= self._interval or iteration >= self._total:
            self._printed = now
            self._flush()

    def message(self, text: str) -> None:
        """Write the text on a line of its own."""
        self._write(text)

    def close(self) -> None:
        """Write the line kept back, if there is one."""
        self._flush()

    def _flush(self) -> None:
        if self._pending:
            self._write(self._pending)
            self._pending = ""

    def _write(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()


class RichProgress:
    """Draws a live bar with the rate, the time left and the figures; needs `rich`."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        """Prepare the bar.

        Args:
            stream: terminal to draw on, the standard error by default.
        """
        from rich.console import Console

        self._console = Console(file=stream or sys.stderr)
        self._bars: RichBars | None = None
        self._task: Any = None

    def start(self, total: int, description: str) -> None:
        """Draw the bar of a new phase under that of the earlier one."""
        if self._bars is None:
            self._bars = _rich_bars(self._console)
            self._bars.start()
        self._task = self._bars.add_task(description, total=total, figures="")

    def update(self, iteration: int, **figures: float) -> None:
        """Move the bar and show the figures."""
        if self._bars is not None:
            self._bars.update(self._task, completed=iteration, figures=format_figures(figures))

    def message(self, text: str) -> None:
        """Write the text above the bar."""
        self._console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        """Leave the bar as it is and give the terminal back."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None


def make_progress(*, quiet: bool = False, stream: IO[str] | None = None, interval: float = 10.0) -> Progress:
    """Return the display that fits: nothing if quiet, a bar on a terminal with `rich`, else plain lines.

    Args:
        quiet: show nothing.
        stream: where to write, the standard error by default: results on the standard output stay clean.
        interval: seconds between two plain lines.

    Returns:
        A `Progress`.
    """
    stream = stream or sys.stderr
    if quiet:
        return QuietProgress()
    if stream.isatty() and find_spec("rich") is not None:
        return RichProgress(stream)
    return PlainProgress(stream, interval=interval)


def format_figures(figures: dict[str, float]) -> str:
    """Return `loss 1.2e-03  ess 0.98`: four significant digits; NaN is shown as nan."""
    return "  ".join(f"{name} {value:.4g}" for name, value in figures.items())


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


def _rich_bars(console: Any) -> RichBars:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as RichBars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[figures]}", markup=False),
    )
    return RichBars(*columns, console=console, refresh_per_second=4)
