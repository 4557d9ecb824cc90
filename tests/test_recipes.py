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
    sampler = Sampler(get(name))
    assert sampler.config == config == RunConfig.from_dict(config.to_dict())
    assert sampler.trainer.iterations == sum(phase.iterations for phase in config.plan)
    assert config.dtype == "float32" and config.backend == "auto"


def test_what_is_known_of_a_target_by_name_replaces_the_general_rule():
    assert set(recipes._OVERRIDES) <= set(names()), "a target that does not exist has a recipe"
    for name, options in recipes._OVERRIDES.items():
        general = recipes._general(get(name))
        assert recipe(get(name)) == RunConfig.from_dict(options, general) != general


def quadratic(x):
    return -0.5 * jnp.sum(x**2)


def test_points_are_uniform_where_a_box_can_be_filled():
    config = recipe(from_log_density(quadratic, 2, box=([-3.0] * 2, [4.0] * 2)))
    assert {phase.collocation for phase in config.plan} & {"uniform", "mixture"}


@pytest.mark.parametrize("dim", [2, 20])
def test_a_target_of_which_nothing_is_known_needs_no_box(dim):
    target = from_log_density(quadratic, dim)
    assert Sampler(target).config == recipe(target)


@pytest.mark.parametrize("dim", [2, 20])
def test_recipes_follow_the_size_of_the_target(dim):
    def at(scale):
        box = ([-3.0 * scale] * dim, [3.0 * scale] * dim)
        return recipe(from_log_density(lambda x: quadratic(x / scale), dim, box=box, prior_std=scale))

    small, large = at(1.0), at(10.0)
    assert large.model.input_scale == pytest.approx(10 * small.model.input_scale)
    assert large.plan[0].noise == pytest.approx(10 * small.plan[0].noise)
    assert large.prior_std == small.prior_std == 0.0, "which stands for the target's own"


def test_a_target_of_ones_own_that_bears_a_name_of_the_zoo_gets_the_general_rule():
    for name in recipes._OVERRIDES:
        own = dataclasses.replace(get(name))
        assert recipe(own) == recipes._general(own) != recipe(get(name))


def test_the_noise_of_tuned_targets():
    assert {name: recipe(get(name)).plan[0].noise for name in ("gmm-grid", "many-well-5")} == {
        "gmm-grid": pytest.approx(0.21), "many-well-5": 0.14,
    }  # fmt: skip
    assert Sampler(get("many-well-5")).prior.std == 1.5
