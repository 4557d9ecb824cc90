"""Manufactured solutions: a flow from one Gaussian to another whose drift and log density are known exactly.

V = log N(x; m(t), s(t)^2 I) obeys the continuity equation with b = m' + s'/s (x - m), and the Fokker-Planck equation
with b + sigma^2/2 grad V. Exact jets go in where those of networks would; the equations' own assembly must give zero.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.collocation import Points
from transjet.equations import Equation, continuity, fokker_planck
from transjet.models import MLP, DivergenceJet, GradientJet, LaplacianJet
from transjet.paths import BoundaryPath, GaussianPrior

D, N, SIGMA, LOG_Z = 3, 257, 0.8, 1.3
START, END, CENTRE = 1.5, 0.6, np.array([1.0, -2.0, 0.5])
BOUND = {"float32": 1e-5, "float64": 1e-11}


def mean(t: Any) -> Any:
    return t**2 * jnp.asarray(CENTRE, t.dtype)


def std(t: Any) -> Any:
    return START * (END / START) ** t


def gaussian(x: Any, centre: Any, scale: Any) -> Any:
    return -0.5 * jnp.sum((x - centre) ** 2) / scale**2 - 0.5 * D * jnp.log(2 * jnp.pi * scale**2)


def log_rho(x: Any) -> Any:
    """The target, unnormalised."""
    return gaussian(x, jnp.asarray(CENTRE, x.dtype), jnp.asarray(END, x.dtype)) + LOG_Z


def v(x: Any, t: Any) -> Any:
    return gaussian(x, mean(t), std(t))


def phi(x: Any, t: Any) -> Any:
    """What the network in the path's ansatz would have to be."""
    linear = (1 - t) * gaussian(x, 0.0, jnp.asarray(START)) + t * (log_rho(x) - LOG_Z)
    return (v(x, t) - linear) / (t * (1 - t))


def drift(x: Any, t: Any, sigma: float) -> Any:
    rate = jax.grad(std)(t) / std(t)
    return jax.jvp(mean, (t,), (jnp.ones_like(t),))[1] + rate * (x - mean(t)) + sigma**2 / 2 * jax.grad(v)(x, t)


def points() -> Points:
    rng = np.random.default_rng(0)
    return Points(jnp.asarray(1.5 * rng.standard_normal((N, D))), jnp.asarray(rng.uniform(0.1, 0.9, N)))


def exact_jets(name: str, dtype: str) -> dict[str, Any]:
    """The unknowns of either equation at `points`, computed in float64."""
    sigma = SIGMA if name == "fokker_planck" else 0.0

    def at(x: Any, t: Any) -> Any:
        mu = DivergenceJet(drift(x, t, sigma), jnp.trace(jax.jacfwd(drift)(x, t, sigma)))
        first = (phi(x, t), jax.grad(phi, 1)(x, t), jax.grad(phi)(x, t))
        if name == "continuity":
            return mu, GradientJet(*first)
        return mu, LaplacianJet(*first, jnp.trace(jax.hessian(phi)(x, t)))

    mu, potential = jax.tree.map(lambda a: a.astype(dtype), jax.jit(jax.vmap(at))(*points()))
    return {"drift": mu, "potential": potential, "log_z": jnp.asarray(LOG_Z, dtype)}


def equation(name: str) -> Equation:
    path = BoundaryPath(GaussianPrior(D, START), log_rho)
    if name == "continuity":
        return continuity(path, MLP(D, D), MLP(D, 1))
    return fokker_planck(path, MLP(D, D), MLP(D, 1), sigma=SIGMA)


def relative_residual(name: str, dtype: str, jets: dict[str, Any]) -> float:
    """The largest residual, relative to the largest of its terms."""
    at = Points(*(a.astype(dtype) for a in points()))
    law = equation(name)
    residual = np.asarray(law.assemble(at, law.data(at), **jets))
    assert (residual.shape, residual.dtype) == ((N,), dtype)
    mu, grad = jets["drift"], jax.vmap(jax.grad(v))(*at)
    sizes = [jax.vmap(jax.grad(v, 1))(*at), mu.divergence, jnp.sum(grad * mu.value, axis=1)]
    return float(np.max(np.abs(residual)) / np.max([np.max(np.abs(size)) for size in sizes]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["continuity", "fokker_planck"])
def test_exact_solution_has_no_residual(name: str, dtype: str, x64: None) -> None:
    assert relative_residual(name, dtype, exact_jets(name, dtype)) <= BOUND[dtype]


@pytest.mark.parametrize(
    ("name", "unknown", "field"),
    [
        ("continuity", "drift", "value"),
        ("continuity", "drift", "divergence"),
        ("continuity", "potential", "value"),
        ("continuity", "potential", "dt"),
        ("continuity", "potential", "grad"),
        ("fokker_planck", "drift", "value"),
        ("fokker_planck", "drift", "divergence"),
        ("fokker_planck", "potential", "dt"),
        ("fokker_planck", "potential", "grad"),
        ("fokker_planck", "potential", "laplacian"),
    ],
)
def test_no_term_can_go_missing(name: str, unknown: str, field: str, x64: None) -> None:
    jets = exact_jets(name, "float64")
    jets[unknown] = jets[unknown]._replace(**{field: 0 * getattr(jets[unknown], field)})
    assert relative_residual(name, "float64", jets) > 1e-3


@pytest.mark.parametrize("name", ["continuity", "fokker_planck"])
def test_a_wrong_normaliser_shows(name: str, x64: None) -> None:
    jets = exact_jets(name, "float64") | {"log_z": jnp.asarray(LOG_Z + 0.5)}
    law = equation(name)
    residual = law.assemble(points(), law.data(points()), **jets)
    np.testing.assert_allclose(residual, -0.5, atol=1e-10)


def test_the_two_equations_agree_without_diffusion(x64: None) -> None:
    path = BoundaryPath(GaussianPrior(D, START), log_rho)
    drift, potential = MLP(D, D, (4,)), MLP(D, 1, (5,))
    first, second = continuity(path, drift, potential), fokker_planck(path, drift, potential, sigma=0.0)
    params = first.init(jax.random.key(0), jnp.float64)
    np.testing.assert_allclose(first.residual(params, points()), second.residual(params, points()), rtol=1e-11)
