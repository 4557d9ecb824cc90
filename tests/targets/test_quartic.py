from __future__ import annotations

import jax
import numpy as np
import pytest
from scipy import integrate, special, stats

from transjet.errors import ConfigError, DTypeError
from transjet.targets._quartic import QuarticWell

DELTAS = (0.01, 0.5, 2.0, 4.0, 30.0)


@pytest.mark.parametrize("delta", DELTAS)
def test_log_z_is_the_bessel_function_form(delta):
    # Integral of exp(-(x^2 - a)^2) = pi sqrt(a) / 2 exp(-b) (I_{1/4}(b) + I_{-1/4}(b)), b = a^2 / 2.
    half = delta**2 / 2
    bessel = special.ive(0.25, half) + special.ive(-0.25, half)
    exact = np.log(0.5 * np.pi * np.sqrt(delta) * bessel)
    assert abs(QuarticWell(delta).log_z - exact) < 1e-12


@pytest.mark.parametrize("delta", DELTAS)
def test_variance_by_adaptive_quadrature(delta):
    def integral(power: int) -> float:
        peak = np.sqrt(delta)
        return integrate.quad(
            lambda x: x**power * np.exp(-((x**2 - delta) ** 2)),
            0,
            peak + 3,
            points=[peak],
            epsabs=0,
            epsrel=1e-11,
        )[0]

    np.testing.assert_allclose(QuarticWell(delta).variance, integral(2) / integral(0), rtol=1e-9)


@pytest.mark.parametrize(
    "delta, log_z, variance, mean_abs",
    [
        (4.0, -0.108211, 3.934105, 1.975015),
        (2.0, 0.293002, 1.835342, 1.319195),
    ],
)
def test_reference_values(delta, log_z, variance, mean_abs):
    well = QuarticWell(delta)
    np.testing.assert_allclose([well.log_z, well.variance], [log_z, variance], atol=6e-7)
    x = np.abs(np.asarray(well.sample(jax.random.key(0), (40_001,)), dtype=np.float64))
    assert abs(x.mean() - mean_abs) < 4 * x.std() / np.sqrt(len(x))


@pytest.mark.parametrize("delta", DELTAS)
def test_sampler_by_kolmogorov_smirnov(delta):
    reach = np.sqrt(delta + 7)
    x = np.linspace(-reach, reach, 200_001)
    cumulative = integrate.cumulative_trapezoid(np.exp(-((x**2 - delta) ** 2)), x, initial=0)
    draws = np.asarray(QuarticWell(delta).sample(jax.random.key(5), (201, 101))).ravel()
    assert stats.kstest(draws, lambda v: np.interp(v, x, cumulative / cumulative[-1])).pvalue > 1e-3 / len(DELTAS)
    assert np.abs(draws).max() < reach


@pytest.mark.parametrize(
    "delta, error", [(0.0, ConfigError), (-1.0, ConfigError), (np.nan, ConfigError), ("2", DTypeError)]
)
def test_malformed_delta(delta, error):
    with pytest.raises(error, match="delta"):
        QuarticWell(delta)
