"""Figures as strict JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from transjet.errors import ConfigError
from transjet.io import metrics_to_json


class Pair(NamedTuple):
    value: float
    std_error: float


@dataclasses.dataclass(frozen=True)
class Record:
    name: str
    log_z: Pair


def strict(text: str) -> dict:
    def refuse(token):
        raise ValueError(f"{token} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_nested_figures_become_plain_json():
    metrics = {
        "record": Record("gmm", Pair(0.1, 0.01)),
        "ess": np.float32(0.5),
        "steps": np.int64(7),
        "ok": True,
        "missing": None,
        "weights": jnp.asarray([0.25, 0.75]),
        "pairs": [(1, 2.5), {"a": "b"}],
    }
    assert strict(metrics_to_json(metrics)) == {
        "record": {"name": "gmm", "log_z": {"value": 0.1, "std_error": 0.01}},
        "ess": 0.5,
        "steps": 7,
        "ok": True,
        "missing": None,
        "weights": [0.25, 0.75],
        "pairs": [[1, 2.5], {"a": "b"}],
        "nonfinite": [],
    }


def test_what_is_not_finite_is_null_and_named():
    metrics = {
        "log_z": Pair(math.nan, 0.1),
        "std": np.array([1.0, np.inf, -np.inf]),
        "best": math.inf,
        "a": 1.0,
    }
    read = strict(metrics_to_json(metrics))
    assert read["nonfinite"] == ["log_z.value", "std[1]", "std[2]", "best"]
    assert read["log_z"] == {"value": None, "std_error": 0.1}
    assert read["std"] == [1.0, None, None]
    assert read["best"] is None


@pytest.mark.parametrize("value", [0.1, 1e-300, 1 / 3, 1e22])
def test_floats_keep_their_bits(value):
    assert strict(metrics_to_json({"v": value}))["v"] == value


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ({"a": {"b": object()}}, r"metrics a\.b: .*got object"),
        ({"a": [1, {2}]}, r"metrics a\[1\]: .*got set"),
        ({"a": {1: 2}}, "metrics a: expected keys that are text, got 1"),
        ({"a": 1j}, "metrics a: .*got complex"),
        ({"nonfinite": 1}, "expected no key 'nonfinite'"),
    ],
)
def test_what_json_cannot_hold_is_refused(metrics, words):
    with pytest.raises(ConfigError, match=words):
        metrics_to_json(metrics)
