"""Recipes: every target has a configuration that its sampler takes."""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
import pytest

from transjet import RunConfig, Sampler, from_log_density, get, recipe, recipes
from transjet.targets import names


@pytest.mark.parametrize("name", names(data=False))
def test_every_target_of_the_zoo_has_one_that_works(name):
    config = recipe(get(name))
    assert config == RunConfig.from_dict(config.to_dict())
    assert config.base.kind == ("pilot" if name not in recipes._FROM_GAUSSIAN and get(name).dim <= 100 else "gaussian")
    # Without its pilot, which would run at once.
    sampler = Sampler(get(name), RunConfig.from_dict({"base": {"kind": "gaussian"}}, config))
    assert sampler.config == dataclasses.replace(config, base=dataclasses.replace(config.base, kind="gaussian"))
    assert sampler.trainer.iterations == sum(phase.iterations for phase in config.plan)
    assert config.dtype == "float32" and config.backend == "auto"


def test_what_is_known_of_a_target_by_name_replaces_the_general_rule():
    assert {*recipes._FROM_GAUSSIAN, *recipes._FROM_PILOT} <= set(names()), "a target that does not exist has a recipe"
    for name, options in recipes._FROM_GAUSSIAN.items():
        general = recipes.general(get(name))
        assert recipe(get(name)) == RunConfig.from_dict(options, general)
        assert (recipe(get(name)) == general) == (not options)
    for name, options in recipes._FROM_PILOT.items():
        general = recipes.with_pilot(get(name))
        assert recipe(get(name)) == RunConfig.from_dict(options, general) != general


def quadratic(x):
    return -0.5 * jnp.sum(x**2)


def test_points_of_the_zoo_are_uniform_where_a_box_can_be_filled():
    config = recipe(get("many-well-5-2"))
    assert {phase.collocation for phase in config.plan} & {"uniform", "mixture"}


@pytest.mark.parametrize("dim", [2, 20])
def test_a_density_of_ones_own_starts_from_a_pilot(dim):
    """Whatever its size: coordinates are those in which it is white."""
    box = ([-3.0] * dim, [3.0] * dim)
    for own in (from_log_density(quadratic, dim), from_log_density(quadratic, dim, box=box, prior_std=10.0)):
        config = recipe(own)
        assert config == recipes.with_pilot(own) and config.base.kind == "pilot" and config.prior_std == 0.0


def test_many_dimensions_have_no_pilot():
    own = from_log_density(quadratic, 101)
    assert recipe(own) == recipes.general(own) and recipe(own).base.kind == "gaussian"


def test_random_targets_start_from_a_pilot():
    assert recipe(get("random:banana-5:1")).base.kind == "pilot"


def test_a_target_of_ones_own_that_bears_a_name_of_the_zoo_gets_the_rule_for_ones_own():
    for name in (*recipes._FROM_GAUSSIAN, *recipes._FROM_PILOT):
        own = dataclasses.replace(get(name))
        assert recipe(own) == recipes.with_pilot(own) != recipe(get(name))


def test_the_noise_of_tuned_targets():
    assert {name: recipe(get(name)).plan[0].noise for name in ("gmm-grid", "many-well-5")} == {
        "gmm-grid": pytest.approx(0.21), "many-well-5": 0.14,
    }  # fmt: skip
    assert Sampler(get("many-well-5")).prior.std == 1.5
