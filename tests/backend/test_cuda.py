"""The cuda backend's rows: what they serve, what they refuse, and the custom calls that a program for CUDA has."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jax
import pytest
from triton_cases import JETS, N, array, coefficients, jet, network, terms

from transjet import ops
from transjet.backend import availability, cuda, ffi, kernels
from transjet.errors import BackendError, ConfigError

BUILD = ffi.core_status().build.get("cuda", {"compiled": False, "reason": ffi.core_status().reason})
needs_kernels = pytest.mark.skipif(not BUILD["compiled"], reason=f"no CUDA kernels: {BUILD['reason']}")
CALL = re.compile(r"custom_call @(transjet_\w+)\((.*?)\) \{(.*?)\} : \((.*?)\) -> (.*)")


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if JAX had a GPU; programs are made for it and not run."""
    monkeypatch.setattr(cuda, "device", lambda: ("some GPU", 90))


def calls(function: Callable[..., Any], *operands: Any) -> list[tuple[str, str, str]]:
    """Name, attributes and results of every custom call in a function's program for CUDA."""
    with ops.use_backend("cuda"):
        text = jax.jit(function).trace(*operands).lower(lowering_platforms=("cuda",)).as_text()
    return [(name, attrs, out) for name, _, attrs, _, out in CALL.findall(text)]


def names(function: Callable[..., Any], *operands: Any) -> list[str]:
    return [name for name, _, _ in calls(function, *operands)]


def on_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check before tracing asks for the default platform."""
    monkeypatch.setattr("transjet.backend.primitive._default_platform", lambda: "cuda")


# --- rows and availability ---


def test_the_rows_of_this_backend() -> None:
    rows = {(row.op, row.role) for row in kernels() if row.backend == "cuda"}
    roles = {(name, role) for name in JETS for role in ("forward", "tangent", "cotangent")}
    assert rows == roles | {("gauss_newton", "forward"), ("gram", "forward")}


def test_by_name_it_is_refused_on_the_cpu() -> None:
    _, layers, points = jet("laplacian_jet")
    with pytest.raises(BackendError, match="backend='cuda' cannot run .*: runs on cuda, this is compiled for cpu"):
        ops.laplacian_jet(layers, *points, backend="cuda")


def test_it_says_why_it_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    build = {"compiled": False, "reason": "switched off", "architectures": "80-real"}
    monkeypatch.setattr(ffi, "core_status", lambda: ffi.CoreStatus(True, "here", {"cuda": build}))
    assert availability("cuda") == ("cuda", False, "the compiled core has no CUDA kernels: switched off")
    build["compiled"] = True
    monkeypatch.setattr(cuda, "device", lambda: None)
    assert availability("cuda") == ("cuda", False, "there is no NVIDIA GPU that JAX can use")
    monkeypatch.setattr(cuda, "device", lambda: ("old GPU", 75))
    assert availability("cuda").reason.endswith("kernels for 80-real, this is old GPU, compute capability 7.5")
    monkeypatch.setattr(cuda, "device", lambda: ("new GPU", 86))
    assert availability("cuda").available


@pytest.mark.parametrize(
    ("architectures", "capability", "runs"),
    [
        ("80-real 90-real", 80, True),
        ("80-real 90-real", 89, True),
        ("80-real 90-real", 100, False),
        ("90-real 90-virtual", 120, True),
        ("90-real", 89, False),
        ("90", 100, True),
    ],
)
def test_which_code_runs_where(architectures: str, capability: int, runs: bool) -> None:
    assert cuda.runs_on(architectures, capability) is runs


# --- programs for CUDA ---


@needs_kernels
@pytest.mark.parametrize("name", JETS)
@pytest.mark.parametrize("directions", [None, "shared", "point"])
def test_jets_and_their_derivatives_are_calls(
    name: str, directions: str | None, gpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_cuda(monkeypatch)
    if name == "gradient_jet" and directions is not None:
        pytest.skip("gradient_jet takes no directions")
    run, layers, points = jet(name, directions)
    ((target, attrs, out),) = calls(run, layers, *points)
    assert target == "transjet_jet_forward"
    assert 'precision = "default"' in attrs
    found = re.search(r"workspace = (\d+) : i64", attrs)
    assert found is not None and f"tensor<{found[1]}xui8>" in out
    pushed = names(lambda v: jax.jvp(lambda w: run(w, *points), (layers,), (v,)), layers)
    assert pushed == ["transjet_jet_forward", "transjet_jet_tangent"]
    pulled = names(lambda ct: jax.vjp(lambda w: run(w, *points), layers)[1](ct), coefficients(name))
    assert pulled == ["transjet_jet_cotangent"]


@needs_kernels
def test_products_are_calls(gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    on_cuda(monkeypatch)
    residual = terms()
    vectors = [term.layers for term in residual]
    assert names(lambda w: ops.gauss_newton(residual, vectors, w), array(30, N)) == ["transjet_gauss_newton"]
    ((target, _, out),) = calls(lambda x: ops.gram([residual[0]._replace(x=x), residual[1]]), residual[0].x)
    assert target == "transjet_gram" and f"tensor<{N}x{N}xf32>" in out


@needs_kernels
def test_float64_and_transforms(gpu: None, x64: None, monkeypatch: pytest.MonkeyPatch) -> None:
    on_cuda(monkeypatch)
    run, layers, points = jet("laplacian_jet")
    layers, points = jax.tree.map(lambda a: a.astype("float64"), (layers, points))
    assert "f64" in calls(run, layers, *points)[0][2]
    batch = points[0][None].repeat(3, axis=0)
    assert names(jax.vmap(lambda x: run(layers, x, *points[1:])), batch) == ["transjet_jet_forward"]
    scanned = names(lambda xs: jax.lax.map(lambda x: run(layers, x, *points[1:]), xs), batch)
    assert scanned == ["transjet_jet_forward"]


# --- precision ---


@needs_kernels
@pytest.mark.parametrize("precision", ["ieee", "bf16x3"])
def test_precision_is_an_attribute(precision: str, gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    on_cuda(monkeypatch)
    run, layers, points = jet("laplacian_jet")
    with ops.use_precision(precision):
        found = calls(lambda w: jax.vjp(lambda w: run(w, *points), w)[1](coefficients("laplacian_jet")), layers)
        why = ops.explain("laplacian_jet", layers, *points).reasons["cuda"]
    assert [f'precision = "{precision}"' in attrs for _, attrs, _ in found] == [True]
    assert why.endswith(f", precision {precision}")


def test_unknown_precisions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="precision: expected one of default, ieee, bf16x3; got 'tf32'"):
        with ops.use_precision("tf32"):
            pass
    monkeypatch.setenv("TRANSJET_PRECISION", "half")
    _, layers, points = jet("laplacian_jet")
    with pytest.raises(ConfigError, match="environment variable TRANSJET_PRECISION: expected one of"):
        ops.laplacian_jet(layers, *points)


def test_on_the_cpu_any_precision_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    _, layers, points = jet("laplacian_jet")
    monkeypatch.setenv("TRANSJET_PRECISION", "bf16x3")
    assert str(ops.explain("laplacian_jet", layers, *points, backend="xla")).endswith("more precise than bf16x3")


# --- what is refused ---


@needs_kernels
def test_deep_networks_are_refused(gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    on_cuda(monkeypatch)
    _, _, points = jet("laplacian_jet")
    with pytest.raises(BackendError, match="serves networks of up to 16 affine layers, got 17"):
        ops.explain("laplacian_jet", network(1, (4,) * 16), *points, backend="cuda")
