"""Checkpoints of any pytree of arrays: atomic, checksummed, versioned, bit-exact."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jax

from transjet.errors import CheckpointError
from transjet.io.atomic import remove_temporaries, write_atomic
from transjet.io.container import Container, read_container, write_container
from transjet.io.leaves import LeafSpec, describe, from_raw, to_raw

SUFFIX = ".ckpt"
_NUMBERED = re.compile(r"iteration-(\d+)" + re.escape(SUFFIX))


def save(path: str | Path, tree: Any, *, meta: dict[str, Any]) -> Path:
    """Write a pytree to a file that is, at every instant, either the old one or the new one, whole.

    Args:
        path: the file, by custom ending in `.ckpt`; missing folders are made.
        tree: pytree of jax or numpy arrays, typed keys (`jax.random.key`) and plain numbers.
        meta: JSON-able facts to keep beside it; tuples come back as lists.

    Returns:
        The path.

    Raises:
        DTypeError: a leaf is not an array or a number.
        CheckpointError: meta is not JSON-able, or a leaf is spread over processes.
        OutputError: the file cannot be written; an old one is untouched.
    """
    leaves = [to_raw(name, leaf) for name, leaf in _named_leaves(tree)]
    path = write_atomic(path, lambda handle: write_container(handle, leaves, meta))
    remove_temporaries(path.parent)
    return path


def load(path: str | Path, like: Any) -> tuple[Any, dict[str, Any]]:
    """Read a pytree back, bit for bit.

    Args:
        path: file written by `save`.
        like: pytree of the same structure, whose leaves give dtype, shape, library and placement: a freshly
            made state, or its `jax.eval_shape`. Parts without leaves (None, static fields) are taken from it.

    Returns:
        The tree and the meta data.

    Raises:
        CheckpointError: the file is missing, damaged, of another version, or does not fit `like`. When the
            file is at fault, the message names the newest good checkpoint beside it.
        DTypeError: a leaf of `like` is not an array or a number.
    """
    container = _read_or_point_to_good(Path(path))
    named = _named_leaves(like)
    _check_same(path, [leaf.spec for leaf in container.leaves], [describe(*pair) for pair in named])
    leaves = [
        from_raw(stored.raw, leaf, stored.impl) for stored, (_, leaf) in zip(container.leaves, named, strict=True)
    ]
    return jax.tree.unflatten(jax.tree.structure(like), leaves), container.meta


def read_meta(path: str | Path) -> dict[str, Any]:
    """Return the meta data of a checkpoint, after checking the whole file.

    Raises:
        CheckpointError: the file is missing, damaged, or of another version.
    """
    return _read_or_point_to_good(Path(path)).meta


def numbered(folder: str | Path) -> list[Path]:
    """Return the checkpoints `iteration-<number>.ckpt` of a folder, oldest iteration first."""
    return sorted((p for p in Path(folder).glob(f"*{SUFFIX}") if _NUMBERED.fullmatch(p.name)), key=_age)


def latest(folder: str | Path) -> Path | None:
    """Return the checkpoint of the last iteration in a folder, or None where there is none.

    It is not opened: a damaged one is returned too, so that `load` says so instead of an older one silently
    taking its place.
    """
    paths = numbered(folder)
    return paths[-1] if paths else None


def iteration_of(path: str | Path) -> int:
    """Return the iteration in a checkpoint's name, -1 where the name has none."""
    match = _NUMBERED.fullmatch(Path(path).name)
    return int(match[1]) if match else -1


def _age(path: Path) -> tuple[int, float]:
    return iteration_of(path), path.stat().st_mtime


def _named_leaves(tree: Any) -> list[tuple[str, Any]]:
    return [(jax.tree_util.keystr(path), leaf) for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]]


def _read_or_point_to_good(path: Path) -> Container:
    try:
        return read_container(path)
    except CheckpointError as error:
        good = _newest_good(path)
        hint = f"the newest good one beside it is {good}" if good else "no good one lies beside it"
        raise CheckpointError(f"{error}; {hint}") from error


def _newest_good(bad: Path) -> Path | None:
    others = [path for path in bad.parent.glob(f"*{SUFFIX}") if path.name != bad.name]
    return next((path for path in sorted(others, key=_age, reverse=True) if _is_good(path)), None)


def _is_good(path: Path) -> bool:
    try:
        read_container(path)
    except CheckpointError:
        return False
    return True


def _check_same(path: str | Path, stored: list[LeafSpec], expected: list[LeafSpec]) -> None:
    for have, want in zip(stored, expected, strict=False):
        if have != want:
            raise _mismatch(path, str(want), str(have))
    if len(stored) != len(expected):
        want_end = str(expected[len(stored)]) if len(stored) < len(expected) else "no further leaf"
        have_end = str(stored[len(expected)]) if len(stored) > len(expected) else "no further leaf"
        raise _mismatch(path, want_end, have_end)


def _mismatch(path: str | Path, expected: str, got: str) -> CheckpointError:
    return CheckpointError(
        f"checkpoint {path} holds another structure: expected {expected}, got {got}; "
        "load it with the options that it was written with"
    )
