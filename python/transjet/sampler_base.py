"""What a sampler does in coordinates of its flow, and how it comes to these."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from transjet.config import RunConfig
from transjet.errors import ConfigError
from transjet.paths import GaussianPrior
from transjet.pilot import Base, build_base, tried
from transjet.pilot.trial import ShortRun
from transjet.targets import Target
from transjet.transport import WeightedSamples


def check_arguments(target: Target, config: RunConfig | None) -> None:
    """Refuse what a sampler cannot be made of.

    Raises:
        ConfigError: it is not a target, or not a configuration.
    """
    if not isinstance(target, Target):
        raise ConfigError(
            f"Sampler: target: expected a Target; got {target!r}; get('name') gives one of the zoo, and "
            "from_log_density(fn, dim) makes one of a function"
        )
    if config is not None and not isinstance(config, RunConfig):
        raise ConfigError(
            f"Sampler: config: expected a RunConfig or None; got {config!r}; RunConfig.from_dict makes one"
        )


def find_base(target: Target, config: RunConfig, around: GaussianPrior, short_run: ShortRun) -> Base | None:
    """The base that a configuration asks for, by a pilot run and short trainings; None without a pilot."""
    options = config.base
    if options.kind != "pilot":
        return None
    base = build_base(target.log_density, around, jax.random.key(options.seed, impl="rbg"), options)
    return tried(base, short_run, enough=options.enough) if options.trial else base


def whitened(target: Target, base: Base | None) -> Target:
    """The target in coordinates of the flow, with a log Z of about 0; of what else is known there is only the name."""
    if base is None:
        return target
    return Target(name=target.name, dim=target.dim, log_density=base.whitened(target.log_density))


def outward(samples: WeightedSamples, base: Base | None) -> WeightedSamples:
    """Samples of the flow in the target's own coordinates, weighted by its own log density."""
    if base is None:
        return samples
    x, log_w, log_q = samples
    there, log_det = (np.asarray(a) for a in base.chart.outward_with_log_det(jnp.asarray(x)))
    return WeightedSamples(there, (log_w + base.log_z).astype(x.dtype), log_q - log_det)
