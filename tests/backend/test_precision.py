"""How precisely GPUs multiply: by context manager, by environment variable, or the default."""

from __future__ import annotations

import jax
import pytest
from triton_cases import jet

from transjet import ops
from transjet.backend.precision import obstacle, remark, requested_precision
from transjet.errors import ConfigError


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRANSJET_PRECISION", raising=False)


def test_the_context_manager_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert requested_precision() == "default"
    monkeypatch.setenv("TRANSJET_PRECISION", "ieee")
    assert requested_precision() == "ieee"
    with ops.use_precision("bf16x3"):
        assert requested_precision() == "bf16x3"
        with ops.use_precision("default"):
            assert requested_precision() == "default"
        assert requested_precision() == "bf16x3"
    assert requested_precision() == "ieee"
    monkeypatch.setenv("TRANSJET_PRECISION", "")
    assert requested_precision() == "default"


def test_unknown_names_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="precision: expected one of default, ieee, bf16x3; got 'tf32'"):
        with ops.use_precision("tf32"):
            pass
    monkeypatch.setenv("TRANSJET_PRECISION", "half")
    with pytest.raises(ConfigError, match="environment variable TRANSJET_PRECISION: expected .* got 'half'"):
        requested_precision()


def test_it_is_part_of_a_traced_call_and_of_its_derivatives() -> None:
    run, layers, points = jet("laplacian_jet")

    def loss(layers: object) -> jax.Array:
        with ops.use_precision("bf16x3"):
            return run(layers, *points).laplacian.sum()

    assert str(jax.make_jaxpr(jax.grad(loss))(layers)).count("precision=bf16x3") == 2  # the jet, and its gradient
    assert "precision=default" in str(jax.make_jaxpr(lambda layers: run(layers, *points))(layers))


def test_results_on_the_cpu_do_not_depend_on_it() -> None:
    run, layers, points = jet("gradient_jet")
    plain = run(layers, *points)
    with ops.use_precision("bf16x3"):
        assert all((a == b).all() for a, b in zip(plain, run(layers, *points), strict=True))


def test_what_backends_say_of_it() -> None:
    assert obstacle("triton", "ieee") == "multiplies in tf32, three times, and not in ieee"
    assert [obstacle("cuda", "ieee"), obstacle("triton", "bf16x3"), obstacle("cpu", "bf16x3")] == [None] * 3
    assert remark("cuda", "default") == "" and remark("cuda", "bf16x3") == ", precision bf16x3"
    assert remark("xla", "ieee") == "" and remark("xla", "bf16x3") == ", more precise than bf16x3"


def test_explain_shows_it() -> None:
    _, layers, points = jet("gradient_jet")
    with ops.use_precision("bf16x3"):
        choice = ops.explain("gradient_jet", layers, *points, backend="xla")
    assert str(choice) == "-> xla: chosen: pure JAX reference, more precise than bf16x3"
