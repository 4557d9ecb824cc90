"""How often operations are traced: once per shape, whatever the number of calls."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jet_oracle import JETS, Case, operands, operation, outputs_of

CASE = Case(3, 2, 1, (("tanh", 4),))


@pytest.mark.parametrize("name", JETS)
def test_a_jitted_call_is_traced_once_in_a_thousand(name: str) -> None:
    traces = []

    @jax.jit
    def run(args: Any, shift: Any) -> Any:
        traces.append(name)
        return operation(name, "tanh", args._replace(x=args.x + shift))

    args = operands(CASE, outputs_of(name, CASE.d))
    seen = {float(run(args, jnp.float32(i))[0].ravel()[0]) for i in range(1000)}
    assert len(traces) == 1
    assert len(seen) > 1


@pytest.mark.parametrize("name", JETS)
def test_a_call_is_one_primitive(name: str) -> None:
    args = operands(CASE, outputs_of(name, CASE.d))
    equations = jax.make_jaxpr(lambda args: operation(name, "tanh", args))(args).eqns
    assert [str(eqn.primitive) for eqn in equations] == [f"transjet_{name}"]
    grad = jax.make_jaxpr(jax.grad(lambda args: jnp.sum(operation(name, "tanh", args)[0])))(args).eqns
    names = [str(eqn.primitive) for eqn in grad]
    assert names.count(f"transjet_{name}") == 1
    assert names.count(f"transjet_{name}_cotangent") == 1
    assert f"transjet_{name}_tangent" not in names


@pytest.mark.parametrize("name", JETS)
def test_calls_repeat_bit_for_bit(name: str) -> None:
    args = operands(CASE, outputs_of(name, CASE.d))
    first = operation(name, "tanh", args)
    for _ in range(250):
        for a, b in zip(first, operation(name, "tanh", args), strict=True):
            np.testing.assert_array_equal(a, b)
