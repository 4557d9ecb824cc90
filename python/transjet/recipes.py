"""Recipes: the configuration that a target gets by default."""

from __future__ import annotations

import numpy as np

from transjet.config import BaseConfig, ModelConfig, PhaseConfig, RunConfig
from transjet.targets import Target, get, names

_PILOT_DIMENSION = 100  # a pilot keeps covariances of its own for thousands of particles
_LOW_DIMENSION = 8  # up to here uniform points in a box cover the region of interest

# Where the general rule is not the best known setting. Keys are names of the zoo.
_OVERRIDES: dict[str, dict[str, object]] = {
    "gmm-grid": {"plan": [{"iterations": 100}]},
    "funnel-10": {
        "precision_ratio": 100.0,
        "variance_ratio": 400.0,
        "average": 0.95,
        "score_every": 200,
        "score_samples": 2000,
        "model": {"depth": 4, "input_scale": 2.0, "activation": "silu"},
        "plan": [
            {
                "iterations": 3000,
                "damping": 0.01,
                "robust": 20.0,
                "background_start": 0.0,
                "noise": 0.0,
                "spread": 0.6,
                "scatter": "coordinates",
                "refresh": 1,
                "continuation": 0.8,
                "continuation_power": 16.0,
            }
        ],
    },
    "gmm40-2": {
        "precision_ratio": 625.0,
        "average": 0.9,
        "score_every": 50,
        "model": {"depth": 4, "input_scale": 20.0},
        "plan": [{"iterations": 900, "points": 1536, "noise": 1.0, "damping": 0.03}],
    },
    "many-well-5": {"precision_ratio": 4.0, "plan": [{"noise": 0.14}]},
    "many-well-50": {
        "precision_ratio": 4.0,
        "average": 0.9,
        "score_every": 100,
        "score_samples": 2000,
        "plan": [{"iterations": 1000}],
    },
}


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

    A density of the user's own, and a random target, of up to 100 dimensions gets a pilot: `with_pilot`. Other targets
    start from a Gaussian: in few dimensions collocation points are uniform in the target's box at first, and then half
    of them lie along the flow's own trajectories. Above that, or without a box, they are a mixture of a Gaussian cloud,
    whose share falls to zero, and the flow's trajectories.

    Args:
        target: any target.

    Returns:
        Its configuration; overlay options with `RunConfig.from_dict(options, recipe(target))`.
    """
    # A user's own target may bear a name of the zoo; what is known of that one does not hold for it.
    if target.name not in names() or get(target.name) is not target:
        return with_pilot(target) if target.dim <= _PILOT_DIMENSION else general(target)
    return RunConfig.from_dict(_OVERRIDES.get(target.name, {}), general(target))
