"""The figures of a run on disk, row by row, so that whatever ends the run keeps what was measured.

A kernel can end a process, take its device away from it, or never come back. So rows are made in a process of their
own, which `supervise` starts again after such an end; the row that it came from stays behind as failed.
"""

import faulthandler
import json
import os
import subprocess
import sys
import time

NO_TIME = "no time left"
ENDED = "the process ended, or was ended, while this was measured"
PATIENCE = 90  # seconds for one row
LOST = 75  # exit status of a process whose device no longer answers
STARTS = 8
RIVALS = ("xla", "folx")


def failure(error, backend):
    """A row for an exception. Rivals may well need more memory than there is; not every size is served."""
    text = f"{type(error).__name__}: {str(error)[:500]}"
    if text.startswith("BackendError") and ": serves " in text:
        return {"skipped": str(error)[:500]}
    if backend in RIVALS and ("RESOURCE_EXHAUSTED" in text or "out of memory" in text.lower()):
        return {"out_of_memory": text}
    return {"failed": text}


class Figures:
    """The results so far, on disk after every row."""

    def __init__(self, path, budget, quick, resume=False):
        import gpu_machine

        self.path, self.quick, self._end = path, quick, time.monotonic() + budget
        self.results = {
            "kind": "gpu",
            "machine": gpu_machine.machine(),
            "date": time.strftime("%Y-%m-%d"),
            "quick": quick,
            "ceilings": {},
            "rows": [],
        }
        if resume and path.exists():
            before = json.loads(path.read_text())
            self.results["ceilings"] = {
                name: found for name, found in before["ceilings"].items() if "rate" in found or ENDED in found.values()
            }
            self.results["rows"] = [row for row in before["rows"] if row.get("skipped") != NO_TIME]
        self.write()

    @property
    def left(self):
        """Seconds."""
        return self._end - time.monotonic()

    def rounds(self):
        """How often a call is timed."""
        return 3 if self.quick else 9

    def write(self):
        """The file, in one piece at any moment."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".part")
        fresh.write_text(json.dumps(self.results, indent=1) + "\n")
        fresh.replace(self.path)

    def ceiling(self, name, make):
        """Measure what the device reaches, unless it is known."""
        if name in self.results["ceilings"]:
            return
        self.results["ceilings"][name] = {"failed": ENDED}
        self.write()
        found = self.results["ceilings"][name] = self._guarded(make, None, PATIENCE)
        self.write()
        print(f"  ceiling {name}: {found}", file=sys.stderr, flush=True)

    def row(self, make, patience=PATIENCE, **about):
        """Make a row, or say why there is none; one that is there already stays."""
        if any(about.items() <= row.items() for row in self.results["rows"]):
            return
        rows = self.results["rows"]
        rows.append({**about, "failed": ENDED})
        if self.left > 0:
            self.write()
            made = self._guarded(make, about.get("backend"), patience)
        else:
            made = {"skipped": NO_TIME}
        rows[-1] = {**about, **made}
        self.write()
        text = ", ".join(str(v) for v in about.values())
        told = ("skipped", "failed", "out_of_memory", "gflops", "share", "seconds", "mib", "wrong")
        print(f"  {text}: { {k: made[k] for k in told if k in made} or made }", file=sys.stderr, flush=True)

    def _guarded(self, make, backend, patience):
        faulthandler.dump_traceback_later(patience, exit=True)
        try:
            return make()
        except Exception as error:  # whatever it is, later rows are worth having
            made = failure(error, backend)
            if "failed" in made and not _answers():
                made["failed"] += "; the device no longer answers this process"
                self._leave(made, backend)
            return made
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _leave(self, made, backend):
        """End the process at once: with a lost device even an ordinary end can take forever."""
        if backend is not None:
            self.results["rows"][-1] |= made
        self.write()
        os._exit(LOST)


def _answers():
    """Whether the device still computes: after an illegal access nothing does in this process."""
    import jax
    import jax.numpy as jnp

    try:
        jax.block_until_ready(jnp.ones(8) + 1)
    except Exception:
        return False
    return True


def bad(results):
    """Rows that failed or computed something else."""
    broken = [row for row in results["rows"] if "failed" in row or row.get("wrong")]
    return broken + [c for c in results["ceilings"].values() if "failed" in c]


def supervise(command, budget, resume):
    """Run `command --budget SECONDS [--resume]` until it ends well, is out of time, or has been started often enough.

    Returns:
        Whether it ended well.
    """
    end = time.monotonic() + budget
    for start in range(STARTS):
        left = end - time.monotonic()
        words = [*command, "--budget", f"{max(0, left):.0f}", *(["--resume"] if resume or start else [])]
        try:
            status = subprocess.run(words, timeout=max(0, left) + 2 * PATIENCE).returncode
        except subprocess.TimeoutExpired:
            status = "too late"
        if status == 0:
            return True
        print(f"  the measuring process ended with status {status}", file=sys.stderr, flush=True)
        if time.monotonic() > end:
            break
    return False
