"""Several residuals per point, their weights, and rows centred in slices, against the dense Jacobian."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.collocation import Points
from transjet.equations import Equation, Unknown
from transjet.errors import ConfigError, ShapeError
from transjet.models import MLP

quick_jit = partial(
    jax.jit, compiler_options={"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}
)
D, N, K, SLICES = 2, 6, 2, 3
WEIGHTS = (2.5, 0.04)


def assemble(points: Points, data: Any, u: Any, b: Any, source: Any) -> Any:
    """Both residuals see the network u, one sees b, both the scalar."""
    transport = u.dt + b.divergence + jnp.sum(u.grad * b.value, axis=1) - source * data
    eikonal = u.dt + 0.5 * jnp.sum(u.grad**2, axis=1) + 0.3 * u.laplacian + source**2 * points.t
    return jnp.stack([transport, eikonal])


def system(**options: Any) -> Equation:
    networks = MLP(D, 1, (4,), last_gain=1.0, input_scale=1.7), MLP(D, D, (3,), last_gain=1.0)
    unknowns = {"u": Unknown(networks[0], "laplacian_jet"), "b": Unknown(networks[1], "divergence_jet")}
    return Equation(unknowns, assemble, {"source": 0.7}, data=lambda p: jnp.cos(p.x[:, 0]), residuals=K, **options)


def points() -> Points:
    rng = np.random.default_rng(0)
    t = np.repeat(rng.uniform(size=SLICES), N // SLICES)
    return Points(jnp.asarray(rng.standard_normal((N, D))), jnp.asarray(t))


def flat(tree: Any) -> np.ndarray:
    return np.concatenate([np.asarray(leaf).ravel() for leaf in jax.tree.leaves(tree)])


def numbers(like: Any, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda a: jnp.asarray(rng.standard_normal(a.shape)), like)


def dense() -> tuple[Any, np.ndarray, np.ndarray]:
    """Parameters, residual and Jacobian of the plain system, by reverse differentiation of the assembly."""
    law = system()
    params = law.init(jax.random.key(3), jnp.float64)

    def stacked(params: Any) -> Any:
        at = points()
        jets = {n: u.model.jet(u.jet, params[n], *at) for n, u in law.unknowns.items()}
        return assemble(at, jnp.cos(at.x[:, 0]), **jets, source=law.scalar_gain * params["source"]).reshape(K * N)

    rows = quick_jit(jax.jacrev(stacked))(params)
    matrix = np.concatenate([np.asarray(leaf).reshape(K * N, -1) for leaf in jax.tree.leaves(rows)], axis=1)
    return params, np.asarray(quick_jit(stacked)(params)), matrix


def projection() -> np.ndarray:
    """Centring within slices of every residual, written as a matrix."""
    size = N // SLICES
    return np.kron(np.eye(K * SLICES), np.eye(size) - np.full((size, size), 1 / size))


@pytest.mark.parametrize("centred", [0, SLICES])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_every_product_is_that_of_the_dense_jacobian(weights: Any, centred: int, x64: None) -> None:
    params, residual, jacobian = dense()
    left = np.diag(np.sqrt(np.repeat(weights or (1.0, 1.0), N)))
    left = projection() @ left if centred else left
    residual, jacobian = left @ residual, left @ jacobian
    law = system(weights=weights, centred=centred)
    v, (u, w) = numbers(params, 1), numbers((jnp.zeros(K * N), jnp.zeros(K * N)), 2)

    @quick_jit
    def products(params: Any, v: Any, u: Any, w: Any) -> Any:
        lin = law.linearize(params, points())
        both = lin.gauss_newton(v), lin.gauss_newton(v, w)
        return lin.residual, law.residual(params, points()), lin.jvp(v), lin.vjp(u), *both, lin.gram()

    own, plain, pushed, pulled, squared, weighted, gram = products(params, v, u, w)
    for actual, expected in (
        (own, residual),
        (plain, residual),
        (pushed, jacobian @ flat(v)),
        (flat(pulled), jacobian.T @ np.asarray(u)),
        (flat(squared), jacobian.T @ (jacobian @ flat(v))),
        (flat(weighted), jacobian.T @ (np.asarray(w) * (jacobian @ flat(v)))),
        (gram, jacobian @ jacobian.T),
    ):
        np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-10 * np.max(np.abs(expected)))


def test_a_function_of_time_does_not_count_when_centred(x64: None) -> None:
    law = system(centred=SLICES)
    shifted = Equation(
        law.unknowns,
        lambda points, data, **unknowns: assemble(points, data, **unknowns) + jnp.exp(3 * points.t),
        law.scalars, law.scalar_gain, law.data, residuals=K, centred=SLICES,
    )  # fmt: skip
    params = law.init(jax.random.key(3), jnp.float64)
    np.testing.assert_allclose(shifted.residual(params, points()), law.residual(params, points()), atol=1e-12)
    np.testing.assert_allclose(shifted.gram(params, points()), law.gram(params, points()), atol=1e-9)


def test_weights_can_be_replaced_in_a_traced_program(x64: None) -> None:
    law, params = system(), system().init(jax.random.key(3), jnp.float64)
    traced = quick_jit(lambda w: law.weighted(w).residual(params, points()))(jnp.asarray(WEIGHTS))
    np.testing.assert_allclose(traced, system(weights=WEIGHTS).residual(params, points()), rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": (1.0,)}, "weights: expected 2, one a residual"),
        ({"weights": (1.0, 0.0)}, "weights: expected positive numbers"),
        ({"centred": -1}, "expected residuals >= 1 and centred >= 0; got 2 and -1"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        system(**options)


def test_shapes_that_do_not_fit_are_refused() -> None:
    law = system(centred=4)
    with pytest.raises(ShapeError, match="expected a multiple of 4 for as many slices; got 6"):
        law.residual(law.init(jax.random.key(0)), Points(jnp.zeros((N, D)), jnp.zeros(N)))
    flat_law = Equation(law.unknowns, lambda *a, u, b: u.dt, residuals=K)
    with pytest.raises(ShapeError, match=r"expected a residual of shape \(2, 6\); got \(6,\)"):
        flat_law.residual(flat_law.init(jax.random.key(0)), Points(jnp.zeros((N, D)), jnp.zeros(N)))
