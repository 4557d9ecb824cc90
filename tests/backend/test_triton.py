"""The triton backend's rows: what they serve, what they refuse, and the custom calls that a program for CUDA has."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from triton_cases import JETS, D, F, N, array, coefficients, jet, network, terms

pytest.importorskip("transjet_kernels", reason="the package of kernels is not on the path")
from transjet import ops
from transjet.backend import Request, availability, ffi, kernels, primitive, registry, triton_binaries, triton_run
from transjet.backend.registry import kernel
from transjet.errors import BackendError
from transjet_kernels import aot, problem

needs_core = pytest.mark.skipif(not ffi.core_status().available, reason=ffi.core_status().reason)
needs_triton = pytest.mark.skipif(aot.triton_version() is None, reason="triton is not installed")
CALL = re.compile(r"custom_call @transjet_triton_launch\((.*?)\) \{.*?kernel = \"(\w+)[^\"]*\".*? : \((.*?)\) -> (.*)")


@pytest.fixture(autouse=True)
def _no_other_backend_for_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a build with CUDA, its kernels would come first."""
    monkeypatch.setitem(registry._probes, "cuda", lambda: (False, "not here"))


@pytest.fixture
def for_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile for a GPU elsewhere; kernels go by their own names and are not compiled."""
    monkeypatch.setenv("TRANSJET_TRITON_TARGET", "sm_90")
    monkeypatch.setattr(triton_binaries, "register", lambda launch, signature: launch.function)
    monkeypatch.setattr(aot, "triton_version", lambda: "9.9")
    monkeypatch.setattr(triton_run, "triton_version", lambda: "9.9")


def lowered(function: Any, *operands: Any) -> str:
    """The program that JAX makes of a function for NVIDIA GPUs."""
    text: str = jax.jit(function).trace(*operands).lower(lowering_platforms=("cuda",)).as_text()
    return text


def calls(function: Any, *operands: Any) -> list[tuple[str, int, str]]:
    """Of every launch in it: the kernel, how many operands it has, and the types of its results."""
    return [(name, kinds.count("tensor"), out) for _, name, kinds, out in CALL.findall(lowered(function, *operands))]


def request(name: str, *avals: Any, static: Any = None, role: str = "forward") -> Request:
    return Request(name, role, "cuda", static, (), avals)


# --- rows and availability ---


def test_the_rows_of_this_backend() -> None:
    rows = {(row.op, row.role) for row in kernels() if row.backend == "triton"}
    roles = {(name, role) for name in JETS for role in ("forward", "tangent", "cotangent")}
    assert rows == roles | {("gauss_newton", "forward"), ("gram", "forward")}


@needs_core
def test_without_a_driver_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRANSJET_TRITON_TARGET", raising=False)
    monkeypatch.setattr(ffi, "cuda_driver", lambda: (False, "no NVIDIA driver (gone)"))
    assert availability("triton") == ("triton", False, "no NVIDIA driver (gone)")
    monkeypatch.setattr(ffi, "cuda_driver", lambda: (True, "NVIDIA driver for CUDA 13.2"))
    monkeypatch.setattr(triton_binaries, "kernels_status", lambda: (False, "triton is not installed, no kernels"))
    assert availability("triton") == ("triton", False, "triton is not installed, no kernels")
    monkeypatch.setattr(triton_binaries, "kernels_status", lambda: (True, "triton 9.9"))
    assert availability("triton") == ("triton", True, "triton 9.9, NVIDIA driver for CUDA 13.2")


@needs_core
def test_a_name_of_no_target_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSJET_TRITON_TARGET", "h100")
    _, available, reason = availability("triton")
    assert not available and "TRANSJET_TRITON_TARGET: expected one such as sm_90; got 'h100'" in reason


@needs_core
def test_a_driver_without_a_gpu_for_jax_is_not_enough(for_cuda: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRANSJET_TRITON_TARGET")
    monkeypatch.setattr(ffi, "cuda_driver", lambda: (True, "NVIDIA driver for CUDA 13.2"))
    monkeypatch.setattr(triton_binaries, "_device_target", lambda: None)
    run, layers, points = jet("gradient_jet")
    assert calls(run, layers, *points) == []
    static, flat = ops.JETS["gradient_jet"].prepare(layers, *points, "tanh")
    row = kernel("gradient_jet", "forward", "triton")
    assert row is not None
    reason = row.refuses(request("gradient_jet", *flat, static=static))
    assert reason is not None and reason.startswith("expected a GPU that JAX can use, or its kind in the environment")


@needs_core
def test_a_named_target_needs_no_driver(for_cuda: None) -> None:
    assert availability("triton") == ("triton", True, "triton 9.9, for sm_90 elsewhere")


def test_by_name_it_is_refused_on_the_cpu(for_cuda: None) -> None:
    _, layers, points = jet("laplacian_jet")
    with pytest.raises(BackendError, match="backend='triton' cannot run .*: runs on cuda, this is compiled for cpu"):
        ops.laplacian_jet(layers, *points, backend="triton")


def test_importing_transjet_imports_neither_triton_nor_the_kernels() -> None:
    code = "import sys, transjet, transjet.ops; print({'triton', 'transjet_kernels'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


# --- programs for CUDA ---


@needs_core
@pytest.mark.parametrize(
    ("name", "directions", "expected"),
    [
        ("gradient_jet", None, [("reverse", 2)]),
        ("laplacian_jet", None, [("forward_scalar", 4)]),
        ("laplacian_jet", "point", [("forward_scalar", 4), ("reverse", 2)]),
        ("divergence_jet", "shared", [("forward_vector", 3)]),
    ],
)
def test_a_jet_is_launches(name: str, directions: str | None, expected: list[Any], for_cuda: None) -> None:
    run, layers, points = jet(name, directions)
    assert [call[:2] for call in calls(run, layers, *points)] == expected


@needs_core
@pytest.mark.parametrize("name", JETS)
def test_derivatives_of_jets_are_launches(name: str, for_cuda: None) -> None:
    run, layers, points = jet(name)
    forward = [call[0] for call in calls(run, layers, *points)]
    kind = "vector" if name == "divergence_jet" else "scalar"
    pushed = calls(lambda v: jax.jvp(lambda w: run(w, *points), (layers,), (v,)), layers)
    assert [call[0] for call in pushed] == [*forward, f"tangent_{kind}"]
    pulled = calls(lambda ct: jax.vjp(lambda w: run(w, *points), layers)[1](ct), coefficients(name))
    assert [call[0] for call in pulled] == ["factors", "sums", "sums", "sums", "reduce"]


@needs_core
def test_products_are_launches(for_cuda: None) -> None:
    residual = terms()
    vectors = [term.layers for term in residual]
    weights = array(30, N)
    found = calls(lambda w: ops.gauss_newton(residual, vectors, w), weights)
    assert [call[0] for call in found] == ["factors"] * 2 + ["contract"] * 2 + ["sums", "sums", "sums", "reduce"] * 2
    found = calls(lambda w: ops.gram([residual[0]._replace(x=w), residual[1]]), residual[0].x)
    assert [call[0] for call in found] == ["factors", "gram", "factors", "gram"]
    assert found[-1][2] == f"tensor<{N}x{N}xf32>"


@needs_core
def test_many_points_go_through_one_loop(for_cuda: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton_run, "chunk_of", lambda request, terms: 3)
    run, layers, points = jet("laplacian_jet")
    text = lowered(run, layers, *points)
    assert "stablehlo.while" in text and len(CALL.findall(text)) == 2  # one in the loop, one for the last point


@needs_core
def test_derivatives_in_points_are_left_to_the_reference(for_cuda: None) -> None:
    run, layers, points = jet("gradient_jet")
    found = calls(
        lambda x: jax.vjp(lambda x: run(layers, x, *points[1:]), x)[1](coefficients("gradient_jet")), points[0]
    )
    assert found == []


@needs_core
@needs_triton
def test_real_kernels_are_compiled_and_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("TRANSJET_TRITON_TARGET", "sm_80")
    monkeypatch.setenv("TRANSJET_CACHE", str(tmp_path))
    run, layers, points = jet("laplacian_jet")
    text = lowered(run, layers, *points)
    assert re.search(r'kernel = "forward_scalar-[0-9a-f]{64}"', text)
    assert f"tensor<{N}x{D + 3}xf32>" in text
    assert len(list((tmp_path / "triton").glob("*.cubin"))) == 1


@needs_core
@needs_triton
def test_what_was_compiled_in_advance_runs_without_triton(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    from transjet_kernels import aot_command, aot_store, jets

    plan = jets.forward(problem.Problem("laplacian_jet", 99, D, F, (16, 16, 16), ("tanh",) * 3))
    store = aot_store.Store(tmp_path)
    assert aot_command.build(store, [(step, step.signature(plan)) for step in plan.launches], [80]) == 1
    monkeypatch.setenv("TRANSJET_TRITON_TARGET", "sm_86")  # later of the same generation
    monkeypatch.setattr(triton_binaries, "_shipped", lambda: store)
    for module in (aot, triton_run):
        monkeypatch.setattr(module, "triton_version", lambda: None)
    _, _, points = jet("laplacian_jet")
    text = lowered(lambda x: ops.laplacian_jet(network(1), x, *points[1:]), points[0])
    assert re.search(r'kernel = "forward_scalar-[0-9a-f]{64}"', text)
    other = lowered(lambda x: ops.divergence_jet(network(D), x, *points[1:]), points[0])
    assert "transjet_triton_launch" not in other


# --- what is refused ---


@needs_core
@pytest.mark.parametrize(
    ("operands", "reason"),
    [
        ({"widths": (256, 256)}, "serves layers up to 128 wide, got 256"),
        ({"d": 200}, "serves up to 128 coordinates and time features, got 201"),
        ({"widths": ()}, "serves networks with a hidden layer, got none"),
        ({"n": 0}, "serves one point or more, got none"),
    ],
)
def test_what_it_does_not_serve_it_refuses_in_words(operands: dict[str, Any], reason: str, for_cuda: None) -> None:
    d, n, widths = operands.get("d", D), operands.get("n", N), operands.get("widths", (16,))
    layers = network(1, widths, d)
    row = kernel("laplacian_jet", "forward", "triton")
    assert row is not None
    static, flat = ops.JETS["laplacian_jet"].prepare(layers, array(1, n, d), array(2, n, F), array(3, n, F), "tanh")
    assert row.refuses(request("laplacian_jet", *flat, static=static)) == reason
    found = calls(lambda x: ops.laplacian_jet(layers, x, array(2, n, F), array(3, n, F)), array(1, n, d))
    assert found == []  # the reference runs instead


@needs_core
def test_kept_factors_are_refused(for_cuda: None) -> None:
    row = kernel("gauss_newton", "forward", "triton")
    assert row is not None
    residual = terms(("gradient_jet",))
    factors = jnp.zeros(64, jnp.uint8)
    found = calls(lambda f: ops.gauss_newton(residual, [residual[0].layers], array(30, N), factors=f), factors)
    assert found == []


@needs_core
def test_arrays_beyond_32_bits_are_refused(for_cuda: None) -> None:
    large = jax.ShapeDtypeStruct((50_000, D), jnp.float32)
    residual = terms(("gradient_jet",))[0]
    points = {"x": large, "tau": jax.ShapeDtypeStruct((50_000, F), jnp.float32)}
    scalar = jax.ShapeDtypeStruct((50_000,), jnp.float32)
    row = kernel("gram", "forward", "triton")
    assert row is not None
    static = ops.gram.__globals__["_prepare"]([residual], False)[0]
    leaves = [leaf for layer in residual.layers for leaf in layer]
    avals = (points["x"], points["tau"], points["tau"], *leaves, scalar, scalar, large)
    reason = row.refuses(request("gram", *avals, static=static))
    assert reason == "serves arrays of fewer than 2^31 numbers, gram has 2500000000"


@pytest.fixture
def on_a_gpu(for_cuda: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """JAX's devices are said to be NVIDIA GPUs."""
    monkeypatch.setattr(primitive, "_default_platform", lambda: "cuda")


def explained(op: str, shapes: Any, call: Any) -> ops.Choice:
    """What `explain` says of arrays that have shapes and no memory."""
    found: list[ops.Choice] = []
    jax.eval_shape(lambda *arrays: found.append(ops.explain(op, *call(*arrays))), *shapes)
    return found[0]


@needs_core
@pytest.mark.parametrize(("n", "limit"), [(46_340, False), (46_341, True)])
def test_a_gram_matrix_beyond_32_bit_offsets_is_explained(n: int, limit: bool, on_a_gpu: None) -> None:
    layers = network(1, (16,))
    shapes = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((n, D), (n, F), (n,))]

    def call(x: Any, tau: Any, scalar: Any) -> Any:
        return ([ops.Term("gradient_jet", layers, x, tau, tau, ops.GradientJet(scalar, scalar, x))],)

    choice = explained("gram", shapes, call)
    assert (choice.backend == "triton") is not limit
    reason = "serves arrays of fewer than 2^31 numbers, gram has 2147488281" if limit else "chosen"
    assert choice.reasons["triton"] == reason


@needs_core
def test_chunks_keep_offsets_of_jets_within_32_bits(on_a_gpu: None) -> None:
    layers, n = network(1, (16, 12)), 1 << 31
    shapes = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((n, D), (n, F))]
    choice = explained("laplacian_jet", shapes, lambda x, tau: (layers, x, tau, tau))
    assert choice.backend == "triton", choice


@needs_core
@pytest.mark.parametrize(("d", "served"), [(14, True), (125, True), (126, False)])
def test_gram_matrices_of_many_streams_are_served_up_to_what_fits_a_tile(d: int, served: bool, on_a_gpu: None) -> None:
    points = array(1, N, d), array(2, N, F), array(3, N, F)
    coefficients = ops.LaplacianJet(array(4, N), array(5, N), array(6, N, d), array(7, N))
    term = ops.Term("laplacian_jet", network(1, (16,), d), *points, coefficients)
    choice = ops.explain("gram", [term])
    assert (choice.backend == "triton") is served
    said = "serves up to 128 streams a point, got 129"
    assert choice.reasons["triton"] == ("chosen" if served else said)
    if not served:
        with pytest.raises(BackendError, match=f"backend='triton' cannot run gram .*: {said}"):
            ops.gram([term._replace(backend="triton")])


@needs_core
def test_without_triton_only_shipped_sizes_are_served(for_cuda: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (aot, triton_run):
        monkeypatch.setattr(module, "triton_version", lambda: None)
    row = kernel("laplacian_jet", "forward", "triton")
    assert row is not None
    _, layers, points = jet("laplacian_jet")
    static, flat = ops.JETS["laplacian_jet"].prepare(layers, *points, "tanh")
    wanted = request("laplacian_jet", *flat, static=static)
    monkeypatch.setattr(triton_binaries, "find", lambda launch, signature, target: None)
    message = "triton is not installed, and forward_scalar for sm_90 is not shipped for these sizes"
    assert row.refuses(wanted) == message
    monkeypatch.setattr(triton_binaries, "find", lambda launch, signature, target: object())
    assert row.refuses(wanted) is None


def test_the_problem_has_the_sizes_of_the_operands() -> None:
    from transjet.backend.triton_terms import term_of

    static, flat = ops.JETS["laplacian_jet"].prepare(network(1), array(1, N, D), array(2, N, F), array(3, N, F), "tanh")
    expected = problem.Problem("laplacian_jet", N, D, F, (16, 12), ("tanh", "tanh"))
    assert term_of("laplacian_jet", static, flat).problem == expected
