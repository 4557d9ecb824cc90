"""Choosing a backend."""

from __future__ import annotations

import dataclasses
import threading

import jax
import jax.numpy as jnp
import pytest

from transjet.backend import Kernel, Request, registry, requested, select, use_backend
from transjet.errors import BackendError

AVALS = (jax.ShapeDtypeStruct((2, 3), jnp.float32),)


@pytest.fixture(autouse=True)
def _three_backends(monkeypatch: pytest.MonkeyPatch) -> None:
    """cuda and cpu can run, triton cannot; some_op has a kernel on cuda, and one on cpu that refuses large batches."""
    large = lambda request: "serves up to 8 points" if request.avals[0].shape[0] > 8 else None  # noqa: E731
    rows = [
        Kernel("some_op", "forward", "cuda", lambda request, x: [x], lambda request: None),
        Kernel("some_op", "forward", "cpu", lambda request, x: [x], large),
    ]
    monkeypatch.setattr(registry, "_kernels", {(k.op, k.role, k.backend): k for k in rows})
    probes = {"cuda": (True, "one device"), "triton": (False, "no triton"), "cpu": (True, "core")}
    monkeypatch.setattr(registry, "_probes", {name: lambda v=v: v for name, v in probes.items()})
    monkeypatch.delenv(select.ENVIRONMENT_VARIABLE, raising=False)


def request(role: str = "forward", platform: str = "cpu", points: int = 2) -> Request:
    return Request("some_op", role, platform, None, (), (jax.ShapeDtypeStruct((points, 3), jnp.float32),))


def test_auto_takes_the_first_that_can_and_explains_the_rest() -> None:
    choice = select.choose(request(platform="cuda"), "auto")
    assert choice.backend == "cuda"
    assert choice.kernel is registry.kernel("some_op", "forward", "cuda")
    assert choice.reasons == {
        "cuda": "chosen",
        "triton": "no triton",
        "cpu": "runs on cpu, this is compiled for cuda",
        "xla": "not needed, cuda comes first",
    }


def test_a_kernel_may_refuse_a_request() -> None:
    assert select.choose(request(points=8), "auto").backend == "cpu"
    choice = select.choose(request(points=9), "auto")
    assert (choice.backend, choice.kernel) == ("xla", None)
    assert choice.reasons["cpu"] == "serves up to 8 points"
    assert choice.reasons["xla"] == "chosen: pure JAX reference"


def test_a_missing_role_falls_back() -> None:
    choice = select.choose(request("tangent"), "auto")
    assert choice.backend == "xla"
    assert choice.reasons["cpu"] == "has no kernel for some_op (tangent)"


@pytest.mark.parametrize("platform", ["tpu", "other"])
def test_the_reference_serves_every_platform(platform: str) -> None:
    assert select.choose(request(platform=platform), "auto").backend == "xla"


@pytest.mark.parametrize(
    ("backend", "options", "reason"),
    [
        ("cuda", {}, "runs on cuda, this is compiled for cpu"),
        ("triton", {"platform": "cuda"}, "no triton"),
        ("cpu", {"role": "cotangent"}, r"has no kernel for some_op \(cotangent\)"),
        ("cpu", {"points": 100}, "serves up to 8 points"),
    ],
)
def test_a_backend_asked_for_by_name_runs_or_raises(backend: str, options: dict, reason: str) -> None:
    role = options.get("role", "forward")
    with pytest.raises(
        BackendError, match=rf"backend='{backend}' cannot run some_op \({role}\) on \w+: {reason}\. Use"
    ):
        select.choose(request(**options), backend)


def test_a_backend_of_gpus_leaves_operations_that_are_not_its_own_to_the_reference() -> None:
    other = dataclasses.replace(request(platform="cuda"), op="other_op")
    choice = select.choose(other, "cuda")
    assert (choice.backend, choice.kernel) == ("xla", None)
    assert choice.reasons == {"cuda": "has no kernel for other_op (forward)", "xla": "chosen: pure JAX reference"}
    for backend, changed, reason in (
        ("cuda", {"platform": "cpu"}, "runs on cuda, this is compiled for cpu"),
        ("triton", {}, "no triton"),
        ("cpu", {"platform": "cpu"}, "has no kernel for other_op"),
        ("cuda", {"op": "some_op", "role": "tangent"}, r"has no kernel for some_op \(tangent\)"),
    ):
        with pytest.raises(BackendError, match=reason):
            select.choose(dataclasses.replace(other, **changed), backend)


def test_a_choice_prints_one_line_per_backend() -> None:
    assert str(select.choose(request(), "auto")).splitlines() == [
        "   cuda: runs on cuda, this is compiled for cpu",
        "   triton: runs on cuda, this is compiled for cpu",
        "-> cpu: chosen",
        "   xla: not needed, cpu comes first",
    ]


# --- by argument, by context manager, by environment variable ---


def test_without_wishes_it_is_auto() -> None:
    assert requested("auto") == "auto"


def test_argument_beats_context_beats_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSJET_BACKEND", "cpu")
    assert requested("auto") == "cpu"
    with use_backend("triton"):
        assert requested("auto") == "triton"
        assert requested("xla") == "xla"
        with use_backend("auto"):
            assert requested("auto") == "auto"
        assert requested("auto") == "triton"
    assert requested("auto") == "cpu"
    assert requested("cuda") == "cuda"


def test_the_context_ends_with_an_exception() -> None:
    with pytest.raises(KeyError), use_backend("xla"):
        raise KeyError
    assert requested("auto") == "auto"


def test_the_context_is_that_of_its_thread() -> None:
    seen = []
    with use_backend("xla"):
        thread = threading.Thread(target=lambda: seen.append(requested("auto")))
        thread.start()
        thread.join()
    assert seen == ["auto"]


@pytest.mark.parametrize("name", ["", "CPU", "numpy", None, 3])
def test_unknown_names_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BackendError, match="backend: expected 'auto' or one of cuda, triton, cpu, xla; got "):
        requested(name)
    with pytest.raises(BackendError, match="backend: expected 'auto' or one of"), use_backend(name):
        pass
    monkeypatch.setenv("TRANSJET_BACKEND", str(name))
    with pytest.raises(BackendError, match="environment variable TRANSJET_BACKEND: expected 'auto' or one of cuda"):
        requested("auto")
    assert requested("xla") == "xla"
