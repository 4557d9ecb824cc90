"""Configurations: what they accept, how they overlay, and their TOML form."""

from __future__ import annotations

import dataclasses
import math
import tomllib

import numpy as np
import pytest

from transjet.config import ModelConfig, PathLossConfig, PhaseConfig, RunConfig, SamplingConfig
from transjet.errors import ConfigError
from transjet.io import to_toml

TWO = RunConfig(samples=77, plan=(PhaseConfig(iterations=11, optimiser="adam"), PhaseConfig(iterations=22)))


@pytest.mark.parametrize("config", [RunConfig(), TWO, RunConfig(model=ModelConfig(width=3, activation="sin"))])
def test_toml_holds_all_of_it(config):
    table = tomllib.loads(to_toml(config.to_dict()))
    assert table == config.to_dict()
    assert RunConfig.from_dict(table) == config
    assert RunConfig.from_dict(table, TWO) == config, "a whole table leaves nothing of the base"
    assert hash(RunConfig.from_dict(table)) == hash(config)


def test_a_partial_table_changes_what_it_names_alone():
    config = RunConfig.from_dict({"sigma": 2.0, "model": {"depth": 5}}, TWO)
    expected = dataclasses.replace(TWO, sigma=2.0, model=dataclasses.replace(TWO.model, depth=5))
    assert config == expected
    assert RunConfig.from_dict({}, TWO) == TWO and RunConfig.from_dict({}) == RunConfig()


def test_a_plan_is_overlaid_phase_by_phase_and_sets_their_number():
    longer = RunConfig.from_dict({"plan": [{"points": 5}, {}, {"points": 7}]}, TWO).plan
    first, second = TWO.plan
    assert longer == (
        dataclasses.replace(first, points=5), second, dataclasses.replace(second, points=7),
    )  # fmt: skip
    assert RunConfig.from_dict({"plan": [{}]}, TWO).plan == (first,)


def test_whole_numbers_serve_as_floats_and_nothing_else_is_converted():
    config = RunConfig.from_dict({"sigma": 2, "plan": [{"noise": 0}]})
    assert type(config.sigma) is type(config.plan[0].noise) is float


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"sigma": "2"}, "sigma: expected float; got '2'"),
        ({"sigma": True}, "sigma: expected float; got True"),
        ({"samples": 2.0}, "samples: expected int; got 2.0"),
        ({"samples": True}, "samples: expected int; got True"),
        ({"dtype": 32}, "dtype: expected str; got 32"),
        ({"model": 3}, "model: expected a table; got 3"),
        ({"plan": {"points": 3}}, "plan: expected a list of tables; got {'points': 3}"),
        ({"plan": [3]}, "plan.0: expected a table; got 3"),
        ({"plan": []}, "plan: expected at least one phase; got none"),
        ({"speed": 3}, "unknown option speed; known: method, equation, sigma"),
        ({"modle": {}}, "unknown option modle; did you mean model?"),
        ({"model": {"widht": 3}}, "unknown option model.widht; did you mean model.width?"),
        ({"plan": [{}, {"iteration": 3}]}, "unknown option plan.1.iteration; did you mean plan.1.iterations?"),
        ({7: 3}, "unknown option 7"),
    ],
)
def test_tables_that_do_not_fit_are_refused(table, message):
    with pytest.raises(ConfigError) as caught:
        RunConfig.from_dict(table)
    assert message in str(caught.value)


NUMBERS = [
    *[(RunConfig, name, "") for name in ("sigma", "samples", "transport_steps", "score_samples", "score_every")],
    (RunConfig, "checkpoint_every", ""),
    (PhaseConfig, "iterations", "plan."),
    *[(ModelConfig, name, "model.") for name in ("width", "depth", "input_scale")],
    *[(PhaseConfig, name, "plan.") for name in ("points", "damping", "learning_rate", "cloud", "refresh")],
]
INTEGERS = ("samples", "transport_steps", "score_samples", "score_every", "checkpoint_every", "iterations", "points")
INTEGERS += ("refresh", "width", "depth")
SHARES = ("momentum", "background_start", "background_end", "noisy")


@pytest.mark.parametrize(("kind", "name", "prefix"), NUMBERS)
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_sizes_are_positive(kind, name, prefix, value):
    wanted = "int" if name in INTEGERS and isinstance(value, float) else "a positive number"
    with pytest.raises(ConfigError, match=rf"^{prefix}{name}: expected {wanted}; got {value}(\.0)?$"):
        kind(**{name: value})


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        *[(PhaseConfig, {name: v}) for name in ("robust", "noise", "spread") for v in (-0.1, math.nan, math.inf)],
        *[(PhaseConfig, {name: v}) for name in SHARES for v in (-0.1, 1.1, math.nan)],
        *[(PhaseConfig, {"adapt": v}) for v in (0.5, math.nan, math.inf)],
        (PhaseConfig, {"momentum": 1.0}),
        (PhaseConfig, {"particles": -1}),
        (PhaseConfig, {"optimiser": "newton"}),
        (PhaseConfig, {"collocation": "grid"}),
        (PhaseConfig, {"background": "trajectories"}),
        (ModelConfig, {"activation": "step"}),
        (ModelConfig, {"time_frequencies": -1}),
        (RunConfig, {"equation": "heat"}),
        (RunConfig, {"method": "fab"}),
        (PathLossConfig, {"loss": "hinge"}),
        (PathLossConfig, {"guidance": "force"}),
        (PathLossConfig, {"narrowing": 0.5}),
        *[(PathLossConfig, {name: 0}) for name in ("iterations", "batch", "steps", "beta", "learning_rate")],
        *[(PathLossConfig, {name: v}) for name in ("sigma", "exploration") for v in (-0.1, math.nan)],
        (SamplingConfig, {"sampler": "pde"}),
        (SamplingConfig, {"scheme": "heun"}),
        (SamplingConfig, {"resampling": "residual"}),
        *[(SamplingConfig, {name: v}) for name in ("sigma", "resample", "langevin_step") for v in (-0.1, math.nan)],
        (SamplingConfig, {"langevin": -1}),
        (RunConfig, {"dtype": "float16"}),
        (RunConfig, {"backend": "abacus"}),
        *[(RunConfig, {"prior_std": v}) for v in (-0.1, math.nan, math.inf)],
        (RunConfig, {"plan": ()}),
    ],
)  # fmt: skip
def test_values_out_of_range_name_the_option(kind, options):
    (name,) = options
    with pytest.raises(ConfigError, match=rf"{name}: expected"):
        kind(**options)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (RunConfig, {"samples": "3"}, "samples: expected int; got '3'"),
        (RunConfig, {"samples": 10.5}, "samples: expected int; got 10.5"),
        (RunConfig, {"samples": True}, "samples: expected int; got True"),
        (RunConfig, {"sigma": None}, "sigma: expected float; got None"),
        (RunConfig, {"dtype": np.float32}, "dtype: expected str; got <class"),
        (RunConfig, {"model": {}}, "model: expected ModelConfig; got {}"),
        (RunConfig, {"plan": PhaseConfig()}, "plan: expected tuple; got PhaseConfig"),
        (RunConfig, {"plan": ({},)}, "plan.0: expected PhaseConfig; got {}"),
        (PhaseConfig, {"momentum": "a"}, "plan.momentum: expected float; got 'a'"),
        (PhaseConfig, {"noise": 1j}, "plan.noise: expected float; got 1j"),
        (PhaseConfig, {"optimiser": 3}, "plan.optimiser: expected str; got 3"),
        (PhaseConfig, {"refresh": 1.0}, "plan.refresh: expected int; got 1.0"),
        (ModelConfig, {"width": "64"}, "model.width: expected int; got '64'"),
        (ModelConfig, {"input_scale": False}, "model.input_scale: expected float; got False"),
    ],
)
def test_values_of_another_type_name_the_option(kind, options, message):
    with pytest.raises(ConfigError) as caught:
        kind(**options)
    assert str(caught.value).startswith(message)


def test_numbers_become_pythons_own():
    config = RunConfig(samples=np.int64(5), sigma=np.float32(0.5), prior_std=2)
    assert [type(v) for v in (config.samples, config.sigma, config.prior_std)] == [int, float, float]
    assert config == RunConfig(samples=5, sigma=0.5, prior_std=2.0)
    assert RunConfig.from_dict({"sigma": np.float64(0.5)}) == RunConfig(sigma=0.5)
