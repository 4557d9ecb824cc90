"""A folder of compiled kernels: a cubin and a record for each, written so that readers never see half of one."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from transjet_kernels.aot import Binary

FORMAT = 1
_FACTS = {f.name: f.type for f in fields(Binary) if f.name != "cubin"}


class Store:
    """Compiled kernels by name in a folder: NAME.cubin, and NAME.json with everything else and a checksum.

    Args:
        folder: where; it may be missing.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def find(self, key: str) -> Binary | None:
        """The binary of that name; None if there is none, or a damaged one."""
        try:
            record = json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8"))
            return _from_record(record, (self.folder / f"{key}.cubin").read_bytes())
        except (OSError, ValueError):
            return None

    def add(self, key: str, binary: Binary) -> None:
        """Keep a binary, in place of what has its name.

        Raises:
            OSError: the folder cannot be written to.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        facts = {name: value for name, value in asdict(binary).items() if name != "cubin"}
        record = {"format": FORMAT, "sha256": _checksum(binary.cubin, facts)} | facts
        # The record comes last: without it a cubin does not count.
        _replace(self.folder / f"{key}.cubin", binary.cubin)
        _replace(self.folder / f"{key}.json", json.dumps(record, indent=1).encode())

    def remove(self, key: str) -> None:
        """Forget a binary; nothing happens if there is none."""
        for suffix in ("json", "cubin"):
            (self.folder / f"{key}.{suffix}").unlink(missing_ok=True)

    def keys(self) -> Iterator[str]:
        """Names of all binaries, damaged ones too, in order."""
        yield from sorted(path.stem for path in self.folder.glob("*.json"))


def _checksum(cubin: bytes, facts: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    digest.update(cubin)
    return digest.hexdigest()


def _from_record(record: Any, cubin: bytes) -> Binary:
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ValueError("a record of another format")
    facts = {name: record.get(name) for name in _FACTS}
    if _checksum(cubin, facts) != record.get("sha256"):
        raise ValueError("a damaged record or cubin")
    return Binary(cubin=cubin, **facts)  # type: ignore[arg-type]  # what the checksum covers was written from a Binary


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with temporary.open("xb") as handle:
            handle.write(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
