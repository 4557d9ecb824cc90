"""Random targets by name, their sets, and what is drawn."""

from __future__ import annotations

from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet import targets
from transjet.errors import ConfigError, DTypeError, ShapeError, TargetError
from transjet.targets import FAMILIES, HELD_OUT_SEEDS, TUNING_SEEDS, draws
from transjet.targets.families.mixture import separations
from transjet.targets.families.registry import _random

EVERY = [(name, dim) for name, family in FAMILIES.items() for dim in (family.dims[0], 7, family.dims[-1])]


@pytest.mark.parametrize("name, dim", EVERY)
def test_every_target_has_its_truths(name, dim):
    target = targets.random(name, dim, 3)
    assert target.name == f"random:{name}-{dim}:3" and target.dim == dim and target.box is None
    assert target.description and "\n" not in target.description
    assert abs(target.log_z) <= 20 and target.sample is not None and target.mean is not None
    assert (target.std is None) == (name == "student" and "2 degrees" in target.description)
    assert (target.modes is None) == (name in ("banana", "funnel", "hierarchical", "shell", "unknown-noise"))
    shape = jax.eval_shape(lambda key: target.sample(key, 3), jax.random.key(0))
    assert shape.shape == (3, dim) and shape.dtype == np.float32


def test_names_lead_to_the_same_object():
    target = targets.random("wells", 5, 17)
    assert target is targets.get("random:wells-5:17") is targets.random("wells", np.int64(5), np.int32(17))
    assert targets.facts("random:wells-5:17").log_z == target.log_z
    assert "random" not in "".join(targets.names())


def truths(name: str, seed: int) -> np.ndarray:
    target = _random.__wrapped__(name, 5, seed)
    std = np.ones(5) if target.std is None else target.std
    return np.concatenate([[target.log_z, target.prior_std], target.mean, std * target.mean])


@pytest.mark.parametrize("name", FAMILIES)
def test_the_seed_decides(name):
    first, again, other = truths(name, 1), truths(name, 1), truths(name, 2)
    np.testing.assert_array_equal(first, again)
    assert (np.abs(first - other) > 1e-6).all()


def test_dimensions_and_families_draw_apart():
    values = {targets.random(name, dim, 5).log_z for name in FAMILIES for dim in (7, 8)}
    assert len(values) == 2 * len(FAMILIES)


@pytest.mark.parametrize(
    "name, log_z, prior_std",
    [
        ("mixture", -14.496856003934298, 6.317061753404238),
        ("lattice", 15.245328083063676, 15.372719961408489),
        ("hierarchical", 7.630024658221576, 2.5942846962657433),
    ],
)
def test_draws_are_those_of_the_first_release(name, log_z, prior_std):
    """Results on a seed can be compared only as long as it means the same target."""
    target = targets.random(name, 6, 11)
    np.testing.assert_allclose([target.log_z, target.prior_std], [log_z, prior_std], rtol=1e-9)


@pytest.mark.parametrize("name", [name for name in FAMILIES if name not in ("funnel", "student")])
def test_the_priors_scale_is_right_within_a_factor_of_three(name):
    found = [targets.random(name, 6, seed) for seed in range(16)]
    factors = [target.prior_std / np.sqrt(np.mean(target.std**2 + target.mean**2)) for target in found]
    assert 1 / 3.001 < min(factors) < 0.7 and 1.4 < max(factors) < 3.001


@pytest.mark.parametrize("name", ["funnel", "hierarchical", "unknown-noise"])
def test_float32_does_not_overflow_where_a_prior_may_go(name):
    """A scale of exp(-80) would."""
    target = targets.random(name, 6, 2)
    x = 80 * target.prior_std * np.random.default_rng(0).normal(size=(500, 6)).astype(np.float32)
    values, gradients = jax.jit(jax.vmap(jax.value_and_grad(target.log_density)))(jnp.asarray(x))
    assert np.isfinite(values).all() and np.isfinite(gradients).all()


def test_mixtures_are_what_the_family_promises():
    ranges = []
    for seed in range(30):
        target = targets.random("mixture", 4, seed)
        assert 2 <= len(target.modes) <= 20 and target.mode_weights.max() < 20.001 * target.mode_weights.min()
        ranges.append(target.mode_weights.min())
    assert min(ranges) < 0.02


def test_separations_of_two_gaussians():
    means = np.array([[0.0, 0.0], [3.0, 0.0]])
    bases = np.stack([np.eye(2), np.eye(2)[::-1]])
    apart = separations(means, bases, np.array([[1.0, 7.0], [7.0, 2.0]]))
    assert np.isinf(np.diag(apart)).all() and apart[0, 1] == apart[1, 0] == pytest.approx(3.0 / 1.5)


def test_sets_are_balanced_and_a_longer_one_goes_on():
    chosen = draws(144, seed=4, dims=(5, 10, 20))
    assert set(Counter(draw.family for draw in chosen).values()) == {12}
    assert set(Counter(draw.dim for draw in chosen).values()) == {48}
    assert set(Counter(draw[:2] for draw in chosen).values()) == {4}
    assert draws(50, seed=4, dims=(20, 5, 10)) == chosen[:50] and len(set(chosen)) == 144
    assert draws(50, seed=5, dims=(5, 10, 20)) != chosen[:50]
    assert draws(0) == ()


def test_tuning_and_held_out_seeds_are_apart():
    assert TUNING_SEEDS.stop <= HELD_OUT_SEEDS.start and len(HELD_OUT_SEEDS) == 1_000_000
    tuning, held_out = draws(300, seed=1), draws(300, seed=1, held_out=True)
    assert all(draw.seed in TUNING_SEEDS for draw in tuning)
    assert all(draw.seed in HELD_OUT_SEEDS for draw in held_out)
    assert len({draw.seed for draw in tuning}) == 300


def test_families_take_the_dimensions_that_they_have():
    chosen = draws(60, dims=(2, 3))
    assert {draw.dim for draw in chosen if draw.family == "lattice"} == {3}
    assert "hierarchical" not in {draw.family for draw in chosen}
    draw = draws(1, dims=[6], families=["chain"])[0]
    assert draw.target() is targets.get(draw.name)


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: targets.random("mixtures", 5, 1), TargetError, "did you mean mixture"),
        (lambda: targets.random("xyzzy", 5, 1), TargetError, "there are banana"),
        (lambda: targets.random(None, 5, 1), TargetError, "no family"),
        (lambda: targets.random("mixture", 1, 1), ConfigError, "within 2 and 50"),
        (lambda: targets.random("mixture", 51, 1), ConfigError, "within 2 and 50"),
        (lambda: targets.random("hierarchical", 3, 1), ConfigError, "within 4 and 50"),
        (lambda: targets.random("mixture", 5.0, 1), DTypeError, "dim"),
        (lambda: targets.random("mixture", 0, 1), ShapeError, "dim"),
        (lambda: targets.random("mixture", 5, -1), ConfigError, "seed"),
        (lambda: targets.random("mixture", 5, 1.0), DTypeError, "seed"),
        (lambda: targets.random("mixture", 5, True), DTypeError, "seed"),
        (lambda: targets.get("random:mixture-5"), TargetError, "random:FAMILY-DIM:SEED"),
        (lambda: targets.get("random:mixtur-5:1"), TargetError, "did you mean mixture"),
        (lambda: targets.get("random:mixture-500:1"), ConfigError, "within 2 and 50"),
        (lambda: draws(-1), ShapeError, "n must be"),
        (lambda: draws(3, seed=-2), ConfigError, "seed"),
        (lambda: draws(3, dims=[60]), ConfigError, "not those of any family"),
        (lambda: draws(3, dims=[2], families=["hierarchical"]), ConfigError, "not those of any family"),
        (lambda: draws(3, families=["nothing"]), TargetError, "no family"),
        (lambda: draws(600_000), ConfigError, "at most"),
    ],
)
def test_malformed_calls(call, error, words):
    with pytest.raises(error, match=words):
        call()
