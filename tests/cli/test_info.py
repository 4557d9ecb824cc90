"""`transjet info`: the environment report."""

from __future__ import annotations

import json

import jax

from transjet.backend import info


def test_the_report_is_shown(transjet):
    outcome = transjet("info")
    assert outcome.code == 0 and outcome.out.rstrip("\n") == info.render(info.collect())
    assert f"jaxlib      {info.collect()['versions']['jaxlib']}" in outcome.out


def test_json_holds_the_same(transjet):
    report = json.loads(transjet("info", "--json").out)
    assert report == json.loads(json.dumps(info.collect()))
    assert report["versions"]["jax"] == jax.__version__ and "xla" in report["backends"]
