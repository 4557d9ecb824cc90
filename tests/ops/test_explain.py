"""Which backend runs a jet, and why."""

from __future__ import annotations

import pytest
from jet_oracle import JETS, Case, operands, operation, outputs_of, served_by

from transjet import ops
from transjet.errors import BackendError

CASE = Case(3, 2, 1, (("tanh", 4),))


def call(name: str, **options: object) -> ops.Choice:
    return ops.explain(name, *operands(CASE, outputs_of(name, CASE.d))[:4], **options)


@pytest.mark.parametrize("role", ["forward", "tangent", "cotangent"])
@pytest.mark.parametrize("name", JETS)
def test_the_choice_has_a_reason_for_every_backend(name: str, role: str) -> None:
    choice = call(name, role=role)
    assert tuple(choice.reasons) == ops.BACKENDS
    assert all(choice.reasons.values())
    assert choice.reasons[choice.backend].startswith("chosen")
    lines = str(choice).splitlines()
    assert len(lines) == len(ops.BACKENDS)
    assert [line for line in lines if line.startswith("-> ")] == [
        f"-> {choice.backend}: {choice.reasons[choice.backend]}"
    ]


@pytest.mark.parametrize("name", JETS)
def test_auto_takes_the_first_that_can(name: str) -> None:
    assert call(name).backend == served_by(name)[0]


@pytest.mark.parametrize("name", JETS)
def test_a_backend_that_cannot_run_says_why_wherever_it_is_asked_for(name: str) -> None:
    missing = [b for b in ops.BACKENDS if b not in served_by(name)]
    assert missing, "this machine has every backend"
    args = operands(CASE, outputs_of(name, CASE.d))
    for backend in missing:
        message = rf"backend='{backend}' cannot run {name} \(forward\) on \w+: .+\. Use backend='auto'"
        with pytest.raises(BackendError, match=message):
            operation(name, "tanh", args, backend)
        with pytest.raises(BackendError, match=message), ops.use_backend(backend):
            operation(name, "tanh", args)
        with pytest.raises(BackendError, match=message):
            call(name, backend=backend)


@pytest.mark.parametrize("role", ["forward", "tangent", "cotangent"])
def test_the_operation_that_does_nothing_is_explained_too(role: str) -> None:
    choice = ops.explain("null", 1.5, role=role)
    assert choice.backend == served_by("null")[0]
    assert tuple(choice.reasons) == ops.BACKENDS


def test_the_reference_always_runs() -> None:
    choice = call("gradient_jet", backend="xla")
    assert (choice.backend, choice.kernel, list(choice.reasons)) == ("xla", None, ["xla"])
