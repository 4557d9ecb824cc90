"""`transjet info`: what runs here, on what, and why a backend does or does not."""

from __future__ import annotations

import argparse
import json
from typing import Any

from transjet.backend.info import collect, render


def add_to(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("info", help="report versions, hardware and backends", parents=parents)
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Print the report."""
    report = collect()
    print(json.dumps(report, indent=2) if arguments.json else render(report))
    return 0
