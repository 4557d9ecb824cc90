"""`transjet targets`: the zoo."""

from __future__ import annotations

import argparse
import json
from typing import Any

from transjet.targets import facts, names


def add_to(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("targets", help="list the known targets", parents=parents)
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Print one line per target."""
    zoo = [facts(name)._asdict() for name in names()]
    print(json.dumps(zoo, indent=2) if arguments.json else _table(zoo))
    return 0


def _table(zoo: list[dict[str, Any]]) -> str:
    rows = [("name", "d", "log Z", "modes", "description")]
    for row in zoo:
        log_z = "unknown" if row["log_z"] is None else f"{row['log_z']:.4f}"
        modes = "unknown" if row["modes"] is None else str(row["modes"])
        rows.append((row["name"], str(row["dim"]), log_z, modes, row["description"]))
    a, b, c, d = (max(len(row[column]) for row in rows) for column in range(4))
    return "\n".join(f"{r[0]:<{a}}  {r[1]:>{b}}  {r[2]:>{c}}  {r[3]:>{d}}  {r[4]}".rstrip() for r in rows)
