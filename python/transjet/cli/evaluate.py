"""`transjet eval`: figures of a trained run on fresh samples."""

from __future__ import annotations

import argparse
import time
from typing import Any

from transjet.cli import sample
from transjet.cli.keys import stream_key
from transjet.cli.record import check_seed, open_run
from transjet.cli.results import figures
from transjet.cli.samplers import sampler_of
from transjet.io import check_writable


def add_to(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("eval", help="evaluate a run on fresh samples", parents=parents, description=__doc__)
    sample.add_options(parser)
    parser.add_argument(
        "--distances",
        action="store_true",
        help="also the Sinkhorn divergence and the MMD from exact samples, where the target has them; needs ott-jax",
    )
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Print the table and write `eval.json`."""
    check_seed(arguments.seed)
    run, record = open_run(arguments.run)
    check_writable(run.path)
    began = time.perf_counter()
    with sampler_of(run, record) as sampler:
        samples = sample.draw(sampler, run, arguments, "eval")
        key = stream_key(arguments.seed, "distances") if arguments.distances else None
        summary = sampler.summarize(samples, key)
    facts = {"seed": arguments.seed, "run_seed": record.seed, "checkpoint": arguments.checkpoint}
    plain = {**figures(summary, record), **facts, "seconds": time.perf_counter() - began}
    run.write_metrics(plain, run.evaluation)
    print(summary.table())
    return 0
