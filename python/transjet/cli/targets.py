"""`transjet targets`: the zoo."""

from __future__ import annotations

import argparse
import json
from typing import Any

from transjet.targets import get, names


def add_to(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("targets", help="list the known targets", parents=parents)
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Print one line per target."""
    zoo = [_facts(name) for name in names()]
    print(json.dumps(zoo, indent=2) if arguments.json else _table(zoo))
    return 0


def _facts(name: str) -> dict[str, Any]:
    target = get(name)
    modes = None if target.modes is None else len(target.modes)
    return {
        "name": name,
        "dim": target.dim,
        "log_z": target.log_z,
        "modes": modes,
        "description": target.description,
    }


def _table(zoo: list[dict[str, Any]]) -> str:
    rows = [("name", "d", "log Z", "modes", "description")]
    for facts in zoo:
        log_z = "unknown" if facts["log_z"] is None else f"{facts['log_z']:.4f}"
        modes = "unknown" if facts["modes"] is None else str(facts["modes"])
        rows.append((facts["name"], str(facts["dim"]), log_z, modes, facts["description"]))
    a, b, c, d = (max(len(row[column]) for row in rows) for column in range(4))
    return "\n".join(f"{r[0]:<{a}}  {r[1]:>{b}}  {r[2]:>{c}}  {r[3]:>{d}}  {r[4]}".rstrip() for r in rows)
