"""Damped linear systems in float64, whatever surrounds them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.optim import damped_solve


def symmetric(eigenvalues: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A symmetric matrix with these eigenvalues, and its eigenvectors."""
    n = len(eigenvalues)
    vectors = np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0]
    matrix = (vectors * eigenvalues) @ vectors.T
    return (matrix + matrix.T) / 2, vectors


RHS = np.random.default_rng(1).standard_normal(12)


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit])
@pytest.mark.parametrize("damping", [1e-8, 1e-3, 10.0])
def test_it_solves_what_numpy_solves(damping: float, wrap: object, x64: None) -> None:
    matrix, _ = symmetric(np.geomspace(1e-3, 1e2, 12))
    solution = wrap(damped_solve)(jnp.asarray(matrix), damping, jnp.asarray(RHS))
    np.testing.assert_allclose(solution, np.linalg.solve(matrix + damping * np.eye(12), RHS), rtol=1e-9)


@pytest.mark.parametrize("n", [1, 2, 30])
def test_sizes(n: int, x64: None) -> None:
    matrix, _ = symmetric(np.linspace(0.5, 2, n))
    rhs = np.arange(1.0, n + 1)
    np.testing.assert_allclose(
        damped_solve(jnp.asarray(matrix), 0.1, jnp.asarray(rhs)), np.linalg.solve(matrix + 0.1 * np.eye(n), rhs)
    )


def test_nearly_singular_matrices(x64: None) -> None:
    values = np.concatenate([np.zeros(9), [1.0, 2.0, 5.0]])
    matrix, vectors = symmetric(values)
    damping = 1e-9
    solution = np.asarray(damped_solve(jnp.asarray(matrix), damping, jnp.asarray(RHS)))
    expected = vectors @ ((vectors.T @ RHS) / (values + damping))
    np.testing.assert_allclose(solution, expected, rtol=1e-5)
    range_of_a = vectors[:, 9:]
    np.testing.assert_allclose(range_of_a.T @ solution, (range_of_a.T @ RHS) / (values[9:] + damping), rtol=1e-5)


def test_eigenvalues_below_zero_count_as_zero(x64: None) -> None:
    values = np.concatenate([[-1e-5, -1e-7], np.zeros(7), [1.0, 2.0, 5.0]])
    matrix, vectors = symmetric(values)
    damping = 1e-6
    assert np.linalg.eigvalsh(matrix + damping * np.eye(12))[0] < 0
    expected = vectors @ ((vectors.T @ RHS) / (np.maximum(values, 0) + damping))
    for run in (damped_solve, jax.jit(damped_solve)):
        np.testing.assert_allclose(run(jnp.asarray(matrix), damping, jnp.asarray(RHS)), expected, rtol=1e-6)


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit])
def test_float32_in_and_out_float64_inside(wrap: object) -> None:
    # Condition number 1e9: hopeless in float32, easy in float64. Powers of two survive the conversion to float32.
    matrix = np.diag(2.0 ** -np.arange(0, 30, 3)).astype(np.float32)
    rhs = np.arange(1, 11).astype(np.float32)
    solution = wrap(damped_solve)(jnp.asarray(matrix), jnp.float32(2.0**-40), jnp.asarray(rhs))
    assert solution.dtype == jnp.float32
    np.testing.assert_allclose(solution, rhs / (np.diag(matrix).astype(np.float64) + 2.0**-40), rtol=1e-6)
    full, _ = symmetric(np.geomspace(1e-4, 1e3, 10))
    low = full.astype(np.float32)
    exact = np.linalg.solve(low.astype(np.float64) + 1e-4 * np.eye(10), rhs.astype(np.float64))
    solution = wrap(damped_solve)(jnp.asarray(low), 1e-4, jnp.asarray(rhs))
    np.testing.assert_allclose(solution, exact, rtol=1e-4, atol=1e-6 * np.abs(exact).max())


def test_float64_elsewhere_stays_as_it_was() -> None:
    damped_solve(jnp.eye(3), 1.0, jnp.ones(3))
    assert not jax.config.read("jax_enable_x64")
    assert (jnp.ones(2) * 1.5).dtype == jnp.float32


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_comes_out_as_such(bad: float) -> None:
    matrix, rhs = np.eye(4, dtype=np.float32), np.ones(4, np.float32)
    matrix[2, 1] = matrix[1, 2] = bad
    assert not np.isfinite(damped_solve(jnp.asarray(matrix), 1.0, jnp.asarray(rhs))).all()
    rhs[1] = bad
    assert not np.isfinite(damped_solve(jnp.eye(4), 1.0, jnp.asarray(rhs))).all()
