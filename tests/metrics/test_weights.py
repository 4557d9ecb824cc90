from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
import pytest

from transjet.errors import ConfigError, DTypeError, ShapeError, TargetError
from transjet.metrics import Estimate, count_nonfinite, elbo, ess, eubo, log_z

REPEATS = 400


def scores(figure: Callable[[np.random.Generator], Estimate], truth: float) -> tuple[np.ndarray, float]:
    """Return (value - truth) / std_error over repeats, and mean std_error / scatter of the values."""
    runs = np.array([figure(np.random.default_rng([11, i])) for i in range(REPEATS)])
    return (runs[:, 0] - truth) / runs[:, 1], runs[:, 1].mean() / runs[:, 0].std()


# Log-normal weights w = exp(s z + c): log Z = s^2/2 + c, ESS = exp(-s^2), ELBO = c, and EUBO = s^2 + c.
@pytest.mark.parametrize("s", [0.1, 0.4, 0.6])
def test_standard_errors_are_calibrated_on_log_normal_weights(s):
    def draw(rng: np.random.Generator, mean: float = 0.0) -> np.ndarray:
        return s * rng.normal(mean, size=2001) - 700.0

    for figure, truth in ((log_z, s**2 / 2 - 700), (ess, np.exp(-(s**2))), (elbo, -700.0)):
        z, ratio = scores(lambda rng, figure=figure: figure(draw(rng)), truth)
        assert 0.9 < ratio < 1.12, figure
        assert abs(z.mean()) < 0.2 and 0.92 < (np.abs(z) < 2).mean() < 0.98, figure
    z, ratio = scores(lambda rng: eubo(draw(rng, s)), s**2 - 700)
    assert 0.9 < ratio < 1.12 and abs(z.mean()) < 0.2


def test_standard_error_of_log_z_holds_for_a_small_ess():
    z, ratio = scores(lambda rng: log_z(1.3 * rng.normal(size=2001)), 1.3**2 / 2)
    assert 0.85 < ratio < 1.15 and 0.91 < (np.abs(z) < 2).mean() < 0.98


def test_standard_errors_agree_with_the_jackknife():
    log_w = 0.5 * np.random.default_rng(3).normal(size=501)
    for figure in (log_z, ess, elbo):
        leave_one_out = [figure(np.delete(log_w, i)).value for i in range(501)]
        jackknife = np.sqrt(500**2 / 501) * np.std(leave_one_out, ddof=1)
        np.testing.assert_allclose(figure(log_w).std_error, jackknife, rtol=0.05)


def test_exact_small_cases():
    log_w = np.log([1.0, 2.0, 3.0, 6.0]) + 1e4
    assert log_z(log_w).value == pytest.approx(1e4 + np.log(3.0), rel=1e-15)
    assert ess(log_w).value == pytest.approx(12**2 / (4 * 50), rel=1e-12)
    assert ess(np.full(7, -3.0)) == pytest.approx((1.0, 0.0), abs=1e-12)
    assert log_z(jnp.full(7, 5.0)) == pytest.approx((5.0, 0.0), abs=1e-12)
    assert elbo([1, 2, 3]) == pytest.approx((2.0, 1 / np.sqrt(3)))


def test_a_zero_weight_is_legal_and_lowers_the_figures():
    log_w = [0.0, 0.0, 0.0, -np.inf]
    assert log_z(log_w).value == pytest.approx(np.log(0.75))
    assert ess(log_w).value == pytest.approx(0.75)
    assert elbo(log_w) == (-np.inf, np.inf)
    assert count_nonfinite(log_w) == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_lost_draws_are_refused_or_count_as_zero_weights(bad):
    log_w = [0.5, bad, 0.5, 0.5]
    for figure in (log_z, ess, elbo, eubo):
        with pytest.raises(TargetError, match="1 of 4"):
            figure(log_w)
    assert count_nonfinite(log_w) == 1
    assert log_z(log_w, nonfinite="count").value == pytest.approx(0.5 + np.log(0.75))
    assert ess(log_w, nonfinite="count").value == pytest.approx(0.75)
    assert elbo(log_w, nonfinite="count") == pytest.approx((0.5, 0.0))


def test_losing_draws_never_improves_the_figures():
    log_w = 0.3 * np.random.default_rng(0).normal(size=1001)
    broken = np.where(np.arange(1001) % 3 == 0, np.nan, log_w)
    assert ess(broken, nonfinite="count").value < 0.7 < 0.9 < ess(log_w).value
    shift = log_z(broken, nonfinite="count").value - log_z(log_w).value
    assert abs(shift - np.log(2 / 3)) < 0.02


MALFORMED = {
    "scalar": (0.0, ShapeError, r"got \(\)"),
    "column": (np.zeros((5, 1)), ShapeError, r"got \(5, 1\)"),
    "empty": (np.zeros(0), ShapeError, "at least 2"),
    "single": (np.zeros(1), ShapeError, "at least 2"),
    "strings": (["0", "1"], DTypeError, "real numbers"),
    "bools": ([True, False], DTypeError, "real numbers"),
    "complex": ([1j, 0j], DTypeError, "real numbers"),
    "none": (None, DTypeError, "real numbers"),
    "all zero weights": ([-np.inf, -np.inf], TargetError, "weight zero|infinity in 2 of 2"),
}


@pytest.mark.parametrize("figure", [log_z, ess, elbo, eubo])
@pytest.mark.parametrize("log_w, error, words", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_log_weights(figure, log_w, error, words):
    with pytest.raises(error, match=words):
        figure(log_w)


@pytest.mark.parametrize("figure", [log_z, ess, elbo])
@pytest.mark.parametrize("nonfinite", ["ignore", None, ""])
def test_unknown_treatment_of_nonfinite_weights(figure, nonfinite):
    with pytest.raises(ConfigError, match="'raise' or 'count'"):
        figure([0.0, 1.0], nonfinite=nonfinite)


def test_nothing_but_lost_draws():
    for figure in (log_z, ess, elbo):
        with pytest.raises(TargetError, match="all 3 entries"):
            figure([np.nan] * 3, nonfinite="count")
