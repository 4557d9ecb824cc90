"""A row of an experiment: an arm trained with one seed, judged at several moments."""

import resource
import time

from experiments.budget import prepare, train

FIGURES = ("ess", "log_z", "log_z_error", "elbo", "mode_worst_ratio", "mode_coverage", "std_error_metric")
_BATCH, _LAST = 2000, 10_000  # samples that judge a checkpoint, and the last one


def _samples(sampler, state, key, n):
    """Weighted samples in batches of one size, so that one compilation serves all."""
    import jax
    import numpy as np

    batch = min(n, _BATCH)
    parts = [sampler.sample(state, k, batch) for k in jax.random.split(key, max(1, n // batch))]
    return type(parts[0])(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def judge(sampler, state, seed, n=_BATCH, quick=False):
    """What n fresh samples say; a set of samples that cannot be judged is said to have failed."""
    import jax

    from transjet.errors import TargetError

    try:
        summary = sampler.summarize(_samples(sampler, state, jax.random.key(10_000 + seed), 64 if quick else n))
    except TargetError as error:
        return {"failed": str(error)[:200]}
    values = {name: getattr(summary, name) for name in FIGURES}
    found = {k: float(v.value) for k, v in values.items() if v is not None}
    return found | {f"{k}_std_error": float(v.std_error) for k, v in values.items() if v is not None}


def _marks(ready, seconds, checkpoints, quick):
    """Moments of judgement: (iteration, CPU seconds or None), the last one the end."""
    end = ready.sampler.trainer.iterations
    shares = [(i + 1) / checkpoints for i in range(checkpoints)]
    if seconds is None or quick:
        return [(n, None) for n in sorted({max(1, round(end * share)) for share in shares})]
    return [(end, ready.spent + (seconds - ready.spent) * share) for share in shares]


def _point(state, spent, record):
    point = {"iteration": int(state.iteration), "cpu_seconds": round(spent, 3)}
    if record is not None:
        point |= {"loss": record.loss, "residual_rms": record.residual_rms}
    return point


def run(arm, seed, quick=False, checkpoints=4, after=None, start=None, ready=None, judged=_LAST):
    """Train an arm and judge it at several moments.

    Args:
        arm: what.
        seed: of the whole row.
        quick: a few steps only.
        checkpoints: how often it is judged.
        after: `(sampler, state, quick) -> dict`, more of the row.
        start: `(state) -> state`, where training starts; that is judged as well then.
        ready: of `prepare`, if that was called before.
        judged: samples that judge the end.

    Returns:
        The row: `curve`, a list of figures at iterations and CPU seconds of training; `planned` iterations; peak
        memory of the process in MiB; and why it stopped before the end, if it did.
    """
    import jax

    from transjet.errors import TrainingError

    sampler, spent = ready = ready or prepare(arm, quick)
    state, curve, row = sampler.init(jax.random.key(seed)), [], {"planned": sampler.trainer.iterations}
    began, judging = time.process_time(), 0.0
    if start is not None:
        state = start(state)
        curve.append(_point(state, 0.0, None) | judge(sampler, state, seed, quick=quick))
        row["ess_before"] = curve[0].get("ess")
    marks, budget = _marks(ready, arm.seconds, checkpoints, quick), None if quick else arm.seconds
    for iteration, seconds in marks:
        try:
            state, spent, record = train(sampler, state, iteration, seconds, spent)
        except TrainingError as error:
            state, record, row["stopped"] = error.state, None, str(error)[:200]
        over = "stopped" in row or int(state.iteration) >= marks[-1][0] or (budget is not None and spent >= budget)
        at = time.process_time()
        curve.append(_point(state, spent, record) | judge(sampler, state, seed, judged if over else _BATCH, quick))
        judging += time.process_time() - at
        if over:
            break
    if "failed" in curve[-1]:
        row["stopped"] = curve[-1]["failed"]
    row |= {"curve": curve, "judging_seconds": round(judging, 1), "row_seconds": round(time.process_time() - began, 1)}
    if after is not None and "failed" not in curve[-1]:
        row |= after(sampler, state, quick)
    return row | {"peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)}
