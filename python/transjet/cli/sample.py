"""`transjet sample`: more samples from a trained run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from transjet.cli.checkpoints import CHOICES, read_for_sampling
from transjet.cli.keys import stream_key
from transjet.cli.record import check_seed, open_run
from transjet.cli.results import in_short
from transjet.cli.samplers import sampler_of
from transjet.errors import OutputError
from transjet.io import RunFolder, check_writable
from transjet.sampler import Sampler
from transjet.transport import UNWEIGHTINGS, Unweighted, WeightedSamples


def add_to(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("sample", help="draw more samples from a run", parents=parents, description=__doc__)
    add_options(parser)
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="where to; samples-seed-S.npz in the run's folder by default"
    )
    parser.add_argument(
        "--unweighted",
        choices=UNWEIGHTINGS,
        metavar="KIND",
        help=f"write samples of equal weight, made of the weighted ones by {', '.join(UNWEIGHTINGS)}",
    )
    parser.set_defaults(execute=execute)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what every command that samples from a run takes."""
    parser.add_argument("run", type=Path, metavar="DIR", help="folder of the run")
    parser.add_argument("-n", "--samples", type=int, metavar="N", help="how many; as many as the run by default")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the samples; 0 by default")
    parser.add_argument(
        "--checkpoint",
        choices=CHOICES,
        default="best",
        help="parameters with the best ESS during training (default), or those of the last step",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Draw, write, and say how good they are."""
    check_seed(arguments.seed)
    run, record = open_run(arguments.run)
    path = arguments.out or run.samples_of(arguments.seed)
    if path.is_dir():
        raise OutputError(f"--out: expected a file, got the folder {path}; add a name such as samples.npz")
    check_writable(path.parent)
    with sampler_of(run, record) as sampler:
        samples = draw(sampler, run, arguments, "sample")
        even = None
        if arguments.unweighted:
            even = sampler.unweighted(samples, stream_key(arguments.seed, "unweighted"), arguments.unweighted)
        run.write_samples(*(even.samples if even else samples), path=path)
        count = len(samples.x)
        # One sample has no standard error, and may be all that is wanted.
        print(f"{path}: {count} samples, {in_short(sampler.summarize(samples))}" if count > 1 else f"{path}: 1 sample")
        if even:
            print(_in_words(arguments.unweighted, even))
    return 0


def _in_words(kind: str, even: Unweighted) -> str:
    text = f"of equal weight by {kind}: {even.distinct:.3g} of them distinct"
    if kind == "independence-mh":
        time = float(np.nanmax(even.autocorrelation)) if np.isfinite(even.autocorrelation).any() else float("nan")
        text += f", acceptance {even.acceptance:.3g}, longest autocorrelation time {time:.3g}"
    return text


def draw(sampler: Sampler, run: RunFolder, arguments: argparse.Namespace, stream: str) -> WeightedSamples:
    """Sample as the options say."""
    state = read_for_sampling(run, sampler, arguments.checkpoint)
    return sampler.sample(state, stream_key(arguments.seed, stream), arguments.samples)
