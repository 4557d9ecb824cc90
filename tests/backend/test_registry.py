"""Rows of kernels, and which backends can run here."""

from __future__ import annotations

import pytest

from transjet.backend import BACKENDS, Kernel, availability, kernels, register_kernel, registry


@pytest.fixture(autouse=True)
def _separate_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_kernels", dict(registry._kernels))
    monkeypatch.setattr(registry, "_probes", dict(registry._probes))


def row(role: str = "forward", backend: str = "cpu") -> Kernel:
    return Kernel("some_op", role, backend, lambda request, x: [x], lambda request: None)


def test_the_reference_comes_last_and_is_always_there() -> None:
    assert BACKENDS == ("cuda", "triton", "cpu", "xla")
    assert availability("xla") == ("xla", True, "pure JAX reference, runs wherever JAX does")


def test_every_backend_names_its_platforms() -> None:
    assert set(registry.PLATFORMS) == set(BACKENDS)
    assert all(set(registry.PLATFORMS[name]) <= set(registry.PLATFORMS["xla"]) for name in BACKENDS)


def test_a_backend_without_probe_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(registry._probes, "cpu")
    assert availability("cpu") == ("cpu", False, "this build has no kernels for it")


def test_a_probe_decides() -> None:
    for verdict in ((True, "two of them"), (False, "no driver")):
        registry.register_probe("cuda", lambda verdict=verdict: verdict)
        assert availability("cuda") == ("cuda", *verdict)


def test_the_last_registration_wins() -> None:
    first, second = row(), row()
    register_kernel(first)
    register_kernel(second)
    assert registry.kernel("some_op", "forward", "cpu") is second
    assert registry.kernel("some_op", "tangent", "cpu") is None
    assert [k for k in kernels() if k.op == "some_op"] == [second]


def test_rows_come_in_a_stable_order() -> None:
    for role, backend in (("tangent", "cuda"), ("forward", "xla"), ("forward", "cuda")):
        register_kernel(row(role, backend))
    keys = [(k.op, k.role, k.backend) for k in kernels()]
    assert keys == sorted(keys)
    assert keys[-3:] == [("some_op", "forward", "cuda"), ("some_op", "forward", "xla"), ("some_op", "tangent", "cuda")]
