"""Weights of several residuals that adapt."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.collocation import Points
from transjet.equations import Equation, Unknown
from transjet.errors import ConfigError
from transjet.models import MLP
from transjet.train.balance import Balance

SCALE = 1e3


def _assemble(points: Points, data: Any, u: Any) -> Any:
    """The same residual twice, the second in other units."""
    residual = u.dt + jnp.sum(u.grad, axis=1) - 1
    return jnp.stack([residual, SCALE * residual])


def _problem() -> tuple[Equation, Any, Any]:
    equation = Equation({"u": Unknown(MLP(2, 1, (8,), last_gain=1.0), "gradient_jet")}, _assemble, residuals=2)
    rng = np.random.default_rng(0)
    points = Points(jnp.asarray(rng.standard_normal((32, 2))), jnp.asarray(rng.uniform(size=32)))
    return equation, equation.init(jax.random.key(1), jnp.float64), equation.batch(points)


@pytest.mark.parametrize("kind", ["gradient", "ntk"])
def test_the_weights_undo_a_change_of_units(kind: str, x64: None) -> None:
    equation, params, batch = _problem()
    balance = Balance(kind, decay=0.0)
    weights = balance.update(equation, params, batch, balance.init(equation, jnp.float64), jax.random.key(2))
    assert float(jnp.sum(weights)) == pytest.approx(2)
    # Both pulls, J_i^T R_i and the trace of J_i J_i^T, are quadratic in a residual's units.
    assert float(weights[0] / weights[1]) == pytest.approx(SCALE**2, rel=1e-9)


def test_sizes_are_those_of_the_dense_jacobian(x64: None) -> None:
    equation, params, batch = _problem()
    n = 32
    residual = equation.residual(params, batch).reshape(2, n)
    jacobian = jax.jacobian(lambda p: equation.residual(p, batch))(params)
    dense = jnp.concatenate([leaf.reshape(2, n, -1) for leaf in jax.tree.leaves(jacobian)], axis=2)
    gradient = Balance("gradient").sizes(equation, params, batch, jax.random.key(0))
    expected = jnp.linalg.norm(jnp.einsum("inp,in->ip", dense, residual), axis=1) / n
    np.testing.assert_allclose(gradient, expected, rtol=1e-10)
    traces = jnp.sum(dense**2, axis=(1, 2)) / n
    many = Balance("ntk", probes=400).sizes(equation, params, batch, jax.random.key(3))
    np.testing.assert_allclose(many, traces, rtol=0.25)  # 400 random signs


def test_weights_move_by_their_decay_and_stay_where_a_size_is_no_number(x64: None) -> None:
    equation, params, batch = _problem()
    start = jnp.asarray([1.0, 1.0])
    at_once = Balance("gradient", decay=0.0).update(equation, params, batch, start, jax.random.key(0))
    slowly = Balance("gradient", decay=0.75).update(equation, params, batch, start, jax.random.key(0))
    np.testing.assert_allclose(slowly, 0.75 * start + 0.25 * at_once, rtol=1e-12)
    broken = jax.tree.map(lambda leaf: leaf * jnp.nan, params)
    kept = Balance("gradient").update(equation, broken, batch, start, jax.random.key(0))
    np.testing.assert_array_equal(kept, start)


@pytest.mark.parametrize("options", [{"kind": "size"}, {"kind": "ntk", "decay": 1.0}, {"kind": "ntk", "probes": 0}])
def test_what_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="balance: expected"):
        Balance(**options)
