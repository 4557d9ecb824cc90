"""The checkpoint file: a preamble, a JSON header, raw bytes; readable in a few lines of any language.

    magic (16 bytes) | version (uint32) | header length (uint64) | sha256 of those and the header (32 bytes)
    header: JSON, padded with spaces so that the payload starts at a multiple of 64
    payload: the leaves, one after the other, little-endian, C order

The header names every leaf with dtype, shape and offset, and holds the payload's length and sha256, so that a
change of any bit, a cut or an addition is seen. The preamble is the same in every format version.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from transjet.errors import CheckpointError
from transjet.io.leaves import LeafSpec, RawLeaf

FORMAT_VERSION = 1
MAGIC = b"\x93transjet-ckpt\r\n"
_PREFIX = struct.Struct("<16sIQ")
_PREAMBLE_BYTES = _PREFIX.size + 32
_ALIGNMENT = 64


class Container(NamedTuple):
    """A checkpoint file as read back: the user's meta data and the leaves in order."""

    meta: dict[str, Any]
    leaves: list[RawLeaf]


def write_container(handle: IO[bytes], leaves: Sequence[RawLeaf], meta: dict[str, Any]) -> None:
    """Write a whole checkpoint file.

    Args:
        handle: open binary file at its start.
        leaves: the leaves in order.
        meta: JSON-able facts; non-finite floats are kept (as the literals NaN and Infinity).

    Raises:
        CheckpointError: meta does not fit into JSON.
    """
    digest, offset, entries = hashlib.sha256(), 0, []
    for leaf in leaves:
        digest.update(leaf.raw.data)
        entries.append({**_entry(leaf), "offset": offset})
        offset += leaf.raw.nbytes
    payload = {"payload_bytes": offset, "payload_sha256": digest.hexdigest()}
    header = _pad(_to_json({**payload, "meta": meta, "leaves": entries}))
    prefix = _PREFIX.pack(MAGIC, FORMAT_VERSION, len(header))
    handle.write(prefix + hashlib.sha256(prefix + header).digest() + header)
    for leaf in leaves:
        handle.write(leaf.raw.data)


def read_container(path: str | Path) -> Container:
    """Read a checkpoint file and check every byte of it.

    Raises:
        CheckpointError: the file is missing, not a checkpoint, damaged, or of another format version.
    """
    header, data, start = _read_header(Path(path))
    payload = memoryview(data)[start:]
    if len(payload) != header["payload_bytes"]:
        change = "cut off" if len(payload) < header["payload_bytes"] else "extended"
        raise _damaged(path, f"{header['payload_bytes']} payload bytes", f"{len(payload)}: it was {change}")
    if hashlib.sha256(payload).hexdigest() != header["payload_sha256"]:
        raise _damaged(path, f"payload sha256 {header['payload_sha256'][:12]}", "another: bytes have changed")
    return Container(header["meta"], [_leaf(entry, payload) for entry in header["leaves"]])


def _read_header(path: Path) -> tuple[dict[str, Any], bytes, int]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"checkpoint {path}: expected a readable file, got '{error.strerror}'; check the path"
        ) from error
    if data[: len(MAGIC)] != MAGIC:
        raise _damaged(path, "a transjet checkpoint", "a file that does not start like one")
    if len(data) < _PREAMBLE_BYTES:
        raise _damaged(path, f"at least {_PREAMBLE_BYTES} bytes", f"{len(data)}: it was cut off")
    _, version, length = _PREFIX.unpack_from(data)
    start = _PREAMBLE_BYTES + length
    signed = data[: _PREFIX.size] + data[_PREAMBLE_BYTES:start]
    if len(data) < start or hashlib.sha256(signed).digest() != data[_PREFIX.size : _PREAMBLE_BYTES]:
        raise _damaged(path, "a header that matches its sha256", "another: bytes have changed or are missing")
    if version != FORMAT_VERSION:
        raise _wrong_version(path, version)
    return json.loads(data[_PREAMBLE_BYTES:start]), data, start


def _entry(leaf: RawLeaf) -> dict[str, Any]:
    raw = {"raw_dtype": leaf.raw.dtype.str, "raw_shape": leaf.raw.shape, "impl": leaf.impl}
    return {**leaf.spec._asdict(), **raw}


def _leaf(entry: dict[str, Any], payload: memoryview) -> RawLeaf:
    dtype, shape = np.dtype(entry["raw_dtype"]), tuple(entry["raw_shape"])
    count = math.prod(shape)
    raw = np.frombuffer(payload, dtype, count, entry["offset"]) if count else np.empty(0, dtype)
    return RawLeaf(
        LeafSpec(entry["name"], entry["dtype"], tuple(entry["shape"])),
        raw.reshape(shape).astype(dtype.newbyteorder("="), copy=True),
        entry["impl"],
    )


def _to_json(header: dict[str, Any]) -> bytes:
    try:
        return json.dumps(header, default=_plain_number).encode()
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"checkpoint meta: expected strings, numbers, booleans, None, lists and dicts, got: {error}; "
            "convert the value first, or make it a leaf of the tree"
        ) from error


def _plain_number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not JSON")


def _pad(header: bytes) -> bytes:
    return header + b" " * (-(_PREAMBLE_BYTES + len(header)) % _ALIGNMENT)


def _damaged(path: str | Path, expected: str, got: str) -> CheckpointError:
    return CheckpointError(f"checkpoint {path} is damaged: expected {expected}, got {got}; do not use it")


def _wrong_version(path: Path, version: int) -> CheckpointError:
    remedy = "update transjet" if version > FORMAT_VERSION else "load it with the transjet that wrote it"
    return CheckpointError(
        f"checkpoint {path} has another format version: expected {FORMAT_VERSION}, got {version}; {remedy}"
    )
