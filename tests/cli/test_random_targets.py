"""Random targets on the command line, by their names."""

from __future__ import annotations

import argparse

import pytest

from transjet import targets
from transjet.cli.density import TargetSpec, add_options, spec_of
from transjet.errors import ConfigError, TargetError
from transjet.recipes import recipe


def parsed(*words: str) -> TargetSpec:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return spec_of(parser.parse_args(words))


@pytest.mark.parametrize("name", ["random:mixture-5:17", "random:unknown-noise-3:1000000"])
def test_a_name_is_a_target_that_a_run_can_note(name):
    spec = parsed(name)
    target = spec.load()
    assert target is targets.get(name) and recipe(target).prior_std == 0
    assert TargetSpec.from_dict(spec.to_dict()).load() is target


def test_options_of_functions_are_refused():
    with pytest.raises(ConfigError, match="--dim"):
        parsed("random:mixture-5:17", "--dim", "3")


@pytest.mark.parametrize(
    "name, words", [("random:mixtures-5:17", "did you mean mixture"), ("random:mixture-5:x", "FAMILY-DIM:SEED")]
)
def test_unknown_names_are_told(transjet, tmp_path, name, words):
    outcome = transjet("run", name, "--out", tmp_path / "run")
    assert outcome.code != 0 and words in outcome.err


def test_a_family_without_that_dimension():
    with pytest.raises(ConfigError, match="within 4 and 50"):
        parsed("random:hierarchical-2:1").load()
    with pytest.raises(TargetError, match="no family"):
        parsed("random:nothing-2:1").load()
