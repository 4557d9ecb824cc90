"""The solve of damped Gram systems."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jet_oracle import served_by

from transjet import ops
from transjet.errors import DTypeError, ShapeError

BACKENDS = served_by("cholesky_solve")


def system(n: int, condition: float = 1e3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A symmetric positive definite matrix with eigenvalues from 1 down to 1 / condition, and a right-hand side."""
    rng = np.random.default_rng(seed)
    vectors = np.linalg.qr(rng.standard_normal((n, n)))[0]
    matrix = (vectors * np.geomspace(1, 1 / condition, n)) @ vectors.T if n else np.zeros((0, 0))
    return (matrix + matrix.T) / 2, rng.standard_normal(n)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("n", [0, 1, 3, 63, 64, 65, 130, 321])
def test_it_solves_what_numpy_solves(n: int, backend: str, x64: None) -> None:
    matrix, rhs = system(n)
    got = ops.cholesky_solve(matrix, 1e-3, rhs, backend=backend)
    assert got.dtype == jnp.float64
    np.testing.assert_allclose(got, np.linalg.solve(matrix + 1e-3 * np.eye(n), rhs), rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("n", [5, 130])
def test_float32_operands_are_solved_in_float64(n: int, backend: str) -> None:
    # Condition number 1e9: in float32 nothing would be left.
    matrix = np.diag(2.0 ** -np.linspace(0, 30, n).round()).astype(np.float32)
    matrix[0, -1] = matrix[-1, 0] = 2.0**-16
    rhs = np.arange(1, n + 1).astype(np.float32)
    got = ops.cholesky_solve(matrix, 2.0**-40, rhs, backend=backend)
    assert got.dtype == jnp.float32
    np.testing.assert_allclose(got, np.linalg.solve(matrix.astype(float) + 2.0**-40 * np.eye(n), rhs), rtol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_backward_error_where_the_matrix_is_nearly_singular(backend: str, x64: None) -> None:
    matrix, rhs = system(200, 1e13)
    got = np.asarray(ops.cholesky_solve(matrix, 1e-13, rhs, backend=backend))
    left = np.linalg.norm((matrix + 1e-13 * np.eye(200)) @ got - rhs)
    assert left < 1e-13 * (np.linalg.norm(matrix, 2) * np.linalg.norm(got) + np.linalg.norm(rhs))


@pytest.mark.parametrize("backend", BACKENDS)
def test_only_the_lower_triangle_counts(backend: str, x64: None) -> None:
    matrix, rhs = system(70)
    spoilt = np.where(np.tri(70, dtype=bool), matrix, np.nan)
    one, other = (np.asarray(ops.cholesky_solve(a, 0.1, rhs, backend=backend)) for a in (matrix, spoilt))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("at", [0, 3, 64, 99])
def test_what_is_not_positive_definite_gives_nothing_finite(at: int, backend: str) -> None:
    diagonal = np.ones(100, np.float32)
    diagonal[at] = -1
    matrix = np.diag(diagonal) + 0.001
    assert not np.isfinite(ops.cholesky_solve(matrix.astype(np.float32), 0.5, np.ones(100, np.float32))).any()
    matrix[at, at] = np.nan
    assert not np.isfinite(
        ops.cholesky_solve(matrix.astype(np.float32), 0.5, np.ones(100, np.float32), backend=backend)
    ).any()


@pytest.mark.parametrize("backend", BACKENDS)
def test_under_jit_vmap_and_differentiation(backend: str, x64: None) -> None:
    matrix, rhs = (jnp.asarray(v) for v in system(66, 10))

    def solve(damping: float | jax.Array, b: jax.Array, backend: str = backend) -> jax.Array:
        return ops.cholesky_solve(matrix, damping, b, backend=backend)

    inverse = np.linalg.inv(np.asarray(matrix) + 0.5 * np.eye(66))
    np.testing.assert_allclose(jax.jit(solve)(0.5, rhs), inverse @ rhs, rtol=1e-10, atol=1e-12)
    many = jnp.stack([rhs, 2 * rhs, rhs[::-1]])
    np.testing.assert_allclose(jax.vmap(solve, (None, 0))(0.5, many), many @ inverse, rtol=1e-10, atol=1e-12)
    by_damping, by_rhs = jax.grad(lambda lam, b: solve(lam, b, "auto") @ b, (0, 1))(0.5, rhs)
    np.testing.assert_allclose(by_damping, -(rhs @ inverse @ inverse @ rhs), rtol=1e-10)
    np.testing.assert_allclose(by_rhs, 2 * inverse @ rhs, rtol=1e-10, atol=1e-12)


def test_operands_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"expected matrix \(n, n\) and rhs \(n,\); got \(3, 2\) and \(3,\)"):
        ops.cholesky_solve(np.ones((3, 2), np.float32), 1.0, np.ones(3, np.float32))
    with pytest.raises(ShapeError, match=r"damping: expected a scalar; got shape \(3,\)"):
        ops.cholesky_solve(np.eye(3, dtype=np.float32), np.ones(3), np.ones(3, np.float32))
    with pytest.raises(DTypeError, match="matrix: expected float32 or float64; got int"):
        ops.cholesky_solve(np.eye(3, dtype=int), 1.0, np.ones(3, np.float32))


def test_explain() -> None:
    choice = ops.explain("cholesky_solve", np.eye(3, dtype=np.float32), 1.0, np.ones(3, np.float32), backend="xla")
    assert choice.backend == "xla"
