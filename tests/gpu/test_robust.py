"""Repeated calls, calls from several threads, and calls that are too large."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gpu_cases import array, fields, residual, term
from jet_oracle import Case

from transjet import ops

CASE = Case(1000, 2, 1, (("tanh", 64), ("tanh", 64)))
REPEATS = 250


def bits(tree: Any) -> list[bytes]:
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]


@pytest.mark.parametrize("role", ["gauss_newton", "gram"])
def test_repeated_calls_give_the_same_bits(role: str, backend: str) -> None:
    terms = residual(CASE if role == "gauss_newton" else CASE._replace(n=200), "float32", backend)
    vectors = [t.layers for t in terms]
    run = jax.jit(lambda v: ops.gauss_newton(terms, v) if role == "gauss_newton" else ops.gram(terms))
    first = bits(run(vectors))
    assert all(np.isfinite(np.frombuffer(leaf, np.float32)).all() for leaf in first)
    assert all(bits(run(vectors)) == first for _ in range(REPEATS))


def test_two_threads(backend: str) -> None:
    t = term("laplacian_jet", CASE, "float32", backend)
    run = jax.jit(lambda x: jax.vjp(lambda w: fields(t, w, x), t.layers)[1](t.coefficients))
    points = [array(seed, t.x.shape, "float32") for seed in range(8)]
    alone = [bits(run(x)) for x in points]
    assert alone[0] != alone[1]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda x: bits(run(x)), points * 10))
    assert together == alone * 10


def test_out_of_memory_is_an_exception_in_words(backend: str) -> None:
    # Some 500 TiB of coordinates, more than any processor can address; triton serves 128 of a point.
    n, d = (2**40, 100) if backend == "triton" else (2**28, 2**19)
    case = Case(1, d, 1, (("tanh", 4),))
    t = term("gradient_jet", case, "float32", backend)

    @jax.jit
    def run(layers: Any, scale: Any) -> Any:
        x, tau = (jnp.broadcast_to(scale, (n, k)) * scale for k in (d, 1))
        return jnp.sum(fields(t._replace(tau=tau, dtau=tau), layers, x).value)

    with pytest.raises(jax.errors.JaxRuntimeError, match=r"RESOURCE_EXHAUSTED|[Oo]ut of memory"):
        jax.block_until_ready(run(t.layers, jnp.float32(1)))
    small = term("gradient_jet", CASE, "float32", backend)
    assert np.isfinite(np.asarray(fields(small, small.layers, small.x).value)).all()
