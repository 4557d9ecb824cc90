"""Recipes: the configuration that a target gets by default."""

from __future__ import annotations

import numpy as np

from transjet.config import BaseConfig, ModelConfig, PhaseConfig, RunConfig
from transjet.targets import Target, get, names

_PILOT_DIMENSION = 100  # a pilot keeps covariances of its own for thousands of particles
_LOW_DIMENSION = 8  # up to here uniform points in a box cover the region of interest

# Targets of the zoo whose flow starts from a Gaussian, and where the general rule is not the best known setting.
_FROM_GAUSSIAN: dict[str, dict[str, object]] = {
    "double-well": {},
    "gmm-grid": {"plan": [{"iterations": 100}]},
    "lj13": {},  # a pilot was not done after 300 s
    "gmm40-2": {
        "precision_ratio": 625.0,
        "average": 0.9,
        "score_every": 50,
        "model": {"depth": 4, "input_scale": 20.0},
        "plan": [{"iterations": 900, "points": 1536, "noise": 1.0, "damping": 0.03}],
    },
    "many-well-5-2": {},
    "many-well-5": {"precision_ratio": 4.0, "plan": [{"noise": 0.14}]},
    "many-well-50": {
        "precision_ratio": 4.0,
        "average": 0.9,
        "score_every": 100,
        "score_samples": 2000,
        "plan": [{"iterations": 1000}],
    },
}

# The same for targets that start from a pilot.
_FROM_PILOT: dict[str, dict[str, object]] = {"funnel-10": {"plan": [{"iterations": 1500}]}}


def _half_width(target: Target) -> float:
    """Half of the box's longest side, else three standard deviations of the prior."""
    if target.box is None:
        return 3 * target.prior_std
    lower, upper = (np.asarray(corner, float) for corner in target.box)
    return float(np.max(upper - lower)) / 2


def general(target: Target) -> RunConfig:
    """The configuration of a flow from a Gaussian for a target that has not been tuned: the rule of the zoo.

    Args:
        target: any target.
    """
    if target.box is not None and target.dim <= _LOW_DIMENSION:
        phase = PhaseConfig(
            collocation="mixture",
            background_start=1.0,
            background_end=0.5,
            noise=0.07 * target.prior_std,
            iterations=150,
        )
        return RunConfig(model=ModelConfig(input_scale=_half_width(target)), plan=(phase,))
    # Without a background a flow can flee from what it has not solved: its own trajectories avoid those points then.
    phase = PhaseConfig(
        collocation="mixture",
        background="gaussian",
        background_start=0.4,
        background_end=0.0,
        cloud=1.3,
        noise=0.15 * target.prior_std,
        spread=0.1,
        points=768,
        damping=0.05,
        momentum=0.0,
        iterations=700,
        refresh=2,
    )
    return RunConfig(
        model=ModelConfig(input_scale=2 * target.prior_std),
        plan=(phase,),
        score_every=50,
        score_samples=500,
        transport_steps=50,
    )


def with_pilot(target: Target) -> RunConfig:
    """The configuration for a density of which nothing is known but, roughly, its size: the flow starts from a pilot.

    Args:
        target: any target.

    Returns:
        A configuration in coordinates in which the target is about white.
    """
    phase = PhaseConfig(
        collocation="mixture",
        background="wide",
        cloud=1.15,
        background_start=0.25,
        background_end=0.25,
        noise=0.0,
        points=768,
        damping=0.03,
        momentum=0.0,
        iterations=400,
    )
    return RunConfig(
        base=BaseConfig(kind="pilot"),
        model=ModelConfig(input_scale=2.0),
        plan=(phase,),
        average=0.9,
        restore=5.0,
        score_every=20,
        score_samples=4000,
        transport_steps=20,
    )


def recipe(target: Target) -> RunConfig:
    """The default configuration for a target.

    Up to 100 dimensions the flow starts from a pilot, `with_pilot`, but for some targets of the zoo, most of which
    are known to do better from a Gaussian. These, and targets of more dimensions, have the rule of `general`: in
    few dimensions collocation points are uniform in the target's box at first, and then half of them lie along the
    flow's own trajectories. Above that, or without a box, they are a mixture of a Gaussian cloud, whose share falls
    to zero, and the flow's trajectories.

    Args:
        target: any target.

    Returns:
        Its configuration; overlay options with `RunConfig.from_dict(options, recipe(target))`.
    """
    # A user's own target may bear a name of the zoo; what is known of that one does not hold for it.
    name = target.name if target.name in names() and get(target.name) is target else ""
    if name in _FROM_GAUSSIAN or target.dim > _PILOT_DIMENSION:
        return RunConfig.from_dict(_FROM_GAUSSIAN.get(name, {}), general(target))
    return RunConfig.from_dict(_FROM_PILOT.get(name, {}), with_pilot(target))
