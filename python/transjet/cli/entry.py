"""Where a command line enters: parses it, runs the command, and turns what goes wrong into an exit code."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence

from transjet import __version__
from transjet.cli import bench, evaluate, info, run, sample, targets, tune
from transjet.errors import TransjetError

FAILED, INTERRUPTED = 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: its words without the program's name; None: those of this process.

    Returns:
        Exit code: 0, 2 after an error that is explained on the standard error, 130 after Ctrl-C.

    Raises:
        SystemExit: the words are no command (code 2), or ask for help or the version (code 0).
    """
    arguments = _parser().parse_args(_glued(sys.argv[1:] if argv is None else argv))
    try:
        code: int = arguments.execute(arguments)
        return code
    except TransjetError as error:
        if arguments.debug:
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "transjet", description="Sample unnormalised densities by learned transport.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"transjet {__version__}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (run, sample, evaluate, targets, info, tune, bench):
        command.add_to(commands, [common])
    return parser


def _glued(argv: Sequence[str]) -> list[str]:
    """Join `--box` with its value, which argparse takes for an option where it begins with a minus sign."""
    words: list[str] = []
    for word in argv:
        if words and words[-1] == "--box":
            words[-1] = f"--box={word}"
        else:
            words.append(word)
    return words
