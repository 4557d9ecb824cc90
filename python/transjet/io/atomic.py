"""Files that appear whole or not at all.

A file is written under a temporary name in its own folder, forced to disk, then renamed over the old one: at
every instant the name shows the old content or the new, never a part. A writer holds a lock on its temporary
file, which the kernel lets go when the process dies, so leftovers of killed writers can be told from work in
progress.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from transjet.errors import OutputError

TEMPORARY_SUFFIX = ".transjet-tmp"


def write_atomic(path: str | Path, write: Callable[[IO[bytes]], object]) -> Path:
    """Replace a file by what `write` puts into a handle; what was there stays until that is on disk.

    Args:
        path: file to create or replace; missing folders are made.
        write: receives a binary handle and writes the whole content.

    Returns:
        The path.

    Raises:
        OutputError: the file cannot be written; the old content, if any, is untouched.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_and_rename(path, write)
    except OutputError:
        raise
    except OSError as error:
        raise _output_error(f"{path} cannot be written", error) from error
    return path


def check_writable(folder: str | Path) -> Path:
    """Make the folder if it is missing and prove, by writing and removing a file, that it takes output.

    Call it before anything expensive.

    Args:
        folder: where results will go.

    Returns:
        The folder.

    Raises:
        OutputError: the folder cannot be made or written to.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary, handle = _open_temporary(folder / "write-test")
        try:
            with handle:
                handle.write(b"transjet")
                _sync(handle)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise _output_error(f"the folder {folder} cannot be written to", error) from error
    return folder


def remove_temporaries(folder: str | Path) -> list[Path]:
    """Remove the temporary files that killed writers left behind, and spares those of writers still at work.

    Args:
        folder: where to look; it may be missing.

    Returns:
        The paths removed.
    """
    leftovers = Path(folder).glob(f".*{TEMPORARY_SUFFIX}")
    return [path for path in sorted(leftovers) if _remove_if_unlocked(path)]


def _write_and_rename(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    temporary, handle = _open_temporary(path)
    try:
        with handle:
            write(handle)
            _sync(handle)
            os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _open_temporary(path: Path) -> tuple[Path, IO[bytes]]:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}{TEMPORARY_SUFFIX}")
    # os.open, unlike tempfile, leaves the permissions to the user's umask.
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    with suppress(OSError):  # a network file system without locks: nothing there is ever a leftover
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return temporary, os.fdopen(descriptor, "w+b")


def _remove_if_unlocked(path: Path) -> bool:
    try:
        with path.open("rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    except OSError:
        return False
    return True


def _sync(handle: IO[bytes]) -> None:
    handle.flush()
    os.fsync(handle.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # file systems without folder sync say so
            raise
    finally:
        os.close(descriptor)


def _output_error(what: str, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    return OutputError(
        f"{what}: expected a writable place with free space, got '{reason}'; "
        "choose another folder, or free space and check its permissions"
    )
