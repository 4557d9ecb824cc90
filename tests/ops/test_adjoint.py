"""<J v, u> = <v, J^T u> on 204 random networks: tangents and cotangents are each other's transposes."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jet_oracle import JETS, Case, operands, operation, outputs_of, quick_jit, served_by

CASES = [
    Case(5, 3, 1, (("tanh", 4), ("silu", 3)), ("point", 2)),
    Case(3, 1, 0, (("gelu", 7),), ("shared", 3)),
    Case(2, 4, 3, (("sin", 3), ("softplus", 5), ("tanh", 2))),
    Case(7, 2, 2),
]
SEEDS = 17


def dot(a: Any, b: Any) -> Any:
    return sum(jnp.sum(x * y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize(("name", "backend"), [(name, b) for name in JETS for b in served_by(name)])
def test_tangent_and_cotangent_are_adjoint(name: str, backend: str, case: Case, x64: None) -> None:
    outputs = outputs_of(name, case.d)

    @quick_jit
    def both_sides(args: Any, v: Any, phase: Any) -> tuple[Any, Any, Any]:
        fun = lambda args: operation(name, case.activation, args, backend)  # noqa: E731
        out, moved = jax.jvp(fun, (args,), (v,))
        u = tuple(jnp.sin(phase + jnp.arange(f.size, dtype=f.dtype)).reshape(f.shape) for f in out)
        pulled = jax.vjp(fun, args)[1](u)[0]
        size = jnp.sqrt(dot(moved, moved) * dot(u, u))
        return dot(moved, u), dot(pulled, v), size

    for seed in range(SEEDS):
        args, v = operands(case, outputs, 2 * seed, "float64"), operands(case, outputs, 2 * seed + 1, "float64")
        left, right, size = both_sides(args, v, jnp.asarray(float(seed)))
        assert size > 0
        np.testing.assert_allclose(left / size, right / size, rtol=0, atol=1e-13)


def test_there_are_at_least_200_cases() -> None:
    assert len(JETS) * len(CASES) * SEEDS >= 200
