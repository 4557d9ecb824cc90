"""Closed forms between Gaussians: annealing, time reversal, the Schroedinger bridge, optimal transport.

Densities are N(m(t), s(t)^2 I). Exact jets go in where those of networks would; the assembly must give zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.collocation import Points
from transjet.equations import (
    Equation,
    LearnedDrift,
    Noising,
    annealed,
    continuity,
    fokker_planck,
    optimal_transport,
    schroedinger_bridge,
    score,
)
from transjet.equations.linearization import centre
from transjet.errors import ConfigError
from transjet.models import MLP, DivergenceJet, GradientJet, LaplacianJet
from transjet.paths import AnnealedPath, BoundaryPath, GaussianPrior, Schedule, TimeFunction

D, N, LOG_Z, SIGMA, START, END = 3, 40, 1.3, 0.8, 1.5, 0.6
CENTRE = np.array([1.0, -2.0, 0.5])
NOISING = Noising(START, 2.0, 0.4)
PRIOR = GaussianPrior(D, START)
Law = Callable[[Any], tuple[Any, Any]]  # t -> mean, std


def gaussian(x: Any, mean: Any, std: Any) -> Any:
    return -0.5 * jnp.sum((x - mean) ** 2) / std**2 - 0.5 * D * jnp.log(2 * jnp.pi * std**2)


def log_rho(x: Any) -> Any:
    return gaussian(x, CENTRE, jnp.asarray(END, x.dtype)) + LOG_Z


def points() -> Points:
    rng = np.random.default_rng(0)
    return Points(jnp.asarray(1.5 * rng.standard_normal((N, D))), jnp.asarray(rng.uniform(0.1, 0.9, N)))


def straight(t: Any) -> Any:
    """Optimal transport: x moves to CENTRE + END / START x on a straight line."""
    return t * CENTRE, (1 - t) * START + t * END


def bridge(t: Any) -> Any:
    """The Schroedinger bridge of a Brownian motion: c is the covariance of both ends."""
    c = (math.sqrt(4 * START**2 * END**2 + SIGMA**4) - SIGMA**2) / 2
    variance = (1 - t) ** 2 * START**2 + t**2 * END**2 + 2 * t * (1 - t) * c + SIGMA**2 * t * (1 - t)
    return t * CENTRE, jnp.sqrt(variance)


def integral_of_beta(t: Any) -> Any:
    """From t to 1."""
    return NOISING.start * (1 - t) + (NOISING.end - NOISING.start) * (1 - t**2) / 2


def reversed_noising(t: Any) -> Any:
    left = jnp.exp(-integral_of_beta(t))
    return jnp.sqrt(left) * CENTRE, jnp.sqrt(START**2 * (1 - left) + END**2 * left)


def geometric(t: Any) -> Any:
    """(1 - b) log p_prior + b log rho with b = t^2: precisions are averaged."""
    b = t**2
    precision = (1 - b) / START**2 + b / END**2
    return b / END**2 * CENTRE / precision, 1 / jnp.sqrt(precision)


def density(law: Law) -> Any:
    return lambda x, t: gaussian(x, *law(t))


def flow(law: Law) -> Any:
    """The affine velocity m' + s'/s (x - m) that carries the densities."""

    def at(x: Any, t: Any) -> Any:
        (m, s), (dm, ds) = jax.jvp(law, (t,), (jnp.ones_like(t),))
        return dm + ds / s * (x - m)

    return at


def antiderivative(velocity: Any, law: Law) -> Any:
    """A function of x whose gradient is an isotropic affine velocity, and which vanishes at the mean."""

    def at(x: Any, t: Any) -> Any:
        m, _ = law(t)
        return 0.5 * jnp.sum((velocity(x, t) + velocity(m, t)) * (x - m))

    return at


def phi_of(law: Law) -> Any:
    """What the network in the boundary path's ansatz would have to be."""

    def at(x: Any, t: Any) -> Any:
        linear = (1 - t) * gaussian(x, 0.0, jnp.asarray(START)) + t * (log_rho(x) - LOG_Z)
        return (density(law)(x, t) - linear) / (t * (1 - t))

    return at


def scalar_jet(f: Any, kind: Any, at: Points) -> Any:
    first = [jax.vmap(g)(*at) for g in (f, jax.grad(f, 1), jax.grad(f))]
    if kind is GradientJet:
        return GradientJet(*first)
    return LaplacianJet(*first, jnp.trace(jax.vmap(jax.hessian(f))(*at), axis1=1, axis2=2))


def vector_jet(f: Any, at: Points) -> DivergenceJet:
    return DivergenceJet(jax.vmap(f)(*at), jnp.trace(jax.vmap(jax.jacfwd(f))(*at), axis1=1, axis2=2))


def added(*terms: tuple[float, Any]) -> Any:
    return lambda x, t: sum(factor * f(x, t) for factor, f in terms)


def residual(law: Equation, at: Points, **unknowns: Any) -> Any:
    return law.assemble(at, law.data(at), **unknowns)


BOUNDARY = BoundaryPath(PRIOR, log_rho)


def test_the_reversed_noising_solves_the_score_equation(x64: None) -> None:
    law = score(BOUNDARY, MLP(D, 1), NOISING)
    # The law is the prior at t = 0 only approximately, which phi makes up for inside of (0, 1).
    jets = {"potential": scalar_jet(phi_of(reversed_noising), LaplacianJet, points())}
    np.testing.assert_allclose(residual(law, points(), **jets, log_z=LOG_Z), 0, atol=1e-10)
    wrong = score(BOUNDARY, MLP(D, 1), Noising(START, 2.0, 0.5))
    assert np.abs(residual(wrong, points(), **jets, log_z=LOG_Z)).max() > 1e-2


def test_particles_of_the_score_follow_the_flow_of_the_densities(x64: None) -> None:
    at = points()
    v = scalar_jet(density(reversed_noising), LaplacianJet, at)
    for actual, expected in zip(NOISING.flow(*at, v), vector_jet(flow(reversed_noising), at), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-11)


def test_the_schroedinger_bridge_between_gaussians(x64: None) -> None:
    at = points()
    law = schroedinger_bridge(BOUNDARY, MLP(D, 1), MLP(D, 1), sigma=SIGMA)
    grad_v = jax.grad(density(bridge))
    mu = added((1.0, flow(bridge)), (SIGMA**2 / 2, grad_v))
    phi = antiderivative(added((1 / SIGMA**2, mu)), bridge)
    both = [
        residual(
            law, where, phi=scalar_jet(phi, LaplacianJet, where), log_z=LOG_Z,
            potential=scalar_jet(phi_of(bridge), LaplacianJet, where),
        )
        for where in (at, at._replace(x=jax.vmap(bridge)(at.t)[0]))
    ]  # fmt: skip
    np.testing.assert_allclose(both[0][0], 0, atol=1e-10)
    # Phi is known up to a function of time, which the second residual shows at the mean as everywhere else.
    np.testing.assert_allclose(both[0][1], both[1][1], atol=1e-10)


def test_a_bridge_at_rest_is_the_stationary_process(x64: None) -> None:
    """Prior and target alike, and the reference the process that leaves them alone: Phi = 0 solves both equations."""
    at, kappa = points(), SIGMA**2 / (2 * START**2)
    path = BoundaryPath(PRIOR, PRIOR.log_density)
    law = schroedinger_bridge(path, MLP(D, 1), MLP(D, 1), sigma=SIGMA, pull=kappa)
    zero = scalar_jet(lambda x, t: 0.0 * t * jnp.sum(x), LaplacianJet, at)
    np.testing.assert_allclose(residual(law, at, phi=zero, potential=zero, log_z=0.0), 0, atol=1e-12)
    other = schroedinger_bridge(path, MLP(D, 1), MLP(D, 1), sigma=SIGMA, pull=2 * kappa)
    assert np.abs(residual(other, at, phi=zero, potential=zero, log_z=0.0)[0]).max() > 1e-2


def test_the_pull_of_a_bridges_reference_enters_both_residuals(x64: None) -> None:
    """mu is the same with f and Phi + kappa |x|^2 / (2 sigma^2), but the second equation is another."""
    at, kappa = points(), 0.3
    plain = antiderivative(flow(bridge), bridge)
    tilted = added((1.0, plain), (1.0, lambda x, t: kappa / (2 * SIGMA**2) * jnp.sum(x * x)))
    potential = scalar_jet(phi_of(bridge), LaplacianJet, at)
    first, second = (
        residual(
            schroedinger_bridge(BOUNDARY, MLP(D, 1), MLP(D, 1), sigma=SIGMA, pull=k), at,
            phi=scalar_jet(f, LaplacianJet, at), potential=potential, log_z=LOG_Z,
        )
        for k, f in ((0.0, plain), (kappa, tilted))
    )  # fmt: skip
    np.testing.assert_allclose(first[0], second[0], rtol=1e-9, atol=1e-9)
    expected = kappa * D / 2 - kappa**2 * jnp.sum(at.x**2, axis=1) / (2 * SIGMA**2)
    np.testing.assert_allclose(second[1] - first[1], expected, rtol=1e-8, atol=1e-9)


def test_optimal_transport_between_gaussians(x64: None) -> None:
    at = points()
    law = optimal_transport(BOUNDARY, MLP(D, 1), MLP(D, 1))
    phi = antiderivative(flow(straight), straight)
    both = [
        residual(
            law, where, phi=scalar_jet(phi, LaplacianJet, where), log_z=LOG_Z,
            potential=scalar_jet(phi_of(straight), GradientJet, where),
        )
        for where in (at, at._replace(x=jax.vmap(straight)(at.t)[0]))
    ]  # fmt: skip
    np.testing.assert_allclose(both[0][0], 0, atol=1e-10)
    np.testing.assert_allclose(both[0][1], both[1][1], atol=1e-10)
    # Another affine flow between the same ends is no optimal transport.
    bent = residual(
        law, at, phi=scalar_jet(antiderivative(flow(bridge), bridge), LaplacianJet, at), log_z=LOG_Z,
        potential=scalar_jet(phi_of(bridge), GradientJet, at),
    )  # fmt: skip
    np.testing.assert_allclose(bent[0], 0, atol=1e-10)
    assert np.std(bent[1]) > 1e-3


def log_z_of(t: Any) -> Any:
    """log of the integral of p_prior^(1 - b) rho^b, from its value at the mean."""
    m, s = geometric(t)
    b = t**2
    return (1 - b) * gaussian(m, 0.0, jnp.asarray(START)) + b * log_rho(m) - gaussian(m, m, s)


@pytest.mark.parametrize("sigma", [0.0, SIGMA])
@pytest.mark.parametrize("gradient", [False, True])
def test_the_flow_along_a_geometric_path(gradient: bool, sigma: float, x64: None) -> None:
    at = points()
    path = AnnealedPath(PRIOR, log_rho, Schedule("quadratic"))
    law = annealed(path, LearnedDrift(MLP(D, 1 if gradient else D), gradient), sigma=sigma, terms=24)
    rate = jax.vmap(jax.grad(log_z_of))
    series = np.polynomial.Chebyshev.interpolate(lambda t: np.asarray(rate(jnp.asarray(t))), 23, domain=[0, 1])
    scalars = {f"rate_{j}": c for j, c in enumerate(series.coef)}
    mu = added((1.0, flow(geometric)), (sigma**2 / 2, jax.grad(density(geometric))))
    jet = scalar_jet(antiderivative(mu, geometric), LaplacianJet, at) if gradient else vector_jet(mu, at)
    np.testing.assert_allclose(residual(law, at, drift=jet, **scalars), 0, atol=1e-7)
    scalars["rate_1"] += 0.1
    assert np.abs(residual(law, at, drift=jet, **scalars)).max() > 1e-2


def test_centred_annealing_needs_no_rate_of_log_z(x64: None) -> None:
    """Without the unknown, the exact drift leaves a function of time, which centring takes away."""
    t = jnp.repeat(jnp.linspace(0.1, 0.9, 8), N // 8)
    at = points()._replace(t=t)
    law = annealed(AnnealedPath(PRIOR, log_rho, Schedule("quadratic")), MLP(D, D), terms=0)
    assert not law.scalars
    left = residual(law, at, drift=vector_jet(flow(geometric), at))
    assert np.abs(left).max() > 0.1
    np.testing.assert_allclose(centre(left, 8), 0, atol=1e-10)


@pytest.mark.parametrize("make", [continuity, fokker_planck, annealed])
def test_an_informed_drift_adds_the_score(make: Any, x64: None) -> None:
    at, pull = points(), TimeFunction("pull", 2)
    values = {"pull_0": 0.4, "pull_1": -0.7}
    path = AnnealedPath(PRIOR, log_rho) if make is annealed else BOUNDARY
    networks = () if make is annealed else (MLP(D, 1),)
    plain, informed = (make(path, LearnedDrift(MLP(D, D), informed=k), *networks) for k in (0, 2))
    mu = flow(straight)
    scores = jax.grad(log_rho)
    whole = added((1.0, mu), (1.0, lambda x, t: pull(t[None], values)[0] * scores(x)))
    others = {} if make is annealed else {"log_z": LOG_Z}
    others |= {name: 0.0 for name in plain.scalars if name != "log_z"}
    if networks:
        kind = LaplacianJet if make is fokker_planck else GradientJet
        others["potential"] = scalar_jet(phi_of(straight), kind, at)
    expected = residual(plain, at, drift=vector_jet(whole, at), **others)
    np.testing.assert_allclose(
        residual(informed, at, drift=vector_jet(mu, at), **others, **values), expected, rtol=1e-9, atol=1e-9
    )
    assert set(informed.scalars) - set(plain.scalars) == set(values)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Noising(1.0, 0.0, 1.0), "noising: expected positive std, start and end"),
        (lambda: LearnedDrift(MLP(D, D), True), "expected a network with 1 outputs; got 3"),
        (lambda: LearnedDrift(MLP(D, 1)), "expected a network with 3 outputs; got 1"),
        (lambda: LearnedDrift(MLP(D, D), informed=-1), "pull: terms: expected 0 or more"),
        (
            lambda: annealed(AnnealedPath(PRIOR, log_rho, kind="dilated"), LearnedDrift(MLP(D, D), informed=1)),
            "for an informed drift; got dilated",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()
