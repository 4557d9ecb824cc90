"""Which start suits the flow: short trainings from several bases, of which the best is kept."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax.numpy as jnp

from transjet.paths import MixturePrior
from transjet.pilot.base import Base

ShortRun = Callable[[Base], tuple[float, int]]
"""Trains for a few steps from a base; returns the best score, log ESS + log Z, and evaluations of the target."""


def tried(base: Base, short_run: ShortRun, *, enough: float, good: float = 0.7) -> Base:
    """The base, or a simpler one in the same coordinates where a flow learns more from that.

    A mixture of many components may be near a target that it cannot follow exactly: what is left for the flow is as
    uneven as its components are many. From one Gaussian the way is longer and smoother.

    Args:
        base: of the pilot.
        short_run: trains from a base.
        enough: normalised ESS of the mixture from which on it is taken without trial.
        good: normalised ESS of a trial after which no other is made.

    Returns:
        The base with the best score, the evaluations of all trials counted, and their scores among its figures.
    """
    if base.ess >= enough or len(base.prior.means) == 1:
        return base
    figures, spent, best, chosen = dict(base.figures), base.evaluations, -math.inf, base.prior
    for prior in (_one(base.prior), base.prior):
        score, evaluations = short_run(base._replace(prior=prior))
        spent += evaluations
        figures[f"trial_{len(prior.means)}"] = score - base.log_z
        if score > best:
            best, chosen = score, prior
        if score - base.log_z > math.log(good):
            break
    figures["components"] = float(len(chosen.means))
    return base._replace(prior=chosen, figures=figures, evaluations=spent)


def _one(like: MixturePrior) -> MixturePrior:
    """N(0, I)."""
    d, dtype = like.dim, like.means.dtype
    eye = jnp.eye(d, dtype=dtype)[None]
    return MixturePrior(jnp.zeros(1, dtype), jnp.zeros((1, d), dtype), eye, eye, jnp.asarray(jnp.inf, dtype))
