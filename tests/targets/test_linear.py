"""Linear regression against its definition, quadrature, and the evidences known of published posteriors."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from transjet.errors import ConfigError, ShapeError, TargetError
from transjet.targets import Target, linear_regression

RNG = np.random.default_rng(0)
X = np.column_stack([np.ones(12), RNG.normal(size=12)])
Y = X @ [0.5, -1.0] + 0.7 * RNG.normal(size=12)


def log_density(target: Target, x: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(jax.jit(jax.vmap(target.log_density))(jnp.asarray(x)))


@pytest.mark.parametrize("scale", [None, 2.5])
def test_density_by_its_definition(scale: float | None) -> None:
    x = np.random.default_rng(1).normal(size=(10, 3))
    sigma = np.exp(x[:, 2:])
    exact = stats.norm(x[:, :2] @ X.T, sigma).logpdf(Y).sum(axis=1) + x[:, 2]
    if scale is not None:
        exact += stats.halfcauchy(0, scale).logpdf(sigma[:, 0])
    np.testing.assert_allclose(log_density(linear_regression(X, Y, scale), x), exact, rtol=1e-12)


def test_log_z_and_moments_by_quadrature_with_one_weight() -> None:
    target = linear_regression(X[:, :1], Y, 1.0)
    b, s = (np.linspace(m - 12 * d, m + 12 * d, 601) for m, d in zip(target.mean, target.std, strict=True))
    points = np.stack(np.meshgrid(b, s, indexing="ij"), axis=-1).reshape(-1, 2)
    density = np.exp(log_density(target, points) - target.log_z).reshape(601, 601)
    mass = integrate.trapezoid(integrate.trapezoid(density, s), b)
    assert abs(np.log(mass)) < 1e-6
    mean = integrate.trapezoid(integrate.trapezoid(density, s) * b, b)
    std = np.sqrt(integrate.trapezoid(integrate.trapezoid(density, s) * (b - mean) ** 2, b))
    np.testing.assert_allclose([mean, std], [target.mean[0], target.std[0]], rtol=1e-4)


def test_sampler_fulfils_steins_identities_and_has_the_moments() -> None:
    target = linear_regression(X, Y, 2.5)
    x = np.asarray(target.sample(jax.random.key(0), 20_001), np.float64)
    with jax.enable_x64(True):
        gradient = np.asarray(jax.jit(jax.vmap(jax.grad(target.log_density)))(jnp.asarray(x)))
    identities = np.column_stack([gradient, (x * gradient).sum(axis=1) + 3, x - target.mean])
    z = identities.mean(axis=0) / (identities.std(axis=0) / np.sqrt(len(x)))
    assert np.abs(z).max() < 4.5
    squares = (x - target.mean) ** 2
    assert (np.abs(squares.mean(axis=0) - target.std**2) < 4.5 * squares.std(axis=0) / np.sqrt(len(x))).all()


def table(name: str) -> Any:
    folder = os.environ.get("TRANSJET_DATA")
    if not folder:
        pytest.skip("TRANSJET_DATA names no folder of data sets")
    with zipfile.ZipFile(Path(folder) / "posteriordb" / f"{name}.data.json.zip") as archive:
        data = json.loads(archive.read(archive.namelist()[0]))
    return {key: np.array(value, float) for key, value in data.items()}


def test_evidences_of_posteriordb() -> None:
    kids = table("kidiq")
    target = linear_regression(np.column_stack([np.ones(434), kids["mom_iq"]]), kids["kid_score"], 2.5)
    assert abs(target.log_z + 1881.66316084) < 1e-6
    np.testing.assert_allclose(target.mean, [25.79977785, 0.60997457, 2.90509024], rtol=1e-7)
    np.testing.assert_allclose(target.std, [5.92452499, 0.05859127, 0.03402069], rtol=1e-6)
    people = table("earnings")
    z = (people["height"] - people["height"].mean()) / people["height"].std(ddof=1)
    design = np.column_stack([np.ones(len(z)), z, people["male"], z * people["male"]])
    target = linear_regression(design, np.log(people["earn"]))
    assert abs(target.log_z + 1550.66443932) < 1e-6


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        ((X[:3], Y[:3]), ShapeError, "two rows more"),
        ((X, Y[:5]), ShapeError, "response"),
        ((np.column_stack([X, X[:, 0]]), Y), TargetError, "full rank"),
        ((X, X @ [1.0, 2.0]), TargetError, "fitted exactly"),
        ((X, Y, 0.0), ConfigError, "noise_scale"),
    ],
)
def test_malformed_regressions(arguments: Any, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        linear_regression(*arguments)
