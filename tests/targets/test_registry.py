"""What every target of the zoo must fulfil, whatever its family."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet import targets
from transjet.errors import DTypeError, ShapeError, TargetError

NAMES = (
    "banana",
    "brownian-known",
    "double-well",
    "eight-schools",
    "funnel-10",
    "gmm-grid",
    "gmm40-2",
    "gmm40-50",
    "many-well-32",
    "many-well-5",
    "many-well-5-2",
    "many-well-50",
    "rings",
    "student10-50",
)
WITHOUT_SAMPLER = ("brownian", "lj13", "phi4-196", "seeds")
WITHOUT_MODES = ("banana", "eight-schools", "funnel-10", "rings")
WITHOUT_VARIANCE = ("student10-50",)
SAMPLES = 20_001
# A normal quantile such that all comparisons of this file together fail by chance once in 1,000 seeds.
SIGMAS = 5.2


@functools.cache
def draw(name: str) -> np.ndarray:
    """Exact float32 samples as float64, whoever asks first: in float64 the random numbers are others."""
    with jax.enable_x64(False):
        sample = jax.jit(targets.get(name).sample, static_argnums=1)
        return np.asarray(sample(jax.random.key(7), SAMPLES), dtype=np.float64)


@functools.cache
def evaluate(name: str, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Log density and gradient at the samples, computed in ``dtype``."""
    with jax.enable_x64(dtype == "float64"):
        function = jax.jit(jax.vmap(jax.value_and_grad(targets.get(name).log_density)))
        return jax.device_get(function(jnp.asarray(draw(name), dtype)))


def z_scores(values: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return (values.mean(axis=0) - truth) / (values.std(axis=0) / np.sqrt(len(values)))


def test_names_and_prior_suggestions():
    assert targets.names(data=False) == tuple(sorted(NAMES + WITHOUT_SAMPLER))
    assert set(targets.names(data=False)) < set(targets.names())
    suggested = {"gmm-grid": 3.0, "many-well-5": 1.5, "many-well-50": 1.0}
    assert {name: targets.get(name).prior_std for name in suggested} == suggested


@pytest.mark.parametrize(
    "wrong, hint",
    [
        ("gmm_grid", "gmm-grid"),
        ("many-well", "many-well-5"),
        ("Funnel", "funnel-10"),
        ("xyzzy", "the zoo has banana"),
        ("", "the zoo has"),
        (None, "no target"),
        (["gmm-grid"], "no target"),
    ],
)
def test_unknown_names_list_the_nearest(wrong, hint):
    with pytest.raises(TargetError, match=hint):
        targets.get(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_get_returns_one_object_with_all_its_truths(name):
    target = targets.get(name)
    assert target is targets.get(name) and target.name == name
    assert target.description and "\n" not in target.description
    for truth in (target.log_z, target.sample, target.box, target.mean):
        assert truth is not None
    assert (target.std is None) == (name in WITHOUT_VARIANCE)
    assert (target.modes is None) == (name in WITHOUT_MODES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_density_gradient_and_sampler_keep_the_dtype(name, dtype):
    target = targets.get(name)
    values, gradients = evaluate(name, dtype)
    assert values.dtype == gradients.dtype == np.dtype(dtype)
    assert values.shape == (SAMPLES,) and gradients.shape == (SAMPLES, target.dim)
    assert np.isfinite(values).all() and np.isfinite(gradients).all()
    with jax.enable_x64(dtype == "float64"):
        assert jax.eval_shape(lambda key: target.sample(key, 3), jax.random.key(0)).dtype == np.dtype(dtype)


@pytest.mark.parametrize("name", NAMES)
def test_float32_is_as_accurate_as_rounding_of_the_point_allows(name):
    (single, _), (double, gradient) = evaluate(name, "float32"), evaluate(name, "float64")
    # Moving each coordinate by one rounding unit of its magnitude moves log rho by about this much.
    eps = np.finfo(np.float32).eps
    budget = eps * (np.abs(gradient * draw(name)).sum(axis=1) + np.abs(double) + targets.get(name).dim)
    assert np.max(np.abs(single - double) / budget) < 4.0


@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITHOUT_VARIANCE])
def test_sampler_has_the_exact_moments(name):
    target, x = targets.get(name), draw(name)
    if name == "funnel-10":
        # The other nine have no fourth moment to speak of; test_funnel compares them on the log scale.
        x, mean, std = x[:, :1], target.mean[:1], target.std[:1]
    else:
        mean, std = target.mean, target.std
    assert np.abs(z_scores(x, mean)).max() < SIGMAS
    assert np.abs(z_scores((x - mean) ** 2, std**2)).max() < SIGMAS


@pytest.mark.parametrize("name", NAMES)
def test_sampler_and_density_fulfil_steins_identities(name):
    """E[grad log rho] = 0 and E[x . grad log rho] = -d for samples of rho / Z."""
    target, x = targets.get(name), draw(name)
    _, gradient = evaluate(name, "float64")
    assert np.abs(z_scores(gradient, np.zeros(target.dim))).max() < SIGMAS
    assert abs(z_scores((x * gradient).sum(axis=1), np.array(-target.dim))) < SIGMAS


@pytest.mark.parametrize("name", [name for name in NAMES if name not in (*WITHOUT_MODES, "brownian-known")])
def test_modes_hold_their_shares_of_the_samples(name):
    target, x = targets.get(name), draw(name)
    counts = np.bincount(target.assign_modes(x), minlength=len(target.modes))
    p = target.mode_weights
    z = (counts / len(x) - p) / np.sqrt(p * (1 - p) / len(x))
    assert len(counts) == len(p) and np.abs(z).max() < SIGMAS


@pytest.mark.parametrize("name", NAMES)
def test_box_holds_nearly_all_samples(name):
    target, x = targets.get(name), draw(name)
    lower, upper = target.box
    per_coordinate = ((x >= lower) & (x <= upper)).mean(axis=0)
    assert per_coordinate.min() > 0.97


def test_samplers_give_the_same_with_and_without_jit():
    eager = targets.get("gmm-grid").sample(jax.random.key(7), SAMPLES)
    np.testing.assert_allclose(eager, draw("gmm-grid"), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_samplers_check_the_number_of_samples(name):
    target, key = targets.get(name), jax.random.key(3)
    assert jax.eval_shape(lambda k: target.sample(k, 0), key).shape == (0, target.dim)
    with pytest.raises(ShapeError, match="n must be at least 0"):
        target.sample(key, -1)
    with pytest.raises(DTypeError, match="n must be an integer"):
        target.sample(key, 2.5)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_without_vmap_is_refused(name):
    target = targets.get(name)
    with pytest.raises(ShapeError, match="jax.vmap"):
        target.log_density(jnp.zeros((4, target.dim)))
