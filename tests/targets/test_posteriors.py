"""Posteriors of published models, against densities written with SciPy and evidences by quadrature."""

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
from scipy import integrate, special, stats

from transjet import targets
from transjet.errors import ConfigError
from transjet.targets import brownian_known
from transjet.targets.brownian import _OBSERVED, _WHEN
from transjet.targets.eight_schools import _EFFECTS, _ERRORS
from transjet.targets.seeds import _EXTRACT, _GERMINATED, _KIND, _SEEDS


@functools.cache
def references() -> Any:
    folder = os.environ.get("TRANSJET_DATA")
    if not folder:
        pytest.skip("TRANSJET_DATA names no folder of data sets")
    return json.loads((Path(folder) / "references.json").read_text())


def values(name: str, x: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        both = jax.jit(jax.vmap(jax.value_and_grad(targets.get(name).log_density)))(jnp.asarray(x))
        value, gradient = (np.asarray(v) for v in both)
    assert np.isfinite(gradient).all()
    return value


def points(dim: int, scale: float = 1.0) -> np.ndarray:
    return scale * np.random.default_rng(3).normal(size=(20, dim))


# --- eight schools ----------------------------------------------------------------------------------------------------


def test_eight_schools_density():
    x = points(10) * np.array([1.0] * 8 + [5.0, 1.0])
    z, mu, tau = x[:, :8], x[:, 8:9], np.exp(x[:, 9:])
    parts = (
        stats.norm(mu + tau * z, _ERRORS).logpdf(_EFFECTS).sum(1) + stats.norm.logpdf(z).sum(1)
        + (stats.norm(0, 5).logpdf(mu) + stats.halfcauchy(0, 5).logpdf(tau) + np.log(tau))[:, 0]
    )  # fmt: skip
    np.testing.assert_allclose(values("eight-schools", x), parts, rtol=1e-12)


def test_eight_schools_evidence_by_quadrature():
    def marginal(tau: float) -> float:
        covariance = np.diag(_ERRORS**2 + tau**2) + 25.0
        return np.exp(stats.multivariate_normal(np.zeros(8), covariance).logpdf(_EFFECTS)) * stats.halfcauchy(0, 5).pdf(
            tau
        )

    log_z = np.log(integrate.quad(marginal, 0, 400, points=[3, 20], epsrel=1e-10, epsabs=0)[0])
    assert abs(targets.get("eight-schools").log_z - log_z) < 1e-7
    assert abs(log_z + 31.31134735) < 1e-6


def test_eight_schools_moments_against_references():
    known, target = references()["posteriordb"]["eight_schools-eight_schools_noncentered"], targets.get("eight-schools")
    mean = [*known["theta_trans_mean"], known["mu_mean"], known["log_tau_mean"]]
    std = [*known["theta_trans_std"], known["mu_std"], known["log_tau_std"]]
    np.testing.assert_allclose(target.mean, mean, atol=2e-6)
    np.testing.assert_allclose(target.std, std, atol=2e-6)


# --- seeds ------------------------------------------------------------------------------------------------------------


def test_seeds_density():
    x = points(26)
    a, b, log_tau = x[:, :4], x[:, 4:25], x[:, 25:]
    logits = a[:, [0]] + a[:, [1]] * _KIND + a[:, [3]] * _EXTRACT + a[:, [2]] * _KIND * _EXTRACT + b
    tau = np.exp(log_tau)
    parts = (
        stats.binom(_SEEDS, special.expit(logits)).logpmf(_GERMINATED).sum(1) + stats.norm(0, 10).logpdf(a).sum(1)
        + stats.norm(0, tau**-0.5).logpdf(b).sum(1) + (stats.gamma(0.01, scale=100).logpdf(tau) + log_tau)[:, 0]
    )  # fmt: skip
    np.testing.assert_allclose(values("seeds", x), parts, rtol=1e-11)


def seeds_given(log_tau: float, intercepts: np.ndarray, nodes: np.ndarray, weights: np.ndarray) -> list[np.ndarray]:
    """Likelihood of each of the four groups of plates at the nodes of its intercept."""
    likelihoods = []
    for kind, extract in ((0, 0), (1, 0), (0, 1), (1, 1)):
        total = np.zeros(intercepts.shape[1])
        group = len(likelihoods)
        for i in np.flatnonzero((_KIND == kind) & (_EXTRACT == extract)):
            logits = intercepts[group][:, None] + nodes * np.exp(-0.5 * log_tau)
            mass = stats.binom(_SEEDS[i], special.expit(logits)).pmf(_GERMINATED[i])
            total += np.log(mass @ weights)
        likelihoods.append(total)
    return likelihoods


def test_seeds_evidence_by_nested_quadrature():
    nodes, weights = np.polynomial.hermite_e.hermegauss(64)
    weights = weights / weights.sum()
    # The groups' intercepts are a0, a0+a1, a0+a2, a0+a1+a2+a12: Gaussian, correlated by the priors of a.
    mix = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 1, 1.0]])
    prior = stats.multivariate_normal(np.zeros(4), 100 * mix @ mix.T)
    sums = []
    grid = np.linspace(-1.5, 12, 28)
    for log_tau in grid:
        wide = np.tile(np.linspace(-8, 8, 161), (4, 1))
        rough = [np.exp(v - v.max()) for v in seeds_given(log_tau, wide, nodes, weights)]
        means = np.array([(p @ wide[0]) / p.sum() for p in rough])
        widths = np.array([np.sqrt(p @ (wide[0] - m) ** 2 / p.sum()) for p, m in zip(rough, means, strict=True)])
        # Trapezoidal sums, five standard deviations to each side: converge exponentially for what decays at both ends.
        steps = np.linspace(-5.5, 5.5, 19)
        at = means[:, None] + widths[:, None] * steps
        values = seeds_given(log_tau, at, nodes, weights)
        mesh = np.stack(np.meshgrid(*at, indexing="ij"), axis=-1)
        total = prior.logpdf(mesh)
        for axis, value in enumerate(values):
            total = total + np.expand_dims(value, [k for k in range(4) if k != axis])
        sums.append(special.logsumexp(total) + np.log(widths * (steps[1] - steps[0])).sum())
    log_prior = stats.gamma(0.01, scale=100).logpdf(np.exp(grid)) + grid
    log_z = special.logsumexp(np.array(sums) + log_prior) + np.log(grid[1] - grid[0])
    assert abs(targets.get("seeds").log_z - log_z) < 2e-3


# --- Brownian motion --------------------------------------------------------------------------------------------------


def brownian_joint(path: np.ndarray, a: np.ndarray, s: np.ndarray) -> np.ndarray:
    steps = stats.norm(0, a).logpdf(np.diff(path, prepend=0.0, axis=1)).sum(1)
    return steps + stats.norm(path[:, _WHEN], s).logpdf(_OBSERVED).sum(1)


def test_brownian_densities():
    x = points(32, 0.7)
    prior = stats.norm(0, 2).logpdf(x[:, :2]).sum(1)
    exact = prior + brownian_joint(x[:, 2:], np.exp(x[:, :1]), np.exp(x[:, 1:2]))
    np.testing.assert_allclose(values("brownian", x), exact, rtol=1e-11)
    known = brownian_joint(x[:, 2:], np.array(0.1), np.array(0.15))
    np.testing.assert_allclose(values("brownian-known", x[:, 2:]), known, rtol=1e-11)


def brownian_evidence(a: float, s: float) -> float:
    covariance = a**2 * (1 + np.minimum(_WHEN[:, None], _WHEN)) + s**2 * np.eye(20)
    return float(stats.multivariate_normal(np.zeros(20), covariance).logpdf(_OBSERVED))


def test_brownian_evidence_with_known_scales():
    target = targets.get("brownian-known")
    assert abs(target.log_z - brownian_evidence(0.1, 0.15)) < 1e-10
    assert abs(target.log_z - 5.613043491) < 5e-9
    # The density at the mean of a Gaussian is Z / sqrt(det 2 pi C): truth, mean and covariance belong together.
    with jax.enable_x64(True):
        precision = -np.asarray(jax.hessian(target.log_density)(jnp.asarray(target.mean)))
        peak = float(target.log_density(jnp.asarray(target.mean)))
    assert abs(peak + 15 * np.log(2 * np.pi) - 0.5 * np.linalg.slogdet(precision)[1] - target.log_z) < 1e-9
    np.testing.assert_allclose(target.std, np.sqrt(np.diag(np.linalg.inv(precision))), rtol=1e-9)


def test_brownian_evidence_with_unknown_scales():
    a, s = np.linspace(-4.5, 0.5, 41), np.linspace(-14, 0.5, 117)
    table = np.array([[brownian_evidence(np.exp(u), np.exp(v)) for v in s] for u in a])
    table += stats.norm(0, 2).logpdf(a)[:, None] + stats.norm(0, 2).logpdf(s)
    log_z = special.logsumexp(table) + np.log((a[1] - a[0]) * (s[1] - s[0]))
    assert abs(targets.get("brownian").log_z - log_z) < 1e-5


def test_brownian_moments_against_references():
    known, target = references()["brownian_known_scales"], targets.get("brownian-known")
    np.testing.assert_allclose(target.mean, known["mean"], atol=1e-9)
    np.testing.assert_allclose(target.std, known["std"], atol=1e-9)


def test_scales_must_be_positive():
    with pytest.raises(ConfigError, match="noise"):
        brownian_known(noise=0.0)
