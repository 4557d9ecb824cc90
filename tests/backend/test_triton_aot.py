"""Compilation ahead of time and the folder of compiled kernels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from stand_in import Launch, saxpy

aot = pytest.importorskip("transjet_kernels.aot", reason="the package of kernels is not on the path")
from transjet_kernels.aot_store import Store  # noqa: E402

needs_triton = pytest.mark.skipif(aot.triton_version() is None, reason="triton is not installed")
MATMUL = {"a": "*fp32", "b": "*fp32", "c": "*fp32", "WIDTH": "constexpr", "PRECISION": "constexpr"}
SMALL = saxpy("x", "y", "out", 0.5, 1000)
PTX = (
    ".visible .entry f(\n\t.param .u64 .ptr .global f_0,\n\t.param .u32 f_1,\n\t.param .f32 f_2{more}\n)\n.reqntid 128"
)
SIGNATURE = {"x": "*fp32", "n": "i32", "a": "fp32", "W": "constexpr"}


@pytest.fixture
def binary() -> aot.Binary:
    return aot.Binary(b"machine code", "f", "pif00", 1024, 128, 90, "3.9.0", "a kernel")


# --- what a compiled kernel takes ---


@pytest.mark.parametrize("added", [0, 1, 2])
def test_pointers_that_triton_adds_are_counted_in_the_ptx(added: int) -> None:
    text = PTX.format(more="".join(f",\n\t.param .u64 .ptr .global f_{3 + i}" for i in range(added)))
    assert aot.layout_of(text, "f", SIGNATURE) == "pif" + "0" * added


@pytest.mark.parametrize(
    ("more", "entry", "signature"),
    [
        (",\n\t.param .u32 f_3", "f", SIGNATURE),  # what is added is no pointer
        ("", "g", SIGNATURE),  # no such entry
        ("", "f", SIGNATURE | {"m": "i32"}),  # a parameter too few
        ("", "f", SIGNATURE | {"n": "fp32"}),  # another type
        ("", "f", SIGNATURE | {"n": "i1"}),  # a type that cannot be passed
    ],
)
def test_entries_that_do_not_fit_are_refused(more: str, entry: str, signature: dict[str, str]) -> None:
    with pytest.raises(aot.CompilationError, match=f"{entry}: expected parameters .*, its PTX has"):
        aot.layout_of(PTX.format(more=more), entry, signature)


# --- compilation ---


@needs_triton
@pytest.mark.parametrize("target", aot.TARGETS)
def test_a_kernel_is_compiled_for_every_target(target: int) -> None:
    made = aot.compile_launch(SMALL, SMALL.types, target)
    assert made.cubin[:4] == b"\x7fELF"
    assert (made.entry, made.layout[:5], made.threads, made.target) == ("saxpy", "pppif", 128, target)
    assert set(made.layout[5:]) <= {"0"}
    facts = json.loads(made.source)
    assert facts["kernel"] == "small_kernels:saxpy" and facts["target"] == target and facts["num_warps"] == 4


@needs_triton
def test_options_and_constants_reach_the_compiler() -> None:
    launch = Launch("matmul", MATMUL, (), (), (("WIDTH", 64), ("PRECISION", "tf32x3")), num_warps=8)
    made = aot.compile_launch(launch, MATMUL, 90)
    assert made.threads == 256 and made.shared_bytes >= 64 * 64 * 4
    plain = replace(launch, constants=(("WIDTH", 64), ("PRECISION", "tf32")))
    assert aot.compile_launch(plain, MATMUL, 90).cubin != made.cubin


@needs_triton
def test_what_the_compiler_says_is_passed_on() -> None:
    launch = Launch("broken", {"x": "*fp32", "WIDTH": "constexpr"}, (), (), (("WIDTH", 2),))
    with pytest.raises(aot.CompilationError, match=r"triton .* cannot compile broken for sm_90: (?s:.*)only one"):
        aot.compile_launch(launch, launch.types, 90)
    absent = replace(launch, function="absent")
    with pytest.raises(aot.CompilationError, match="cannot compile absent for sm_90: AttributeError"):
        aot.compile_launch(absent, absent.types, 90)
    with pytest.raises(aot.CompilationError, match="saxpy takes .*, its signature names"):
        aot.compile_launch(SMALL, SMALL.types | {"more": "i32"}, 90)


def test_without_triton_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aot, "triton_version", lambda: None)
    with pytest.raises(aot.CompilationError, match="triton is not installed"):
        aot.compile_launch(SMALL, SMALL.types, 90)


# --- names ---


def test_whatever_changes_the_code_changes_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def name(launch: Launch = SMALL, target: int = 90) -> str:
        key: str = aot.key_of(aot.describe(launch, launch.types, target))
        return key

    changed = [
        replace(SMALL, function="other"),
        replace(SMALL, module="other"),
        replace(SMALL, constants=(("BLOCK", 128),)),
        replace(SMALL, num_warps=8),
        replace(SMALL, num_stages=3),
        replace(SMALL, types=SMALL.types | {"a": "fp64"}),
    ]
    names = {name(), name(target=80), *map(name, changed)}
    assert len(names) == 2 + len(changed)
    assert name(replace(SMALL, grid=(9, 1, 1), scalars=(("n", 5), ("a", 2)))) == name()
    before = name()
    monkeypatch.setattr(aot, "sources_digest", lambda: "other sources")
    assert name() != before


# --- the folder ---


def test_what_is_kept_is_found(tmp_path: Path, binary: aot.Binary) -> None:
    store = Store(tmp_path / "not" / "there yet")
    assert store.find("k") is None and list(store.keys()) == []
    store.add("k", binary)
    assert store.find("k") == binary and store.find("other") is None
    other = replace(binary, cubin=b"more machine code", threads=256)
    store.add("k", other)
    assert Store(store.folder).find("k") == other and list(store.keys()) == ["k"]
    assert sorted(path.name for path in store.folder.iterdir()) == ["k.cubin", "k.json"]


@pytest.mark.parametrize("name", ["k.cubin", "k.json"])
@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "gone"])
def test_damage_is_noticed(tmp_path: Path, binary: aot.Binary, name: str, damage: str) -> None:
    store = Store(tmp_path)
    store.add("k", binary)
    path = tmp_path / name
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        changed = content.replace(b"machine", b"maschin").replace(b"1024", b"2048")
        path.write_bytes({"cut": content[:-3], "changed": changed, "empty": b""}[damage])
    assert store.find("k") is None


@pytest.mark.parametrize("text", ["[]", "null", '{"format": 2}', "{}", "\x00"])
def test_records_of_other_formats_are_passed_over(tmp_path: Path, binary: aot.Binary, text: str) -> None:
    store = Store(tmp_path)
    store.add("k", binary)
    (tmp_path / "k.json").write_text(text)
    assert store.find("k") is None


def test_a_failed_write_leaves_what_was_there(
    tmp_path: Path, binary: aot.Binary, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    store.add("k", binary)

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        store.add("k", replace(binary, cubin=b"x"))
    assert store.find("k") == binary
    assert len(list(tmp_path.iterdir())) == 2
