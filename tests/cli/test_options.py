"""From recipe, file and options to a configuration."""

from __future__ import annotations

import argparse

import pytest

from transjet.cli.options import add_options, check_same, configured
from transjet.config import PhaseConfig, RunConfig
from transjet.errors import ConfigError

BASE = RunConfig(plan=(PhaseConfig(), PhaseConfig(optimiser="adam")))


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("model.width=32", lambda c: c.model.width == 32),
        ("equation=fokker-planck", lambda c: c.equation == "fokker-planck"),
        ("equation='fokker-planck'", lambda c: c.equation == "fokker-planck"),
        ("sigma=2", lambda c: c.sigma == 2.0 and isinstance(c.sigma, float)),
        ("plan.0.damping=1e-2", lambda c: c.plan[0].damping == 1e-2 and c.plan[1] == BASE.plan[1]),
        ("plan.1.optimiser=gauss-newton-cg", lambda c: c.plan[1].optimiser == "gauss-newton-cg"),
        (" model.depth = 5 ", lambda c: c.model.depth == 5),
        ("plan=[{iterations = 3}]", lambda c: [p.iterations for p in c.plan] == [3]),
    ],
)
def test_settings(setting, value):
    config = configured(BASE, parsed("--set", setting))
    assert value(config) and config != BASE


def test_what_comes_later_wins(tmp_path):
    path = tmp_path / "options.toml"
    path.write_text("samples = 1\nsigma = 3.0\ndtype = 'float64'\n[run]\nseed = 9\n[model]\nwidth = 7\n")
    words = ["--config", str(path), "--set", "samples=2", "--set", "sigma=4", "--set", "sigma=5", "--samples", "3"]
    config = configured(BASE, parsed(*words))
    assert (config.samples, config.sigma, config.dtype, config.model.width) == (3, 5.0, "float64", 7)
    assert config.plan == BASE.plan


def test_no_option_changes_nothing():
    assert configured(BASE, parsed()) == BASE


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("model.width", "expected key=value"),
        ("=3", "expected key=value"),
        ("model..width=3", "expected key=value"),
        ("model.width=", "model.width: expected int; got ''"),
        ("model.width=3.5", "model.width: expected int; got 3.5"),
        ("model.width=true", "model.width: expected int; got True"),
        ("model=3", "model: expected a table; got 3"),
        ("plan.2.points=3", "PHASE 0 to 1"),
        ("plan.-1.points=3", "PHASE 0 to 1"),
        ("plan.points=3", "expected plan.PHASE.OPTION"),
        ("plan.0.collocation.kind=uniform", "expected plan.PHASE.OPTION"),
        ("plan.1.point=3", "unknown option plan.1.point; did you mean plan.1.points?"),
        ("run.seed=3", "unknown option run"),
    ],
)
def test_bad_settings(setting, message):
    with pytest.raises(ConfigError) as caught:
        configured(BASE, parsed("--set", setting))
    assert message in str(caught.value)


def test_every_difference_is_named():
    other = RunConfig.from_dict({"sigma": 2, "model": {"depth": 9}, "plan": [{}, {"points": 5}]}, BASE)
    check_same(BASE, BASE, "it")
    with pytest.raises(ConfigError) as caught:
        check_same(BASE, other, "the file")
    assert (
        "the file has sigma = 2.0 instead of 1.0; model.depth = 9 instead of 3; plan.1.points = 5 instead of 1024."
        in str(caught.value)
    )
