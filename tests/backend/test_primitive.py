"""The primitive factory: kernels are called where they should be, and nothing is compiled twice."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from transjet.backend import BoundOperation, Kernel, Operation, primitive, registry
from transjet.errors import BackendError

MARKS = {"forward": 10.0, "tangent": 100.0, "cotangent": 1000.0}


class Cubed:
    """The operation w x^3 of a shared scalar w and points x (n,), with kernels on cpu that leave a mark.

    The kernels return a multiple of the true result, so that it shows which of them ran.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, roles: tuple[str, ...] = ()) -> None:
        self.traces: list[int] = []
        self.requests: list[Any] = []
        self.op = BoundOperation(Operation("cubed", self._reference, lambda s, n: (False, True), lambda s, a: 1000))
        rows = {("cubed", role, "cpu"): Kernel("cubed", role, "cpu", self._kernel, lambda r: None) for role in roles}
        monkeypatch.setattr(registry, "_kernels", rows)
        monkeypatch.setitem(registry._probes, "cpu", lambda: (True, "here"))

    def _reference(self, static: Any, w: Any, x: Any) -> tuple[Any]:
        self.traces.append(x.shape[0])
        return (w * x**3,)

    def _kernel(self, request: Any, w: Any, x: Any, *moving: Any) -> list[Any]:
        self.requests.append(request)
        mark = MARKS[request.role]
        if request.role == "forward":
            return [mark * w * x**3]
        partial = {0: x**3, 1: 3 * w * x**2}
        if request.role == "tangent":
            rates = iter(moving)
            return [mark * sum(partial[i] * next(rates) for i, moves in enumerate(request.wrt) if moves)]
        pulled = {0: jnp.sum(moving[0] * partial[0]), 1: moving[0] * partial[1]}
        return [mark * pulled[i] for i, moves in enumerate(request.wrt) if moves]

    def __call__(self, w: Any, x: Any, backend: str = "auto") -> Any:
        return self.op(None, [w, x], backend)[0]


W, X = jnp.float32(2.0), jnp.array([1.0, -2.0, 3.0])
CUBE, SLOPE = 2 * X**3, 6 * X**2


def total(cubed: Cubed) -> Any:
    return lambda w, x: jnp.sum(cubed(w, x))


def test_without_kernels_the_reference_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    cubed = Cubed(monkeypatch)
    np.testing.assert_array_equal(cubed(W, X), CUBE)
    np.testing.assert_array_equal(jax.jit(cubed)(W, X), CUBE)
    np.testing.assert_allclose(jax.grad(total(cubed), 1)(W, X), SLOPE)


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit])
def test_kernels_replace_every_role(monkeypatch: pytest.MonkeyPatch, wrap: Any) -> None:
    cubed = Cubed(monkeypatch, ("forward", "tangent", "cotangent"))
    np.testing.assert_allclose(wrap(cubed)(W, X), 10 * CUBE)
    out, moved = wrap(lambda w, x: jax.jvp(cubed, (w, x), (W, X)))(W, X)
    np.testing.assert_allclose(out, 10 * CUBE)
    np.testing.assert_allclose(moved, 100 * (2 * X**3 + SLOPE * X))
    dw, dx = wrap(jax.grad(total(cubed), (0, 1)))(W, X)
    np.testing.assert_allclose(dw, 1000 * jnp.sum(X**3))
    np.testing.assert_allclose(dx, 1000 * SLOPE)
    assert {r.role for r in cubed.requests} == {"forward", "tangent", "cotangent"}
    assert {r.platform for r in cubed.requests} == {"cpu"}


def test_kernels_are_told_what_is_differentiated(monkeypatch: pytest.MonkeyPatch) -> None:
    cubed = Cubed(monkeypatch, ("cotangent",))
    np.testing.assert_allclose(jax.grad(total(cubed), 1)(W, X), 1000 * SLOPE)
    (request,) = cubed.requests
    assert (request.op, request.role, request.static, request.wrt) == ("cubed", "cotangent", None, (False, True))
    assert [(a.shape, str(a.dtype)) for a in request.avals] == [((), "float32"), ((3,), "float32"), ((3,), "float32")]


def test_a_missing_role_is_the_references(monkeypatch: pytest.MonkeyPatch) -> None:
    cubed = Cubed(monkeypatch, ("forward",))
    np.testing.assert_allclose(cubed(W, X), 10 * CUBE)
    np.testing.assert_allclose(jax.grad(total(cubed), 1)(W, X), SLOPE)


def test_second_derivatives_go_through_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    cubed = Cubed(monkeypatch, ("forward", "tangent", "cotangent"))
    grad = lambda x: jax.grad(total(cubed), 1)(W, x)  # noqa: E731
    value, curvature = jax.jit(lambda x: jax.jvp(grad, (x,), (jnp.ones(3),)))(X)
    np.testing.assert_allclose(curvature, 12 * X)
    np.testing.assert_allclose(value, SLOPE)


def test_a_named_backend_without_the_kernel_raises_at_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    cubed = Cubed(monkeypatch)
    for run in (cubed, jax.jit(cubed, static_argnums=2)):
        with pytest.raises(BackendError, match=r"backend='cpu' cannot run cubed \(forward\) on cpu: has no kernel for"):
            run(W, X, "cpu")


def test_xla_passes_kernels_over(monkeypatch: pytest.MonkeyPatch) -> None:
    cubed = Cubed(monkeypatch, ("forward", "tangent", "cotangent"))
    np.testing.assert_array_equal(cubed(W, X, "xla"), CUBE)
    np.testing.assert_allclose(jax.grad(lambda x: jnp.sum(cubed(W, x, "xla")))(X), SLOPE)
    assert cubed.requests == []


def test_a_thousand_eager_calls_trace_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cubed = Cubed(monkeypatch)
    cubed(W, X)
    traced = len(cubed.traces)
    for i in range(1000):
        cubed(W, X + i)
    assert len(cubed.traces) == traced
    cubed(W, X[:2])
    assert len(cubed.traces) > traced


# --- vmap: a batch of points is more points, a batch of anything else one call each ---


def test_batches_of_points_are_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    cubed = Cubed(monkeypatch, ("forward",))
    batch = jnp.stack([X, 2 * X])
    np.testing.assert_allclose(jax.vmap(cubed, (None, 0))(W, batch), 10 * W * batch**3)
    np.testing.assert_allclose(jax.vmap(cubed, (None, 1))(W, batch.T), 10 * W * batch**3)
    assert {r.avals[1].shape for r in cubed.requests} == {(6,)}


def test_nested_batches_of_points_are_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    cubed = Cubed(monkeypatch, ("forward",))
    batch = jnp.arange(24.0).reshape(4, 2, 3)
    twice = jax.vmap(jax.vmap(cubed, (None, 0)), (None, 0))
    np.testing.assert_allclose(twice(W, batch), 10 * W * batch**3, rtol=1e-6)
    assert {r.avals[1].shape for r in cubed.requests} == {(24,)}


def test_batches_of_shared_operands_are_mapped(monkeypatch: pytest.MonkeyPatch) -> None:
    cubed = Cubed(monkeypatch, ("forward",))
    ws = jnp.array([1.0, -1.0])
    np.testing.assert_allclose(jax.vmap(cubed, (0, None))(ws, X), 10 * ws[:, None] * X**3)
    np.testing.assert_allclose(jax.vmap(cubed)(ws, jnp.stack([X, 2 * X])), 10 * jnp.stack([X**3, -8 * X**3]))
    assert {r.avals[1].shape for r in cubed.requests} == {(3,)}


def test_per_example_gradients_of_shared_operands(monkeypatch: pytest.MonkeyPatch) -> None:
    cubed = Cubed(monkeypatch, ("cotangent",))
    batch = jnp.stack([X, 2 * X, 0 * X])
    np.testing.assert_allclose(jax.vmap(jax.grad(total(cubed)), (None, 0))(W, batch), 1000 * jnp.sum(batch**3, axis=1))


@pytest.mark.parametrize("axes", [(None, 0), (0, None), (0, 0)])
def test_empty_batches_keep_their_shape(monkeypatch: pytest.MonkeyPatch, axes: Any) -> None:
    cubed = Cubed(monkeypatch)
    w, x = W if axes[0] is None else jnp.zeros(0), X if axes[1] is None else jnp.zeros((0, 3))
    assert jax.vmap(cubed, axes)(w, x).shape == (0, 3)


# --- shard_map, and platforms ---


def test_gradients_of_replicated_operands_add_up_over_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    cubed = Cubed(monkeypatch)
    mesh = Mesh(np.array(jax.devices("cpu")[:4]), ("points",))
    x = jnp.arange(8.0)

    def inside(w: Any, x: Any) -> Any:
        return jax.grad(lambda w: jax.lax.psum(jnp.sum(cubed(w, x)), "points"))(w)

    mapped = jax.shard_map(inside, mesh=mesh, in_specs=(P(), P("points")), out_specs=P())
    np.testing.assert_allclose(jax.jit(mapped)(W, x), jnp.sum(x**3))


@pytest.mark.parametrize(
    ("jax_name", "version", "expected"),
    [("cpu", "", "cpu"), ("tpu", "", "tpu"), ("gpu", "cuda 12090", "cuda"), ("gpu", "PJRT C API\nrocm 60300", "rocm")],
)
def test_the_default_platform_goes_by_the_name_of_lowering_rules(
    monkeypatch: pytest.MonkeyPatch, jax_name: str, version: str, expected: str
) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: jax_name)
    monkeypatch.setattr(jax.extend.backend, "get_backend", lambda: SimpleNamespace(platform_version=version))
    assert primitive._default_platform() == expected
