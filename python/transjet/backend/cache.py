"""Where transjet keeps what it has made on this machine and for this user: compiled kernels and measured rates."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

ENVIRONMENT_VARIABLE = "TRANSJET_CACHE"


def cache_folder() -> Path:
    """The folder named by the environment variable TRANSJET_CACHE, else ~/.cache/transjet. It may be missing."""
    named = os.environ.get(ENVIRONMENT_VARIABLE, "")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "transjet"


def replace_file(path: Path, content: bytes) -> None:
    """Write a file of the cache so that readers see the old content or the new, and never a part.

    Raises:
        OSError: it cannot be written; what was there stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
