"""Rivals at small budgets: right on a Gaussian, within the evaluations on a hard target, typed errors."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.errors import TrainingError
from transjet.robust import rivals
from transjet.robust.criteria import judge
from transjet.targets import from_log_density, random

pytest.importorskip("blackjax", reason="rivals are made of blackjax: pip install 'transjet[rivals]'")

GAUSSIAN = random("gaussian", 2, 3)


def test_smc_is_right_on_a_gaussian() -> None:
    found, row = rivals.smc(GAUSSIAN, 40_000, jax.random.key(0))
    judged = judge(found, GAUSSIAN)
    assert abs(judged["log_z_error"]) < 0.15 and judged["passed"]["moments"]
    assert not row["jumped"] and 36_000 < row["evaluations"] <= 40_000
    assert found.ess is not None and 0.5 < found.ess <= 1


def test_smc_ends_within_its_evaluations_on_many_modes() -> None:
    target = random("mixture", 5, 5)
    found, row = rivals.smc(target, 60_000, jax.random.key(1))
    assert 54_000 < row["evaluations"] <= 60_000
    assert found.x.shape == (row["particles"], 5) and np.isfinite(found.x).all()
    # Particles of one family stay in one mode: fewer are effective than there are.
    assert row["effective"] < row["particles"] / 2 and row["effective"] == found.effective.min()


def test_smc_jumps_where_temperatures_are_too_many() -> None:
    narrow = from_log_density(lambda x: -1e8 * (x @ x), 20, prior_std=1.0)
    found, row = rivals.smc(narrow, 10_000, jax.random.key(2))
    assert row["jumped"] and row["evaluations"] <= 10_000
    assert found.ess < 0.5 and np.isfinite(found.log_z)


def test_nuts_is_right_on_a_gaussian() -> None:
    with jax.numpy_dtype_promotion("standard"):  # blackjax's adaptation mixes types, which these tests forbid
        found, row = rivals.nuts(GAUSSIAN, 12_000, jax.random.key(3))
    assert judge(found, GAUSSIAN)["passed"] == {"log_z": None, "ess": None, "modes": True, "moments": True}
    assert found.x.shape == (4 * row["draws_per_chain"], 2)
    assert 100 < row["effective"] == found.effective.min() <= len(found.x)


@pytest.mark.parametrize(("method", "evaluations"), [("smc", 9_999), ("nuts", 7_999)])
def test_too_few_evaluations_are_refused(method: str, evaluations: int) -> None:
    with pytest.raises(TrainingError, match=f"{method}: expected at least .* got {evaluations}"):
        getattr(rivals, method)(GAUSSIAN, evaluations, jax.random.key(4))


def test_a_target_without_density_is_refused() -> None:
    nowhere = dataclasses.replace(GAUSSIAN, log_density=lambda x: x.sum() * jnp.nan)
    with pytest.raises(TrainingError, match="smc: expected a finite log density"):
        rivals.smc(nowhere, 10_000, jax.random.key(5))


def test_families_tell_how_many_particles_are_effective() -> None:
    """Copies count once, whatever their number; one family says nothing."""
    x = np.random.default_rng(6).standard_normal((400, 3))
    alone = rivals._by_families(x, np.arange(400))
    copied = rivals._by_families(np.repeat(x, 5, axis=0), np.repeat(np.arange(400), 5))
    np.testing.assert_allclose(alone, 400, rtol=0.01)
    np.testing.assert_allclose(copied, alone, rtol=1e-9)
    np.testing.assert_array_equal(rivals._by_families(x, np.zeros(400, int)), 1.0)


def test_the_metric_of_a_gaussian_is_its_covariance() -> None:
    rng = np.random.default_rng(7)
    turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    covariance = turn @ np.diag([1e-3, 0.1, 1.0, 50.0]) @ turn.T
    x = rng.multivariate_normal(np.zeros(4), covariance, 4000)
    metric = rivals._metric(x, -x @ np.linalg.inv(covariance))
    np.testing.assert_allclose(np.linalg.eigvals(np.linalg.solve(covariance, metric)), 1.0, atol=0.2)


def test_temperatures_are_extrapolated_and_the_next_one_keeps_the_ess() -> None:
    assert rivals._temperatures([0.1, 0.5, 1.0]) == 3
    assert rivals._temperatures([1e-4, 1e-3, 1e-2]) == pytest.approx(5)
    ratio = np.append(np.random.default_rng(8).normal(0, 30, 500), -np.inf)
    at = rivals._next(ratio, 0.1)
    w, _ = rivals._weights(ratio, at - 0.1)
    assert 1 / np.sum(w**2) == pytest.approx(0.8 * 500, rel=1e-3) and w[-1] == 0
