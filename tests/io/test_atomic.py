"""Files that appear whole or not at all: failures, kills, leftovers, unwritable places."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from transjet.errors import OutputError
from transjet.io import check_writable, load, remove_temporaries, save, write_atomic
from transjet.io.atomic import TEMPORARY_SUFFIX, _open_temporary

# Forks writers that save in a tight loop and kills each, once it has written, at a random instant; every file must then
# be whole. Goes on for a while after the least number of kills if none has hit a file half written.
KILLER = """
import os, random, signal, sys, time
import numpy as np
from transjet.io import CheckpointFolder, latest, load
from transjet.io.atomic import TEMPORARY_SUFFIX
from pathlib import Path

folder, kills = Path(sys.argv[1]), int(sys.argv[2])
random.seed(5)
last, leftovers = 0, 0
done = 0
while done < kills or (leftovers == 0 and done < 10 * kills):
    done += 1
    child = os.fork()
    if child == 0:
        checkpoints, i = CheckpointFolder(folder, keep=2), last
        while True:
            i += 1
            checkpoints.save(i, {"i": i, "x": np.full(300_000, float(i))}, meta={}, score=float(i))
    deadline = time.monotonic() + 20
    while max((int(p.stem[10:]) for p in folder.glob("iteration-*.ckpt")), default=0) <= last:
        assert time.monotonic() < deadline, "nothing was written"
        time.sleep(0.002)
    time.sleep(0.1 * random.random())
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    leftovers += len(list(folder.glob("*" + TEMPORARY_SUFFIX)) + list(folder.glob(".*" + TEMPORARY_SUFFIX)))
    for path in folder.glob("*.ckpt"):
        tree, meta = load(path, {"i": 0, "x": np.zeros(300_000)})
        assert tree["i"] == meta["iteration"] and (tree["x"] == tree["i"]).all(), path
    if latest(folder) is not None:
        newest = int(latest(folder).stem.split("-")[1])
        assert newest >= last, (newest, last)
        last = newest
print(last, leftovers)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_replaces_whole_files_and_makes_folders(tmp_path):
    path = tmp_path / "new" / "deep" / "a.bin"
    assert write_atomic(path, lambda handle: handle.write(b"one")) == path
    write_atomic(path, lambda handle: handle.write(b"two"))
    assert path.read_bytes() == b"two"
    assert names(path.parent) == ["a.bin"]


def test_permissions_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        path = write_atomic(tmp_path / "a", lambda handle: handle.write(b"x"))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_while_writing_keeps_the_old_file(tmp_path, error):
    path = write_atomic(tmp_path / "a", lambda handle: handle.write(b"old"))

    def fail(handle):
        handle.write(b"ne")
        raise error

    with pytest.raises(OutputError if isinstance(error, OSError) else KeyboardInterrupt):
        write_atomic(path, fail)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_failing_rename_keeps_the_old_checkpoint(tmp_path, monkeypatch):
    path = save(tmp_path / "a.ckpt", 1.0, meta={})

    def fail(source, destination):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OutputError, match=r"a\.ckpt cannot be written.*Input/output error"):
        save(path, 2.0, meta={})
    monkeypatch.undo()
    assert load(path, 0.0)[0] == 1.0
    assert names(tmp_path) == ["a.ckpt"]


def test_the_old_file_is_there_until_the_new_one_is_on_disk(tmp_path, monkeypatch):
    path = write_atomic(tmp_path / "a", lambda handle: handle.write(b"old"))
    events = []
    real_sync, real_replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (events.append(("sync", path.read_bytes())), real_sync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (events.append(("rename", b"")), real_replace(a, b)))
    write_atomic(path, lambda handle: handle.write(b"new"))
    assert events == [("sync", b"old"), ("rename", b""), ("sync", b"new")]


def test_killed_writers_leave_only_whole_checkpoints(tmp_path):
    kills = 12
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLER, str(tmp_path), str(kills)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    last, leftovers = map(int, done.stdout.split())
    assert last > kills, "the writers hardly wrote: the kills came too early to show anything"
    assert leftovers > 0, "no kill hit a file half written"
    save(tmp_path / "iteration-99999999.ckpt", 1, meta={})
    assert not list(tmp_path.glob(f".*{TEMPORARY_SUFFIX}"))


def test_leftovers_go_and_work_in_progress_stays(tmp_path):
    dead = tmp_path / f".a.ckpt.0123{TEMPORARY_SUFFIX}"
    dead.write_bytes(b"half")
    foreign = tmp_path / ".hidden.tmp"
    foreign.write_bytes(b"mine")
    alive, handle = _open_temporary(tmp_path / "b.ckpt")
    with handle:
        assert remove_temporaries(tmp_path) == [dead]
        assert alive.exists()
    assert remove_temporaries(tmp_path) == [alive]
    assert names(tmp_path) == [".hidden.tmp"]
    assert remove_temporaries(tmp_path / "missing") == []


def test_check_writable_makes_the_folder_and_leaves_nothing(tmp_path):
    assert check_writable(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert names(tmp_path / "a" / "b") == []


@pytest.mark.parametrize("place", ["file/folder", "file"])
def test_check_writable_refuses_what_is_no_folder(tmp_path, place):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"cannot be written to: expected a writable place.*got '"):
        check_writable(tmp_path / place)
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a read-only file system that root cannot write")
def test_check_writable_refuses_a_read_only_file_system():
    with pytest.raises(OutputError, match="cannot be written to"):
        check_writable("/proc/self/transjet")
