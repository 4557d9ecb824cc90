from __future__ import annotations

import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

from transjet import targets
from transjet.errors import ConfigError, ShapeError
from transjet.targets import student10, student_mixture


def test_density_against_scipy():
    target = targets.get("student10-50")
    x = np.concatenate([target.modes, np.random.default_rng(0).normal(size=(20, 50)) * 30])
    with jax.enable_x64(True):
        values = jax.vmap(target.log_density)(jnp.asarray(x))
    parts = [stats.t(2).logpdf(x - m).sum(axis=1) for m in target.modes]
    np.testing.assert_allclose(values, logsumexp(parts, axis=0) - np.log(10), rtol=1e-12)


def test_sampler_around_its_centres_by_kolmogorov_smirnov():
    target = student_mixture([[0.0] * 6, [4000.0] * 6], 2.0)
    x = np.asarray(target.sample(jax.random.key(1), 10_001), np.float64)
    residuals = x - target.modes[target.assign_modes(x)]
    # Float32 spaces points near 4000 by 2.4e-4, far below what the test can see.
    assert min(stats.kstest(column, stats.t(2).cdf).pvalue for column in residuals.T) > 1e-3 / 6
    assert target.std is None and student_mixture([[0.0]], 1.0).mean is None


def test_moments_where_they_exist():
    target = student_mixture([[0.0], [3.0]], 5.0)
    x = np.asarray(target.sample(jax.random.key(2), 50_001), np.float64)[:, 0]
    assert target.mean[0] == 1.5
    np.testing.assert_allclose(target.std, np.sqrt(5 / 3 + 2.25))
    assert abs(x.mean() - 1.5) < 4 * x.std() / np.sqrt(len(x))
    squares = (x - 1.5) ** 2
    assert abs(squares.mean() - target.std[0] ** 2) < 4 * squares.std() / np.sqrt(len(x))


def test_centres_against_the_data_set():
    folder = os.environ.get("TRANSJET_DATA")
    if not folder:
        pytest.skip("TRANSJET_DATA names no folder of data sets")
    centres = np.loadtxt(Path(folder) / "gmm40" / "mos10_locs_jax_legacy_prng.csv", delimiter=",")
    np.testing.assert_allclose(student10(2).modes, centres, rtol=1e-6)


@pytest.mark.parametrize(
    "arguments, error, words",
    [(([],), ShapeError, "means"), ((np.zeros((2, 0)),), ShapeError, "component"), (([[0.0]], 0), ConfigError, "df")],
)
def test_malformed_mixtures(arguments, error, words):
    with pytest.raises(error, match=words):
        student_mixture(*arguments)
