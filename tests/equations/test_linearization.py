"""A residual's linearisation against the dense Jacobian that reverse differentiation gives."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.collocation import Points
from transjet.equations import Equation, Unknown, continuity, fokker_planck
from transjet.models import MLP, TimeFeatures
from transjet.paths import BoundaryPath, GaussianPrior

# Compilation is most of these tests' time, and its optimisations are not what they are about.
quick_jit = partial(
    jax.jit, compiler_options={"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}
)
D, N = 2, 6
PATH = BoundaryPath(GaussianPrior(D, 1.5), lambda x: -jnp.sum((x**2 - 1) ** 2) + jnp.sin(x[0] * x[1]))
SCALED = {"input_scale": 1.8, "output_scale": 0.6, "time": TimeFeatures(1), "last_gain": 1.0}
NETWORKS = MLP(D, D, (4,), "silu", **SCALED), MLP(D, 1, (3, 5), ("tanh", "gelu"), **SCALED)


def burgers(points: Any, data: Any, u: Any, viscosity: Any, source: Any) -> Any:
    """A user's own equation, nonlinear in one network, with two scalars."""
    return u.dt + u.value * jnp.sum(u.grad, axis=1) - viscosity * u.laplacian + source**2 * data


EQUATIONS: dict[str, Equation] = {
    "continuity": continuity(PATH, *NETWORKS, log_z=0.3),
    "fokker_planck": fokker_planck(PATH, *NETWORKS, sigma=0.9),
    "user's own": Equation(
        {"u": Unknown(NETWORKS[1], "laplacian_jet")},
        burgers,
        {"viscosity": 0.1, "source": 2.0},
        data=lambda points: jnp.cos(points.x[:, 0]),
    ),
}


def points() -> Points:
    rng = np.random.default_rng(0)
    return Points(jnp.asarray(rng.standard_normal((N, D))), jnp.asarray(rng.uniform(size=N)))


def flat(tree: Any) -> np.ndarray:
    return np.concatenate([np.asarray(leaf).ravel() for leaf in jax.tree.leaves(tree)])


def numbers(like: Any, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda a: jnp.asarray(rng.standard_normal(a.shape)), like)


@pytest.mark.parametrize("name", EQUATIONS)
def test_every_product_is_that_of_the_dense_jacobian(name: str, x64: None) -> None:
    law = EQUATIONS[name]
    params = law.init(jax.random.key(3), jnp.float64)
    v, (u, w) = numbers(params, 1), numbers((jnp.zeros(N), jnp.zeros(N)), 2)

    @quick_jit
    def products(params: Any, v: Any, u: Any, w: Any) -> Any:
        lin = law.linearize(params, points())
        return lin.residual, lin.jvp(v), lin.vjp(u), lin.gauss_newton(v), lin.gauss_newton(v, w), lin.gram()

    residual, pushed, pulled, plain, weighted, gram = products(params, v, u, w)
    dense = quick_jit(jax.jacrev(law.residual))(params, points())
    jacobian = np.concatenate([np.asarray(leaf).reshape(N, -1) for leaf in jax.tree.leaves(dense)], axis=1)
    np.testing.assert_allclose(residual, quick_jit(law.residual)(params, points()), rtol=1e-12)
    assert jax.tree.structure(pulled) == jax.tree.structure(params)
    for actual, expected in (
        (pushed, jacobian @ flat(v)),
        (flat(pulled), jacobian.T @ np.asarray(u)),
        (flat(plain), jacobian.T @ (jacobian @ flat(v))),
        (flat(weighted), jacobian.T @ (np.asarray(w) * (jacobian @ flat(v)))),
        (gram, jacobian @ jacobian.T),
    ):
        np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-10 * np.max(np.abs(expected)))


def test_float32_stays_float32() -> None:
    law = EQUATIONS["continuity"]
    params = law.init(jax.random.key(3))
    at = Points(*(jnp.asarray(np.asarray(a), jnp.float32) for a in points()))

    def products(params: Any) -> Any:
        lin = law.linearize(params, at)
        return lin.residual, lin.vjp(lin.jvp(params)), lin.gram()

    shapes = jax.eval_shape(products, params)
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(shapes)} == {"float32"}


def test_the_equations_own_methods_are_those_of_its_linearization(x64: None) -> None:
    law = EQUATIONS["user's own"]
    params = law.init(jax.random.key(4), jnp.float64)
    v, w = numbers(params, 1), jnp.arange(1.0, N + 1)

    @quick_jit
    def both(params: Any) -> Any:
        lin, at = law.linearize(params, points()), (params, points())
        own = law.gram(*at), law.gauss_newton(*at, v), law.gauss_newton(*at, v, w)
        return own, (lin.gram(), lin.gauss_newton(v), lin.gauss_newton(v, w))

    jax.tree.map(np.testing.assert_array_equal, *both(params))
