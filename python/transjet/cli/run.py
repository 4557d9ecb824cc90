"""`transjet run`: train a sampler for a target, sample with it, and keep everything in one folder."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
import time
from pathlib import Path
from typing import Any

from transjet.cli import density, options
from transjet.cli.keys import stream_key
from transjet.cli.record import RunRecord, open_run
from transjet.cli.results import (
    base_figures,
    base_in_words,
    draw_pictures,
    evaluation_figures,
    evaluations_in_words,
    figures,
    pilot_figures,
    pilot_in_words,
    rejected,
    rejected_in_words,
)
from transjet.cli.samplers import asks_for_base, sampler_of, write_base
from transjet.cli.session import Session
from transjet.errors import ConfigError, OutputError
from transjet.io import RunFolder, make_progress
from transjet.recipes import recipe
from transjet.sampler import Sampler
from transjet.train import spend

INTERRUPTED = 130


def add_to(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("run", help="train, sample and report", parents=parents, description=__doc__)
    density.add_options(parser)
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder of the run")
    parser.add_argument("--seed", type=int, metavar="S", help="of the whole run; 0 by default")
    parser.add_argument("--iterations", type=int, metavar="N", help="stop after N steps instead of the plan's end")
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="go on from the folder's last checkpoint")
    again.add_argument("--overwrite", action="store_true", help="start over in a folder that is not empty")
    parser.add_argument("--quiet", action="store_true", help="show nothing but errors")
    parser.add_argument("--no-pictures", action="store_true", help="write no pictures")
    options.add_options(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Run, or go on with a run; 130 after Ctrl-C."""
    record = _resumed(arguments) if arguments.resume else _new(arguments)
    _check_folder(arguments)
    progress = make_progress(quiet=arguments.quiet)
    if asks_for_base(record) and not arguments.resume:
        progress.message("a pilot run looks for the target")
    with sampler_of(RunFolder(arguments.out), record, new=not arguments.resume) as sampler:
        run = _folder(arguments)
        if not arguments.resume:
            write_base(run, sampler)
        session = Session(run, record, sampler, progress)
        _announce(session)
        if arguments.resume:
            session.restore()
        run.write_config(record.to_dict())  # after the base: where there is a config, nothing lacks for resuming
        try:
            if session.train().status == "finished":
                _finish(session, arguments)
                return 0
        except KeyboardInterrupt:
            pass  # while sampling or drawing; the checkpoint is there
    print(f"interrupted; to go on: transjet run --resume --out {shlex.quote(str(run.path))}", file=sys.stderr)
    return INTERRUPTED


def _new(arguments: argparse.Namespace) -> RunRecord:
    spec = density.spec_of(arguments)
    config = options.configured(recipe(spec.load()), arguments)
    iterations = config.iterations if arguments.iterations is None else arguments.iterations
    return RunRecord(spec, arguments.seed or 0, iterations, config)


def _resumed(arguments: argparse.Namespace) -> RunRecord:
    """The record of the folder. Only the end of training may be moved; other options must agree with it."""
    _, record = open_run(arguments.out)
    given = density.spec_of(arguments, without=record.spec)
    if given != record.spec:
        raise ConfigError(
            f"resume: expected the target that the run began with, {record.spec.to_dict()}, got "
            f"{given.to_dict()}; leave it out, or start another run in another folder"
        )
    if arguments.seed not in (None, record.seed):
        raise ConfigError(f"resume: expected seed {record.seed}, got {arguments.seed}; leave it out")
    options.check_same(record.config, options.configured(record.config, arguments), "the command line")
    if arguments.iterations is None:
        return record
    return dataclasses.replace(record, iterations=arguments.iterations)


def _check_folder(arguments: argparse.Namespace) -> None:
    """Refuse a folder that cannot take the run, before a pilot that takes a while; nothing is removed yet."""
    there, again = RunFolder(arguments.out), arguments.resume or arguments.overwrite
    if not again and there.is_run() and (there.history.exists() or there.metrics.exists()):
        raise OutputError(
            f"{there.path}: expected a folder without a run, got one that has a run; add --resume to go on with it, "
            "--overwrite to start over, or choose another folder"
        )
    there.check(overwrite=arguments.overwrite)


def _folder(arguments: argparse.Namespace) -> RunFolder:
    """Make or open the folder. What is left of a run that never took a step is in nobody's way."""
    left_over = not arguments.resume and RunFolder(arguments.out).is_run()
    return RunFolder.create(arguments.out, overwrite=arguments.overwrite or left_over)


def _announce(session: Session) -> None:
    """Say what is run, and what was found out before."""
    sampler, progress = session.sampler, session.progress
    progress.message(_heading(sampler, session.record, session.run))
    if sampler.base is not None:
        progress.message(base_in_words(sampler.base))
    if sampler.pilot is not None:
        progress.message(pilot_in_words(sampler.pilot, sampler.base))


def _heading(sampler: Sampler, record: RunRecord, run: RunFolder) -> str:
    config, model = record.config, record.config.model
    method = config.equation if config.method == "pde" else sampler.trainer.plan[0].name.partition(" ")[2]
    return (
        f"{sampler.target.name}, {sampler.target.dim}-d: {method}, networks {model.depth} x {model.width} "
        f"{model.activation}, {config.dtype}, {record.iterations} iterations, seed {record.seed} -> {run.path}"
    )


def _finish(session: Session, arguments: argparse.Namespace) -> None:
    """Sample, and write and show what comes out."""
    sampler, run, record, progress = session.sampler, session.run, session.record, session.progress
    iterations = int(session.state.iteration)
    rejections = rejected_in_words(session.rejections)
    progress.message(f"trained {iterations} iterations in {session.seconds:.1f} s, {rejections}; sampling")
    began = time.perf_counter()
    samples = sampler.sample(session.state, stream_key(record.seed, "run"))
    timings = {"seconds": session.seconds, "seconds_sampling": time.perf_counter() - began}
    spend(session.spent, "samples", sampler.evaluations())
    run.write_samples(*samples)
    summary = sampler.summarize(samples)
    counts = {"iterations": iterations, **rejected(session.rejections)}
    found = {"findings": session.monitor.to_json() if session.monitor else []}
    found |= base_figures(sampler.base) | pilot_figures(sampler.pilot)
    judged: dict[str, Any] = {}
    if record.config.verdict:
        progress.message("judging the samples")
        verdict = sampler.verdict(session.state, samples, stream_key(record.seed, "verdict"))
        spend(session.spent, "verdict", sampler.verdict_evaluations(session.state, len(samples.x), verdict.figures))
        judged = verdict.to_json()
    counts |= evaluation_figures(session.spent)
    run.write_metrics({**figures(summary, record), **counts, **timings, **found, **judged})
    if not arguments.quiet:
        print(summary.table())
        print(evaluations_in_words(session.spent))
        if judged:
            print(verdict)
    if not arguments.no_pictures:
        draw_pictures(run, sampler.target, samples, summary, progress)
    progress.message(f"results in {run.path}")
