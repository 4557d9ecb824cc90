"""The environment report."""

from __future__ import annotations

import json

import jax
import pytest

from transjet.backend import BACKENDS, info
from transjet.backend.ffi import core_status

X86 = "processor\t: 0\nflags\t\t: fpu sse sse2 avx fma avx2 avx512f\n\nprocessor\t: 1\nflags\t\t: none\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd sve bf16\n"


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [(X86, ["sse2", "avx", "fma", "avx2", "avx512f"]), (ARM, ["asimd", "sve", "bf16"]), ("", [])],
)
def test_simd_features_come_from_the_first_processor(cpuinfo: str, expected: list[str]) -> None:
    assert info.simd_features(cpuinfo) == expected


def test_report_is_plain_and_complete() -> None:
    report = info.collect()
    assert json.loads(json.dumps(report)) == report
    assert list(report) == ["versions", "cpu", "jax", "core", "backends", "environment"]
    assert report["versions"]["jax"] == jax.__version__
    assert report["jax"]["platform"] == jax.default_backend()
    assert len(report["jax"]["devices"]) == len(jax.devices())
    assert report["core"]["available"] is core_status().available
    assert tuple(report["backends"]) == BACKENDS
    assert all(state["reason"] for state in report["backends"].values())


def test_missing_packages_are_named_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(info, "OPTIONAL", ("no-such-package-anywhere",))
    assert info.collect()["versions"]["no-such-package-anywhere"] == "not installed"


def test_platform_that_cannot_start_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("no such platform")

    monkeypatch.setattr(jax, "devices", fail)
    assert info.collect()["jax"] == {
        "platform": "none",
        "devices": [],
        "error": "no such platform",
        "x64": False,
    }


def test_float64_is_reported(x64: None) -> None:
    assert info.collect()["jax"]["x64"] is True


def test_only_variables_that_matter_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSJET_BACKEND", "xla")
    monkeypatch.setenv("SOME_PASSWORD", "secret")
    environment = info.collect()["environment"]
    assert environment["TRANSJET_BACKEND"] == "xla"
    assert "SOME_PASSWORD" not in environment


def test_rendering_shows_every_value_on_a_line_of_its_own() -> None:
    report = {
        "versions": {"jax": "1.2", "python": "3.14"},
        "backends": {
            "cpu": {"available": False, "reason": "not built"},
            "xla": {"available": True, "reason": "ok"},
        },
        "jax": {"devices": ["0: cpu", "1: cpu"], "empty": []},
        "environment": {},
    }
    assert info.render(report).splitlines() == [
        "versions",
        "  jax     1.2",
        "  python  3.14",
        "backends",
        "  cpu  no   not built",
        "  xla  yes  ok",
        "jax",
        "  devices  0: cpu, 1: cpu",
        "  empty    none",
        "environment",
        "  none",
    ]


def test_the_whole_report_can_be_rendered() -> None:
    text = info.render(info.collect())
    assert f"jaxlib      {info.collect()['versions']['jaxlib']}" in text
    assert not text.endswith("\n")
