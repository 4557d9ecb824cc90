"""Divergences and Laplacians along random directions: no bias, the variance of the formula, products that fit."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from transjet.collocation import Points
from transjet.equations import Equation, continuity, fokker_planck
from transjet.errors import ConfigError
from transjet.models import MLP, TimeFeatures
from transjet.optim import ProductFirstOrder, halves
from transjet.paths import BoundaryPath, GaussianPrior

D, COPIES = 5, 4000
PATH = BoundaryPath(GaussianPrior(D, 1.5), lambda x: -0.5 * jnp.sum((x - 1) ** 2))
SCALED: dict[str, Any] = {"input_scale": 1.8, "output_scale": 1.6, "time": TimeFeatures(1), "last_gain": 1.0}
NETWORKS = MLP(D, D, (8,), "silu", **SCALED), MLP(D, 1, (8,), "tanh", **SCALED)
LOGCE, LOGFP = continuity(PATH, *NETWORKS), fokker_planck(PATH, *NETWORKS, sigma=0.9)


def points(n: int, copies: int = 1) -> Points:
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((n, D)), rng.uniform(0.2, 0.8, n)
    return Points(*(jnp.asarray(np.repeat(a, copies, axis=0), jnp.float32) for a in (x, t)))


def estimates(equation: Equation) -> tuple[np.ndarray, np.ndarray]:
    """Exact residuals of three points, (3,), and many estimates of each, (3, copies)."""
    params = equation.init(jax.random.key(1))
    exact = np.asarray(equation.residual(params, points(3)), np.float64)
    batch = equation.batch(points(3, COPIES), jax.random.key(2))
    return exact, np.asarray(jax.jit(equation.residual)(params, batch), np.float64).reshape(3, COPIES)


@pytest.mark.parametrize("kind", ["rademacher", "normal", "coordinates"])
@pytest.mark.parametrize("equation", [LOGCE, LOGFP], ids=["logCE", "logFP"])
def test_residuals_are_unbiased(equation: Equation, kind: str) -> None:
    exact, drawn = estimates(equation.with_directions(2, kind))
    errors = drawn.std(axis=1) / np.sqrt(COPIES)
    assert (errors > 1e-4).all(), "the test sees something"
    assert (np.abs(drawn.mean(axis=1) - exact) < 4 * errors).all()


def drift_jacobians(equation: Equation) -> np.ndarray:
    params, (x, t) = equation.init(jax.random.key(1)), points(3)
    drift = equation.unknowns["drift"].model
    one = jax.jacfwd(lambda x, t: drift.apply(params["drift"], x[None], t[None])[0])
    return np.asarray(jax.vmap(one)(x, t), np.float64)


@pytest.mark.parametrize("kind", ["rademacher", "normal", "coordinates"])
def test_the_variance_is_that_of_the_formula(kind: str) -> None:
    equation, k = LOGCE.with_directions(2, kind), 2
    drawn = estimates(equation)[1]
    jacobians = drift_jacobians(equation)
    even = 0.5 * (jacobians + jacobians.swapaxes(1, 2))
    diagonal = np.diagonal(jacobians, axis1=1, axis2=2)
    squares = (even**2).sum(axis=(1, 2))
    formula = {
        "rademacher": 2 / k * (squares - (diagonal**2).sum(axis=1)),
        "normal": 2 / k * squares,
        "coordinates": D**2 / k * (1 - k / D) * diagonal.var(axis=1, ddof=1),
    }[kind]
    centred = (drawn - drawn.mean(axis=1, keepdims=True)) ** 2
    assert (np.abs(centred.mean(axis=1) - formula) < 4.5 * centred.std(axis=1) / np.sqrt(COPIES)).all()


def test_the_square_is_biased_by_the_variance_and_the_product_is_not() -> None:
    equation = LOGCE.with_directions(4)
    params = equation.init(jax.random.key(1))
    exact, drawn = estimates(equation)
    squares = drawn**2 - drawn.var(axis=1, ddof=1)[:, None]
    assert (np.abs(squares.mean(axis=1) - exact**2) < 4.5 * (drawn**2).std(axis=1) / np.sqrt(COPIES)).all()
    batch = equation.batch(points(3, COPIES), jax.random.key(2))
    one, other = (np.asarray(equation.residual(params, b), np.float64) for b in halves(equation, batch))
    product = (one * other).reshape(3, COPIES)
    assert (np.abs(product.mean(axis=1) - exact**2) < 4.5 * product.std(axis=1) / np.sqrt(COPIES)).all()
    bias = (drawn**2).mean(axis=1) - exact**2
    assert (bias > 4 * (drawn**2).std(axis=1) / np.sqrt(COPIES)).any(), "which the square has"


@pytest.mark.parametrize("equation", [LOGCE, LOGFP], ids=["logCE", "logFP"])
def test_every_product_is_that_of_the_estimate(equation: Equation) -> None:
    equation = equation.with_directions(2)
    params = equation.init(jax.random.key(1))
    batch = equation.batch(points(4), jax.random.key(3))
    lin = equation.linearize(params, batch)
    np.testing.assert_allclose(lin.residual, equation.residual(params, batch), rtol=1e-4, atol=1e-5)
    rows = jax.jacrev(lambda p: equation.residual(p, batch))(params)
    dense = np.concatenate([np.asarray(leaf).reshape(4, -1) for leaf in jax.tree.leaves(rows)], axis=1)
    np.testing.assert_allclose(lin.gram(), dense @ dense.T, rtol=2e-4, atol=1e-3)
    u = jnp.arange(1.0, 5.0)
    flat = np.concatenate([np.asarray(leaf).ravel() for leaf in jax.tree.leaves(lin.vjp(u))])
    np.testing.assert_allclose(flat, np.asarray(u) @ dense, rtol=2e-4, atol=1e-3)


def test_without_a_key_all_is_exact_and_keys_draw_different_directions() -> None:
    equation = LOGFP.with_directions(3)
    assert equation.batch(points(4)).directions is None and LOGCE.batch(points(4), jax.random.key(0)).directions is None
    one, other = (equation.batch(points(4), jax.random.key(seed)).directions for seed in (0, 1))
    assert one is not None and other is not None and set(one) == {"drift", "potential"}
    assert one["drift"].shape == (4, 3, D) and not np.array_equal(one["drift"], other["drift"])
    assert not np.array_equal(one["drift"], one["potential"]) and not np.array_equal(one["drift"][0], one["drift"][1])
    assert set(LOGCE.with_directions(3).batch(points(4), jax.random.key(0)).directions or {}) == {"drift"}


def test_the_product_form_has_the_gradient_of_the_exact_loss_on_average() -> None:
    equation = LOGCE.with_directions(2)
    params = equation.init(jax.random.key(1))
    # With plain descent of rate one the update is minus the gradient.
    optimiser = ProductFirstOrder(optax.sgd(1.0))
    batch = equation.batch(points(3, COPIES), jax.random.key(2))
    new, _, info = jax.jit(lambda p: optimiser.step(equation, p, optimiser.init(p), batch))(params)
    exact_loss, exact = jax.value_and_grad(lambda p: jnp.mean(equation.residual(p, points(3)) ** 2))(params)
    step = jax.tree.map(jnp.subtract, params, new)
    difference = optax.tree.norm(jax.tree.map(jnp.subtract, step, exact))
    assert float(difference) < 0.1 * float(optax.tree.norm(exact))
    assert abs(float(info.loss) - float(exact_loss)) < 0.1 * float(exact_loss) + 0.02
    assert int(info.outcome) == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: LOGCE.with_directions(-1), "at least 0"),
        (lambda: halves(LOGCE, LOGCE.batch(points(2))), "with_directions"),
        (lambda: halves(odd := LOGCE.with_directions(3), odd.batch(points(2), jax.random.key(0))), "even number"),
        (
            lambda: halves(
                LOGCE.with_directions(2, "coordinates"),
                LOGCE.with_directions(2, "coordinates").batch(points(2), jax.random.key(0)),
            ),
            "coordinates",
        ),
        (lambda: LOGCE.with_directions(9, "coordinates").batch(points(2), jax.random.key(0)), "at most 5"),
        (lambda: LOGCE.with_directions(2, "sobol").batch(points(2), jax.random.key(0)), "kind"),
        (lambda: Equation({"u": LOGCE.unknowns["potential"]._replace(directions=2)}, lambda *a: a), "no trace"),
    ],
)
def test_malformed_directions(call: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        call()
