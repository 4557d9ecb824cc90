"""`transjet targets`: the zoo."""

from __future__ import annotations

import json

from transjet import targets


def test_the_table_has_a_line_for_every_target(transjet):
    outcome = transjet("targets")
    lines = outcome.out.splitlines()
    assert outcome.code == 0 and lines[0].split() == ["name", "d", "log", "Z", "modes", "description"]
    assert [line.split()[0] for line in lines[1:]] == list(targets.names())
    well = next(line for line in lines if line.startswith("double-well"))
    assert well.split()[1:4] == ["1", "0.2930", "2"]
    assert len({line.index(targets.facts(line.split()[0]).description) for line in lines[1:]}) == 1, "one column"


def test_json(transjet):
    zoo = {facts["name"]: facts for facts in json.loads(transjet("targets", "--json").out)}
    assert set(zoo) == set(targets.names())
    funnel = targets.get("funnel-10")
    assert zoo["funnel-10"] == {
        "name": "funnel-10", "dim": 10, "log_z": 0.0, "modes": None, "description": funnel.description,
    }  # fmt: skip
    assert zoo["gmm40-50"]["modes"] == 40 and zoo["many-well-50"]["log_z"] == targets.get("many-well-50").log_z
