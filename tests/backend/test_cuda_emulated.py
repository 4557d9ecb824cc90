"""The whole cuda backend, from a call in Python to the kernels' sources, on an emulated GPU against the reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import emulated
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from triton_cases import JETS, N, array, coefficients, jet, terms

from transjet import ops
from transjet.backend import cuda, registry

pytestmark = pytest.mark.slow  # compiling the kernels takes a minute or two
CASES = [(name, way) for name in JETS for way in (None, "shared", "point") if name != "gradient_jet" or way is None]
TOLERANCE = {"default": 1e-5, "ieee": 1e-5, "bf16x3": 2e-3}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> emulated.Emulated:
    return emulated.build(tmp_path_factory.mktemp("emulated"))


@pytest.fixture(autouse=True)
def gpu(library: emulated.Emulated, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The cuda backend serves the CPU platform."""
    monkeypatch.setattr(cuda, "ffi", library)
    monkeypatch.setitem(registry.PLATFORMS, "cuda", ("cpu",))
    monkeypatch.setitem(registry._probes, "cuda", lambda: (True, "emulated"))
    yield
    jax.clear_caches()


def difference(function: Callable[..., Any], *operands: Any) -> float:
    """Largest difference between cuda and the reference over the reference's largest number, leaf by leaf."""
    results = []
    for backend in ("cuda", "xla"):
        with ops.use_backend(backend):
            found = jax.jit(lambda *a: function(*a))(*operands)  # a function of its own: nothing traced before
            results.append([np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(found)])
    return max(float(np.max(np.abs(a - b)) / np.max(np.abs(b))) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize(("name", "directions"), CASES)
def test_jets_in_every_role(name: str, directions: str | None) -> None:
    run, layers, points = jet(name, directions)
    along = jax.tree.map(jnp.cos, layers)
    assert difference(lambda w: run(w, *points), layers) < 1e-5
    assert difference(lambda w, v: jax.jvp(lambda w: run(w, *points), (w,), (v,)), layers, along) < 1e-5
    assert difference(lambda w, ct: jax.vjp(lambda w: run(w, *points), w)[1](ct), layers, coefficients(name)) < 1e-5


@pytest.mark.parametrize("precision", ["default", "ieee", "bf16x3"])
def test_products(precision: str) -> None:
    residual = terms()
    vectors = [term.layers for term in residual]
    with ops.use_precision(precision):
        product = difference(lambda w: ops.gauss_newton(residual, vectors, w), array(30, N))
        gram = difference(lambda x: ops.gram([residual[0]._replace(x=x), residual[1]]), residual[0].x)
    assert product < TOLERANCE[precision]
    assert gram < TOLERANCE[precision]


def test_bf16x3_is_another_arithmetic() -> None:
    run, layers, points = jet("laplacian_jet")
    with ops.use_precision("bf16x3"):
        assert 1e-6 < difference(lambda w: run(w, *points), layers) < TOLERANCE["bf16x3"]


def test_float64_and_transforms(x64: None) -> None:
    run, layers, points = jet("laplacian_jet")
    layers, points = jax.tree.map(lambda a: a.astype("float64"), (layers, points))
    assert difference(lambda w: run(w, *points), layers) < 1e-13
    batch = jnp.stack([points[0], -points[0]])
    assert difference(lambda b: jax.vmap(lambda x: run(layers, x, *points[1:]))(b), batch) < 1e-13
    assert difference(lambda b: jax.lax.map(lambda x: run(layers, x, *points[1:]), b), batch) < 1e-13
    loss = lambda w: sum(jnp.sum(jnp.sin(f)) for f in run(w, *points))  # noqa: E731
    assert difference(lambda w: jax.grad(loss)(w), layers) < 1e-12
    assert difference(lambda x: jax.grad(lambda x: jnp.sum(run(layers, x, *points[1:]).value))(x), points[0]) < 1e-12


def test_a_short_workspace_is_refused_in_words(library: emulated.Emulated, monkeypatch: pytest.MonkeyPatch) -> None:
    run, layers, points = jet("laplacian_jet")
    monkeypatch.setattr(library, "cuda_workspace_bytes", lambda *a, **k: 1024)
    with ops.use_backend("cuda"), pytest.raises(jax.errors.JaxRuntimeError, match="workspace must have at least"):
        jax.block_until_ready(run(layers, *points))
