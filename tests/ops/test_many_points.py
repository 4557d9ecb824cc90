"""A million and three points: no index wraps, no point is left out, and no power of two is needed."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jet_oracle import served_by

from transjet import ops

N = 1_000_003
LAYERS = {
    outputs: tuple(
        (jnp.asarray(rng.standard_normal((a, b)), jnp.float32), jnp.asarray(rng.standard_normal(b), jnp.float32))
        for a, b in ((3, 5), (5, outputs))
    )
    for outputs, rng in ((1, np.random.default_rng(0)), (2, np.random.default_rng(1)))
}


def points(n: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    rng = np.random.default_rng(2)
    x, tau = rng.standard_normal((n, 2), np.float32), rng.standard_normal((n, 1), np.float32)
    return jnp.asarray(x), jnp.asarray(tau), jnp.ones((n, 1))


@pytest.mark.parametrize("name", ops.JETS)
@pytest.mark.parametrize("backend", served_by("gradient_jet"))
def test_a_million_and_three(name: str, backend: str) -> None:
    layers, args = LAYERS[2 if name == "divergence_jet" else 1], points(N)

    def jet(layers: Any, *args: jax.Array) -> Any:
        return ops.JETS[name](layers, *args, backend=backend)

    whole = jax.jit(jet)(layers, *args)
    some = np.array([0, 1, 4095, 65536, 999_999, N - 2, N - 1])
    few = jet(layers, *(a[some] for a in args))
    for field, other in zip(whole, few, strict=True):
        np.testing.assert_allclose(field[some], other, rtol=2e-5, atol=2e-5)
        assert np.isfinite(field).all()

    def gradient(args: Any) -> Any:
        # Coefficients of alternating sign, so that sums do not grow with N.
        return jax.grad(lambda p: sum(jnp.sum(f.T * jnp.sin(args[0][:, 0])) for f in jet(p, *args)))(layers)

    cut = 400_001
    parts = [gradient(tuple(a[half] for a in args)) for half in (slice(0, cut), slice(cut, None))]
    for all_points, one, other in zip(*(jax.tree.leaves(g) for g in (gradient(args), *parts)), strict=True):
        np.testing.assert_allclose(all_points, one + other, rtol=2e-3, atol=3e-4 * np.abs(one).max() + 1)
