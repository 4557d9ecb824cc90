"""Criteria of success on exact samples and on samples with a planted failure; intervals against scipy."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from scipy import stats

from transjet.robust.criteria import Found, judge, succeeded, wilson
from transjet.targets import Target

N = 4000
MODES, WEIGHTS, STD = np.array([[-5.0, 0.0], [5.0, 0.0]]), np.array([0.3, 0.7]), 1.0


def _density(x: jax.Array) -> jax.Array:
    return -(x**2).sum()  # never asked for: samples are planted


def _target() -> Target:
    mean = WEIGHTS @ MODES
    std = np.sqrt(STD**2 + WEIGHTS @ MODES**2 - mean**2)
    return Target("two", 2, _density, log_z=1.5, modes=MODES, mode_weights=WEIGHTS, mean=mean, std=std)


def _found(weights: np.ndarray = WEIGHTS, *, shift: float = 0.0, log_z: float = 1.5, ess: float = 1.0) -> Found:
    rng = np.random.default_rng(3)
    x = MODES[rng.choice(2, N, p=weights)] + STD * rng.standard_normal((N, 2))
    return Found(x + np.array([0.0, shift]), np.zeros(N), log_z, ess)


def test_exact_samples_succeed() -> None:
    row = judge(_found(), _target())
    assert row["passed"] == {"log_z": True, "ess": True, "modes": True, "moments": True}
    assert succeeded(row["passed"])


@pytest.mark.parametrize(
    ("found", "missed"),
    [
        (_found(np.array([0.0, 1.0])), {"modes", "moments"}),
        (_found(np.array([0.45, 0.55])), {"modes", "moments"}),
        (_found(log_z=1.61), {"log_z"}),
        (_found(ess=0.49), {"ess"}),
        (_found(shift=0.2), {"moments"}),
    ],
    ids=["lost mode", "uneven modes", "biased log Z", "small ESS", "shifted mean"],
)
def test_planted_failures_are_named(found: Found, missed: set[str]) -> None:
    passed = judge(found, _target())["passed"]
    assert {name for name, met in passed.items() if not met} == missed
    assert not succeeded(passed)


def test_weights_mend_uneven_modes() -> None:
    even = _found(np.array([0.5, 0.5]))
    index = _target().assign_modes(even.x)
    assert judge(even._replace(log_weights=np.log(WEIGHTS / 0.5)[index]), _target())["passed"]["modes"]
    assert not judge(even, _target())["passed"]["modes"]


def test_few_effective_samples_excuse_nothing() -> None:
    """Chains that disagree have large standard errors: everything would be within four of them."""
    passed = judge(_found(shift=0.2)._replace(effective=np.full(2, 4.0)), _target())["passed"]
    assert passed["modes"] is False and passed["moments"] is False


@pytest.mark.parametrize(("sigma", "applies"), [(0.3, True), (2.5, False)])
def test_moments_that_exact_samples_do_not_have_are_not_asked_for(sigma: float, applies: bool) -> None:
    """Of a lognormal with sigma = 2.5 the standard deviation is beyond what 4,000 samples and their error tell."""
    mean, std = np.exp(sigma**2 / 2), np.exp(sigma**2 / 2) * np.sqrt(np.expm1(sigma**2))
    target = Target("tail", 1, _density, mean=np.array([mean]), std=np.array([std]),
                    sample=lambda key, n: jax.numpy.exp(sigma * jax.random.normal(key, (n, 1))))  # fmt: skip
    row = judge(Found(np.full((N, 1), 0.5 * mean), None, None, None), target)
    assert row["passed"]["moments"] is (False if applies else None)
    assert (row["moments_exact"] >= 0.9) == applies


def test_what_does_not_apply_is_none_and_lost_samples_are_left_out() -> None:
    found = _found()._replace(log_weights=None, log_z=None, ess=None)
    found.x[::100] = np.nan
    assert judge(found, _target())["passed"] == {"log_z": None, "ess": None, "modes": True, "moments": True}
    assert not succeeded({"log_z": None})


@pytest.mark.parametrize(("hits", "n"), [(0, 12), (3, 12), (12, 12), (71, 100)])
def test_intervals_are_those_of_scipy(hits: int, n: int) -> None:
    reference = stats.binomtest(hits, n).proportion_ci(method="wilson")
    np.testing.assert_allclose(wilson(hits, n), (reference.low, reference.high), atol=1e-12)


def test_no_trials_say_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
