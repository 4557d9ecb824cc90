"""Annealed paths, schedules and functions of time: ends, and derivatives against automatic ones."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.errors import ConfigError
from transjet.paths import PATHS, SCHEDULES, AnnealedPath, BoundaryPath, GaussianPrior, Schedule, TimeFunction

D, N = 2, 9
PRIOR = GaussianPrior(D, 1.5)


def log_rho(x: Any) -> Any:
    return -jnp.sum((x - 0.5) ** 4) + jnp.sin(x[0] * x[1])


def points() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.standard_normal((N, D))), jnp.asarray(rng.uniform(0.05, 0.95, N))


def values(schedule: Schedule) -> dict[str, Any]:
    return {name: jnp.asarray(0.7 * (-1.3) ** i) for i, name in enumerate(schedule.scalars)}


def made(kind: str, schedule: str) -> tuple[AnnealedPath, dict[str, Any]]:
    path = AnnealedPath(PRIOR, log_rho, Schedule(schedule), kind, power=0.3, scale=1.7, log_z0=0.4)
    return path, values(path.schedule)


@pytest.mark.parametrize("kind", PATHS)
def test_derivatives_are_those_of_the_value(kind: str, x64: None) -> None:
    path, scalars = made(kind, "cosine" if kind == "dilated" else "learned")

    def jet(x: Any, t: Any) -> Any:
        return path.jet(t, x, path.data(x, t, second_order=True), scalars)

    def value(x: Any, t: Any) -> Any:
        return jet(x[None], t[None]).value[0]

    @jax.jit
    def both(x: Any, t: Any) -> Any:
        v = jet(x, t)
        grads = jax.vmap(jax.grad(value, (0, 1)))(x, t)
        return (v.grad, v.dt, v.laplacian), (*grads, jnp.trace(jax.vmap(jax.hessian(value))(x, t), axis1=1, axis2=2))

    for actual, expected in zip(*both(*points()), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", PATHS)
def test_ends_are_prior_and_target(kind: str, x64: None) -> None:
    path, scalars = made(kind, "quadratic")
    x, _ = points()
    constant = path.log_z0 if kind in ("mixture", "tempered") else 0.0
    for t, expected in ((jnp.zeros(N), PRIOR.log_density(x)), (jnp.ones(N), jax.vmap(log_rho)(x) - constant)):
        np.testing.assert_allclose(path.jet(t, x, path.data(x, t), scalars).value, expected, rtol=1e-8, atol=1e-8)


def test_a_small_power_is_nearly_geometric_and_power_one_the_mixture(x64: None) -> None:
    x, t = points()

    def value(kind: str, power: float) -> Any:
        path = AnnealedPath(PRIOR, log_rho, kind=kind, power=power)
        return path.jet(t, x, path.data(x, t), {}).value

    np.testing.assert_allclose(value("tempered", 1e-6), value("geometric", 1.0), atol=1e-3)
    np.testing.assert_allclose(value("tempered", 1.0), value("mixture", 0.2), rtol=1e-12)


@pytest.mark.parametrize("kind", SCHEDULES)
def test_schedules_grow_from_zero_to_one_and_know_their_slope(kind: str, x64: None) -> None:
    schedule = Schedule(kind)
    scalars, t = values(schedule), jnp.linspace(0, 1, 101)
    b, slope = schedule(t, scalars)
    np.testing.assert_allclose((b[0], b[-1]), (0, 1), atol=1e-14)
    automatic = jax.vmap(jax.grad(lambda s: schedule(s[None], scalars)[0][0]))(t)
    np.testing.assert_allclose(slope, automatic, rtol=1e-11, atol=1e-12)
    assert np.all(np.asarray(slope[1:-1]) > 0)
    assert bool(schedule.scalars) == (kind == "learned")


def test_a_learned_schedule_takes_one_value_per_point_too(x64: None) -> None:
    schedule, (_, t) = Schedule("learned"), points()
    one = schedule(t, values(schedule))
    each = schedule(t, {name: value + 0 * t for name, value in values(schedule).items()})
    np.testing.assert_allclose(one, each, rtol=1e-14)


def test_time_functions_are_numpys_chebyshev_series_and_their_integrals(x64: None) -> None:
    function, coefficients = TimeFunction("rate", 6), np.array([0.3, -1.0, 0.5, 2.0, -0.7, 0.2])
    scalars, (_, t) = dict(zip(function.scalars, coefficients, strict=True)), points()
    series = np.polynomial.Chebyshev(coefficients, domain=[0, 1])
    np.testing.assert_allclose(function(t, scalars), series(np.asarray(t)), rtol=1e-11)
    np.testing.assert_allclose(function.integral(t, scalars), series.integ(lbnd=0)(np.asarray(t)), rtol=1e-11)
    np.testing.assert_array_equal(TimeFunction("none", 0)(t, {}), 0 * t)
    np.testing.assert_array_equal(TimeFunction("none", 0).integral(t, {}), 0 * t)


@pytest.mark.parametrize("path", [BoundaryPath, AnnealedPath])
def test_scores_are_clipped_to_the_length_asked_for_and_keep_their_direction(path: Any, x64: None) -> None:
    x, t = points()
    at = (x, t) if path is AnnealedPath else (x,)
    plain, clipped = (path(PRIOR, log_rho, score_clip=c).data(*at, second_order=True) for c in (0.0, 1.5))
    length = np.linalg.norm(plain.grad_rho, axis=1)
    assert length.min() < 1.5 < length.max()
    factor = np.minimum(1, 1.5 / length)
    np.testing.assert_allclose(clipped.grad_rho, factor[:, None] * plain.grad_rho, rtol=1e-12)
    np.testing.assert_allclose(clipped.lap_rho, factor * plain.lap_rho, rtol=1e-12)
    np.testing.assert_array_equal(clipped.log_rho, plain.log_rho)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AnnealedPath(PRIOR, log_rho, kind="arithmetic"), "path: kind: expected one of geometric"),
        (lambda: AnnealedPath(PRIOR, log_rho, power=0.0), r"power: expected a number in \(0, 1\]; got 0.0"),
        (lambda: AnnealedPath(PRIOR, log_rho, scale=-1.0), "scale: expected a positive number"),
        (lambda: AnnealedPath(PRIOR, log_rho, Schedule("learned"), "dilated"), "schedule: expected a fixed one"),
        (lambda: Schedule("sine"), "schedule: expected one of linear"),
        (lambda: TimeFunction("rate", -1), "rate: terms: expected 0 or more"),
    ],
)
def test_what_does_not_fit_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()
