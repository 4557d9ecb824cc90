"""TOML text that the standard library reads back as the same dict."""

from __future__ import annotations

import math
import tomllib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transjet.errors import ConfigError
from transjet.io import to_toml


def same(a, b):
    """Equality that tells 1 from 1.0 from True, and takes nan for nan."""
    if isinstance(a, dict):
        return isinstance(b, dict) and list(sorted(a)) == sorted(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float) and math.isnan(a):
        return isinstance(b, float) and math.isnan(b)
    return type(a) is type(b) and a == b and (not isinstance(a, float) or math.copysign(1, a) == math.copysign(1, b))


TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
SCALARS = TEXT | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(TEXT, VALUES, max_size=5))
def test_round_trip(table):
    assert same(table, tomllib.loads(to_toml(table)))


def test_the_text_reads_well():
    config = {
        "target": "gmm-grid",
        "seed": 3,
        "network": {"widths": [64, 64], "activation": "tanh", "scale": 1e-3, "time": {"features": 8}},
        "phases": [
            {"optimiser": "adam", "iterations": 100},
            {"optimiser": "gauss-newton", "damping": {"start": 1.0}},
        ],
        "empty": [],
        "nothing": {},
    }
    text = to_toml(config)
    assert tomllib.loads(text) == config
    assert text == (
        'target = "gmm-grid"\nseed = 3\nempty = []\n\n[network]\nwidths = [64, 64]\nactivation = "tanh"\n'
        'scale = 0.001\n\n[network.time]\nfeatures = 8\n\n[[phases]]\noptimiser = "adam"\n'
        'iterations = 100\n\n[[phases]]\noptimiser = "gauss-newton"\n\n'
        "[phases.damping]\nstart = 1.0\n\n[nothing]\n"
    )


@pytest.mark.parametrize(
    "text", ['"', "\\", '"""', "a\nb", "\r\n", "\t\b\f", "\x00\x1f\x7f", "é ∇ 漢 😀", "", "# [x]", "a.b"]
)
def test_escaping(text):
    table = {"v": text, "list": [text, text], text: {text: text}}
    assert tomllib.loads(to_toml(table)) == table


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, -0.0, 1e300, 5e-324, 1e16, 1e-7, 0.1, 1.0])
def test_floats(value):
    assert same(value, tomllib.loads(to_toml({"v": value}))["v"])


def test_numpy_scalars_and_tuples_become_plain():
    table = {"f": np.float64(0.5), "i": np.int32(3), "b": np.bool_(True), "t": (1, (2, 3))}
    assert same({"f": 0.5, "i": 3, "b": True, "t": [1, [2, 3]]}, tomllib.loads(to_toml(table)))


def test_an_empty_config_is_an_empty_table():
    assert tomllib.loads(to_toml({})) == {}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"a": None}, "config key a: expected text, a number.*got NoneType.*leave the key out"),
        ({"a": {"b": [1, None]}}, r"config key a\.b: .*NoneType"),
        ({"a": [{"c": 1}, {"c": object()}]}, r"config key a\.c: .*object"),
        ({"a": np.zeros(3)}, "config key a: .*ndarray"),
        ({"a": 1j}, "config key a: .*complex"),
        ({"a": {3: 1}}, r"config key a\.3: expected a key that is text, got int"),
        ({None: 1}, "expected a key that is text, got NoneType"),
        ({"a": "\ud800"}, "config key a: expected text that UTF-8 can hold"),
    ],
)
def test_what_toml_cannot_hold_is_refused(table, words):
    with pytest.raises(ConfigError, match=words):
        to_toml(table)
