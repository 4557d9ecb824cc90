"""Where transjet keeps what it has made on this machine and for this user: compiled kernels and measured rates."""

from __future__ import annotations

import os
from pathlib import Path

ENVIRONMENT_VARIABLE = "TRANSJET_CACHE"


def cache_folder() -> Path:
    """The folder named by the environment variable TRANSJET_CACHE, else ~/.cache/transjet. It may be missing."""
    named = os.environ.get(ENVIRONMENT_VARIABLE, "")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "transjet"
