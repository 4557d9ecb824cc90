"""The path with both boundary conditions built in."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.errors import ConfigError
from transjet.paths import BoundaryPath, GaussianPrior

D, N = 3, 6
LOG_Z = -0.8
PRIOR = GaussianPrior(D, 1.7)


class Jet(NamedTuple):
    """What the path needs of phi."""

    value: Any
    dt: Any
    grad: Any
    laplacian: Any = None


def log_rho(x: Any) -> Any:
    """A well that mixes the coordinates."""
    return -((jnp.sum(x) - 1) ** 2) - 0.3 * jnp.sum(x**4) + jnp.sin(x[0] * x[1])


def phi(x: Any, t: Any) -> Any:
    return jnp.sin(x[0] + 2 * x[1] * t) + t**2 * x[2] ** 3


def points(dtype: str = "float64") -> tuple[jax.Array, jax.Array]:
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.standard_normal((N, D)), dtype), jnp.asarray(rng.uniform(size=N), dtype)


def jet_of(f: Any, x: jax.Array, t: jax.Array) -> Jet:
    """By autodiff, point by point."""

    def point(x: Any, t: Any) -> Jet:
        return Jet(f(x, t), jax.grad(f, 1)(x, t), jax.grad(f)(x, t), jnp.trace(jax.hessian(f)(x, t)))

    return jax.jit(jax.vmap(point))(x, t)


def random_jet(x: jax.Array, t: jax.Array) -> Jet:
    rng = np.random.default_rng(9)
    return Jet(*(jnp.asarray(rng.standard_normal(s), x.dtype) for s in ((N,), (N,), (N, D), (N,))))


PATH = BoundaryPath(PRIOR, log_rho)
NARROW = BoundaryPath(PRIOR, log_rho, precision_ratio=40.0)
second_order = jax.jit(lambda x: PATH.data(x, second_order=True))


def v(x: Any, t: Any) -> Any:
    """V as it is written in the paper."""
    return interpolated(x, t, t)


def interpolated(x: Any, t: Any, b: Any) -> Any:
    return (1 - b) * PRIOR.log_density(x) + b * (log_rho(x) - LOG_Z) + t * (1 - t) * phi(x, t)


def narrow_v(x: Any, t: Any) -> Any:
    """The same with the precision of a Gaussian growing by the factor 40^t."""
    return interpolated(x, t, (40**t - 1) / 39)


@pytest.mark.parametrize(("path", "written"), [(PATH, v), (NARROW, narrow_v)], ids=["linear", "ratio"])
def test_jet_is_that_of_v(path: BoundaryPath, written: Any, x64: None) -> None:
    x, t = points()
    jet = path.jet(t, second_order(x), jet_of(phi, x, t), jnp.asarray(LOG_Z))
    for name, expected in jet_of(written, x, t)._asdict().items():
        np.testing.assert_allclose(getattr(jet, name), expected, rtol=1e-12, atol=1e-12, err_msg=name)


def test_the_ratio_makes_the_precision_grow_evenly(x64: None) -> None:
    path = BoundaryPath(PRIOR, log_rho, precision_ratio=500.0)
    t = jnp.linspace(0, 1, 11)
    b, db = path.schedule(t)
    np.testing.assert_allclose(jnp.log(1 - b + 500 * b), t * np.log(500), atol=1e-12)
    np.testing.assert_allclose(db, jax.vmap(jax.grad(lambda t: path.schedule(t)[0]))(t), rtol=1e-12)


def test_the_variance_ratio_makes_the_variance_grow_evenly(x64: None) -> None:
    path = BoundaryPath(PRIOR, log_rho, variance_ratio=90.0)
    t = jnp.linspace(0, 1, 11)
    b, db = path.schedule(t)
    np.testing.assert_allclose(-jnp.log(1 - b + b / 90), t * np.log(90), atol=1e-12)
    np.testing.assert_allclose(db, jax.vmap(jax.grad(lambda t: path.schedule(t)[0]))(t), rtol=1e-12)


def test_with_both_ratios_both_ends_get_their_time(x64: None) -> None:
    r, q = 300.0, 50.0
    path = BoundaryPath(PRIOR, log_rho, precision_ratio=r, variance_ratio=q)
    t = jnp.linspace(0, 1, 101)
    b, db = path.schedule(t)
    assert (b[0], b[-1]) == (0, 1)
    np.testing.assert_allclose(db, jax.vmap(jax.grad(lambda t: path.schedule(t)[0]))(t), rtol=1e-12)
    rates = db / ((b + 1 / (r - 1)) * (1 - b + 1 / (q - 1)))
    np.testing.assert_allclose(rates, rates[0], rtol=1e-12)


@pytest.mark.parametrize("ratio", [0.5, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["precision_ratio", "variance_ratio"])
def test_a_ratio_that_is_none_is_refused(name: str, ratio: float) -> None:
    with pytest.raises(ConfigError, match=f"{name}: expected a number of 1 or more"):
        BoundaryPath(PRIOR, log_rho, **{name: ratio})


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_blended_data_are_those_of_a_target_between(share: float, x64: None) -> None:
    x, _ = points()

    def between(x: Any) -> Any:
        return share * log_rho(x) + (1 - share) * PRIOR.log_density(x)

    data = second_order(x)
    blended, expected = data.blended(jnp.asarray(share)), BoundaryPath(PRIOR, between).data(x, second_order=True)
    for name, value in expected._asdict().items():
        np.testing.assert_allclose(getattr(blended, name), value, rtol=1e-10, atol=1e-12, err_msg=name)
    assert data._replace(lap_rho=None, lap_prior=None).blended(jnp.asarray(share)).lap_rho is None


def test_first_order_data_give_a_first_order_jet(x64: None) -> None:
    x, t = points()
    data = jax.jit(PATH.data)(x)
    assert data.lap_prior is None
    assert data.lap_rho is None
    jet = PATH.jet(t, data, jet_of(phi, x, t)._replace(laplacian=None), jnp.asarray(LOG_Z))
    assert jet.laplacian is None
    whole = PATH.jet(t, second_order(x), jet_of(phi, x, t), jnp.asarray(LOG_Z))
    for name in ("value", "dt", "grad"):
        np.testing.assert_array_equal(getattr(jet, name), getattr(whole, name))


@pytest.mark.parametrize("path", [PATH, NARROW], ids=["linear", "ratio"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_both_ends_are_exact_whatever_phi_is(dtype: str, path: BoundaryPath, x64: None) -> None:
    x, _ = points(dtype)
    data = second_order(x)
    log_z = jnp.asarray(LOG_Z, dtype)
    start = path.jet(jnp.zeros(N, dtype), data, random_jet(x, x[:, 0]), log_z)
    np.testing.assert_array_equal(start.value, data.log_prior)
    np.testing.assert_array_equal(start.grad, data.grad_prior)
    np.testing.assert_array_equal(start.laplacian, data.lap_prior)
    end = path.jet(jnp.ones(N, dtype), data, random_jet(x, x[:, 0]), log_z)
    np.testing.assert_array_equal(end.value, data.log_rho - log_z)
    np.testing.assert_array_equal(end.grad, data.grad_rho)
    np.testing.assert_array_equal(end.laplacian, data.lap_rho)
    assert {str(leaf.dtype) for leaf in (*start, *end, *data)} == {dtype}


def test_data_are_the_log_densities_and_their_derivatives(x64: None) -> None:
    x, t = points()
    data = second_order(x)
    for f, got in (
        (lambda x, t: PRIOR.log_density(x), (data.log_prior, data.grad_prior, data.lap_prior)),
        (lambda x, t: log_rho(x), (data.log_rho, data.grad_rho, data.lap_rho)),
    ):
        expected = jet_of(f, x, t)
        for a, e in zip(got, (expected.value, expected.grad, expected.laplacian), strict=True):
            np.testing.assert_allclose(a, e, rtol=1e-12, atol=1e-12)


def test_log_z_per_point_is_legal(x64: None) -> None:
    x, t = points()
    data, jet = PATH.data(x), random_jet(*points())
    one, each = (PATH.jet(t, data, jet, jnp.full(shape, LOG_Z)) for shape in ((), (N,)))
    np.testing.assert_array_equal(one.value, each.value)


def test_no_points(x64: None) -> None:
    data = PATH.data(jnp.zeros((0, D)), second_order=True)
    assert [leaf.shape for leaf in data] == [(0,), (0, D), (0,), (0, D), (0,), (0,)]
