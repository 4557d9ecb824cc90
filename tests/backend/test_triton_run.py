"""From operands to results through plans, chunks and the kernels themselves, in Triton's interpreter on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from interpreted import Interpreter, interpret
from triton_cases import JETS, array, coefficients, jet, network, terms

aot = pytest.importorskip("transjet_kernels.aot", reason="the package of kernels is not on the path")
from transjet import ops  # noqa: E402
from transjet.backend import Kernel, kernels, register_kernel, registry, triton_launch, triton_run  # noqa: E402

pytestmark = pytest.mark.skipif(aot.triton_version() is None, reason="triton is not installed")
N, CHUNK = 3, 2  # a whole chunk and a point: interpretation is slow


@pytest.fixture(scope="module")
def interpreter() -> Iterator[Interpreter]:
    yield from interpret()


@pytest.fixture(autouse=True)
def _kernels_in_place_of_the_core(interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cpu backend is that of Triton's kernels, interpreted, a few points at a time."""
    monkeypatch.setattr(registry, "_kernels", {})
    monkeypatch.setattr(registry, "_probes", {"cpu": lambda: (True, "interpreted")})
    for op, role, run in [
        *((name, role, getattr(triton_run, role)) for name in JETS for role in ("forward", "tangent", "cotangent")),
        ("gauss_newton", "forward", triton_run.gauss_newton),
        ("gram", "forward", triton_run.gram),
    ]:
        register_kernel(Kernel(op, role, "cpu", run, triton_run.refuses))
    assert len(kernels()) == 11
    monkeypatch.setattr(triton_launch, "run", interpreter.run)
    monkeypatch.setattr(triton_run, "chunk_of", lambda request, found: N if request.op == "gram" else CHUNK)


def check(function: Any, *operands: Any) -> None:
    """The same results as those of the reference."""
    found = jax.jit(function)(*operands)
    with ops.use_backend("xla"):
        expected = jax.jit(lambda *a: function(*a))(*operands)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        scale = max(1.0, float(jnp.max(jnp.abs(b))))
        np.testing.assert_allclose(a, b, rtol=0, atol=2e-5 * scale)


@pytest.mark.parametrize(
    ("name", "directions"), [("gradient_jet", None), ("laplacian_jet", "point"), ("divergence_jet", "shared")]
)
def test_jets_and_their_derivatives(name: str, directions: str | None) -> None:
    run, layers, points = jet(name, directions, N)
    check(run, layers, *points)
    change = jax.tree.map(lambda leaf: leaf[::-1], layers)
    check(lambda v: jax.jvp(lambda w: run(w, *points), (layers,), (v,))[1], change)
    check(lambda ct: jax.vjp(lambda w: run(w, *points), layers)[1](ct), coefficients(name, N))


def test_derivatives_in_everything_at_once() -> None:
    run, layers, points = jet("laplacian_jet", n=N)
    check(lambda v: jax.jvp(run, (layers, *points), v)[1], (layers, *points))
    check(lambda ct: jax.vjp(run, layers, *points)[1](ct), coefficients("laplacian_jet", N))


def test_derivatives_in_some_of_the_layers() -> None:
    run, layers, points = jet("divergence_jet", n=N)

    def of_one(weight: jax.Array) -> Any:
        return run((layers[0], (weight, layers[1][1]), layers[2]), *points)

    check(lambda v: jax.jvp(of_one, (layers[1][0],), (v,))[1], layers[1][0])
    check(lambda ct: jax.vjp(of_one, layers[1][0])[1](ct), coefficients("divergence_jet", N))


@pytest.mark.parametrize(
    ("names", "extra"),
    [
        (("gradient_jet",), ()),
        (("gradient_jet",), ("offset",)),
        (("divergence_jet", "laplacian_jet"), ("weights", "offset")),
    ],
)
def test_gauss_newton(names: tuple[str, ...], extra: tuple[str, ...]) -> None:
    residual = terms(names, N)
    vectors = [jax.tree.map(lambda leaf: leaf[::-1], term.layers) for term in residual]
    given = {name: array(40 + i, N) for i, name in enumerate(extra)}
    check(lambda v: ops.gauss_newton_with_product(residual, v, **given), vectors)


def test_gauss_newton_for_several_vectors() -> None:
    residual = terms(("gradient_jet",), N)
    stacked = [jax.tree.map(lambda leaf: jnp.stack([leaf, leaf[::-1], 2 * leaf]), residual[0].layers)]
    check(jax.vmap(lambda v: ops.gauss_newton(residual, v)), stacked)


def test_gram() -> None:
    check(lambda x: ops.gram([term._replace(x=x) for term in terms(n=N)]), array(1, N, 2))


def test_a_network_with_one_hidden_layer() -> None:
    layers, points = network(1, (5,)), jet("laplacian_jet", n=N)[2]
    check(lambda w: ops.laplacian_jet(w, *points, activation="sin"), layers)
