"""Targets made of data: from arrays, from the published files, and without them."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from transjet import targets
from transjet.errors import ConfigError, DataError, ShapeError, TargetError
from transjet.targets import design_matrix, german_credit, log_gaussian_cox, logistic_regression

FROM_DATA = sorted(set(targets.names()) - set(targets.names(data=False)))
REGRESSIONS = {
    "sonar": "sonar",
    "ionosphere": "ionosphere",
    "german-credit": "german_credit_standardised_N01",
    "german-credit-wide": "german_credit_Xstd_N010",
    "german-credit-flat": "german_credit_Xstd_flat",
    "breast-cancer": "breast_cancer_standardised_N01",
    "breast-cancer-wide": "breast_cancer_Xstd_N010",
}
needs_data = pytest.mark.skipif("TRANSJET_DATA" not in os.environ, reason="TRANSJET_DATA names no folder of data sets")


def references(name: str) -> Any:
    return json.loads((Path(os.environ["TRANSJET_DATA"]) / "references.json").read_text())[name]


@functools.cache
def compiled(target: targets.Target) -> Any:
    return jax.jit(jax.vmap(jax.value_and_grad(target.log_density)))


def evaluate(target: targets.Target, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with jax.enable_x64(True):
        both = compiled(target)(jnp.asarray(x))
        return np.asarray(both[0]), np.asarray(both[1])


def test_logistic_density_and_design():
    rng = np.random.default_rng(0)
    features, labels, w = rng.normal(size=(30, 4)) * [1, 2, 3, 0], rng.integers(0, 2, 30), rng.normal(size=(5, 5))
    design = design_matrix(features)
    np.testing.assert_allclose(design[:, :4].std(axis=0), [0, 1, 1, 1])
    assert (design[:, 0] == 1).all() and (design[:, 4] == 0).all()
    np.testing.assert_allclose(design_matrix(features, centre=False)[:, 1], features[:, 0] / features[:, 0].std())
    p = special.expit(w @ design.T)
    likelihood = np.log(np.where(labels == 1, p, 1 - p)).sum(axis=1)
    value, gradient = evaluate(logistic_regression(design, labels, 2.0), w)
    np.testing.assert_allclose(value, likelihood + stats.norm(0, 2).logpdf(w).sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(evaluate(logistic_regression(design, labels, None), w)[0], likelihood, rtol=1e-12)
    assert np.isfinite(gradient).all()


def test_cox_density_and_evidence_in_one_cell():
    points = np.array([[0.1, 0.9], [1.0, 1.0], [0.6, 0.2], [0.1, 0.6]])
    f = np.random.default_rng(1).normal(size=(3, 4))
    place = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]])
    distance = np.linalg.norm(place[:, None] - place, axis=-1)
    prior = stats.multivariate_normal(np.full(4, np.log(4) - 0.35), 0.7 * np.exp(-distance / (0.5 * 2)))
    exact = prior.logpdf(f) + f @ [0, 2, 1, 1] - np.exp(f).sum(axis=1) / 4
    target = log_gaussian_cox(points, 2, variance=0.7, length=0.5)
    np.testing.assert_allclose(evaluate(target, f)[0], exact, rtol=1e-12)


@needs_data
@pytest.mark.parametrize("name", FROM_DATA)
def test_listings_agree_with_what_is_built(name):
    target, known = targets.get(name), targets.facts(name)
    assert (target.name, target.dim, target.log_z, target.description) == (name, *known[1:3], known.description)


def newton(target: targets.Target, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mode of a concave log density, by steps that are halved until they ascend, and the Hessian there."""
    with jax.enable_x64(True):
        hessian = jax.jit(jax.hessian(target.log_density))
        for _ in range(50):
            curvature = np.asarray(hessian(jnp.asarray(x)))
            (value,), (gradient,) = evaluate(target, x[None])
            step, size = np.linalg.solve(curvature, gradient), 1.0
            while size > 1e-9 and evaluate(target, (x - size * step)[None])[0][0] < value:
                size /= 2
            x = x - size * step
    return x, curvature


@needs_data
@pytest.mark.parametrize("name", REGRESSIONS)
def test_evidence_by_importance_sampling_from_the_reference_moments(name):
    """A Student-t around the Laplace approximation: log Z within 4 standard errors and the reference's own error."""
    target, known = targets.get(name), references(REGRESSIONS[name])
    mean = np.array(known["mean"])
    mode, curvature = newton(target, mean)
    assert np.abs(evaluate(target, mode[None])[1]).max() < 1e-6
    # Skewness moves the mean off the mode, by less than a standard deviation or two.
    assert np.abs((mean - mode) / np.array(known["std"])).max() < 2.0
    centre, df = 0.5 * (mean + mode), 12.0
    covariance = np.linalg.inv(-curvature) * 1.15
    proposal = stats.multivariate_t(centre, covariance, df, seed=7)
    x = proposal.rvs(40_000)
    log_weights = evaluate(target, x)[0] - proposal.logpdf(x)
    weights = np.exp(log_weights - log_weights.max())
    error = weights.std() / weights.mean() / np.sqrt(len(x))
    log_z = log_weights.max() + np.log(weights.mean())
    print(name, "log Z", log_z, "+-", error, "stated", target.log_z)
    assert error < 0.2
    assert abs(log_z - target.log_z) < 4 * error + 0.02
    moment = (weights @ x) / weights.sum()
    spread = np.sqrt((weights**2) @ (x - moment) ** 2) / weights.sum()
    assert (np.abs(moment - mean) < 5 * (spread + np.array(known["mcse"]))).all()


@needs_data
def test_the_mode_of_the_pines_is_the_published_one():
    target = targets.get("cox-pines")
    mode = np.loadtxt(Path(os.environ["TRANSJET_DATA"]) / "lgcp_pines" / "posterior_mode_40x40.csv", delimiter=",")
    value, gradient = evaluate(target, mode.reshape(1, -1))
    # The mode is given to five digits; curvature is at most 1 / (smallest eigenvalue of K), some tens.
    assert np.abs(gradient).max() < 1e-2
    with jax.enable_x64(True):
        hessian = np.asarray(jax.hessian(target.log_density)(jnp.asarray(mode.ravel())))
    laplace = value[0] + 800 * np.log(2 * np.pi) - 0.5 * np.linalg.slogdet(-hessian)[1]
    assert abs(laplace - references("lgcp_pines_40x40")["laplace"]) < 1e-2


def test_without_the_data_the_error_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.delenv("TRANSJET_DATA", raising=False)
    with pytest.raises(DataError, match="set TRANSJET_DATA"):
        german_credit()
    monkeypatch.setenv("TRANSJET_DATA", str(tmp_path))
    with pytest.raises(DataError, match="put it there"):
        german_credit()
    file = tmp_path / "german_credit" / "german.data-numeric"
    file.parent.mkdir()
    for content, words in (("1 2 3\n", "25 columns"), ("one two\n", "table of numbers")):
        file.write_text(content)
        with pytest.raises(DataError, match=words):
            german_credit()
    assert set(FROM_DATA) < set(targets.names()) and targets.facts("sonar").dim == 61, "listings read no file"


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: logistic_regression([[1.0], [2.0]], [1.0]), ShapeError, "labels"),
        (lambda: logistic_regression([[1.0], [2.0]], [1.0, -1.0]), TargetError, "0 or 1"),
        (lambda: logistic_regression([[1.0], [2.0]], [1, 0], 0.0), ConfigError, "prior_scale"),
        (lambda: log_gaussian_cox([[0.5, 1.5]]), TargetError, "unit square"),
        (lambda: log_gaussian_cox([[0.5, 0.5]], length=0.0), ConfigError, "length"),
        (lambda: german_credit("narrow"), ConfigError, "form"),
    ],
)
def test_malformed_data(call, error, words):
    with pytest.raises(error, match=words):
        call()
