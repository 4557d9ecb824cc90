"""Configuration of one phase of training."""

from __future__ import annotations

import math
from dataclasses import dataclass

from transjet.config_checks import check_types as _check_types
from transjet.config_checks import not_negative as _not_negative
from transjet.config_checks import one_of as _one_of
from transjet.config_checks import positive as _positive
from transjet.errors import ConfigError

OPTIMISERS = ("gauss-newton", "gauss-newton-cg", "adam")
BACKGROUNDS = ("uniform", "gaussian", "sobol", "tube", "wide")
SCATTERS = ("radius", "coordinates")
ALONG = ("trajectories", "sde", "reverse")
COLLOCATIONS = (*BACKGROUNDS, *ALONG, "mixture", "adaptive")


@dataclass(frozen=True)
class PhaseConfig:
    """A phase of training.

    Attributes:
        optimiser: "gauss-newton" (dual), "gauss-newton-cg" (primal) or "adam".
        iterations: steps.
        points: collocation points a step.
        damping: initial Levenberg-Marquardt damping.
        adapt: factor of its adaptation; 1 keeps it constant.
        momentum: SPRING momentum, below 1; 0 is plain Gauss-Newton.
        robust: residuals beyond this many times their median size count linearly; 0: quadratically, like all others.
        learning_rate: of adam.
        collocation: "uniform" in the target's box, evenly in it ("sobol"), "gaussian", a Gaussian "tube" whose scale
            follows time; along "trajectories" of the current flow, of those from wider starts ("wide"), of a diffusion
            ("sde"), or back from the target ("reverse"); a "mixture" of these two kinds, or the mixture's points of
            large residual ("adaptive").
        background: of a mixture, "uniform", "sobol", "gaussian", "tube" or "wide".
        along: the other part of a mixture, "trajectories", "sde" or "reverse".
        background_start: share of background points of a mixture at the beginning.
        background_end: the same from 70 % of the phase on.
        cloud: standard deviation of gaussian points and of wide starts, in units of the prior's; of a tube in units of
            its own.
        tube_end: scale of a tube at the target, in units of the prior's.
        sde_sigma: diffusion coefficient of "sde", in units of the prior's standard deviation.
        reverse_from: "own" samples, resampled and moved, or exact ones of the "target".
        adaptive_factor: candidates per point of "adaptive".
        adaptive_power: power of the residual that they are drawn by.
        adaptive_floor: share of plain drawing, relative to that.
        times_start: end of the range of times at the beginning of the phase; 1: all times from the start.
        times_settled: progress from which on all times are drawn.
        times_power: times have a density proportional to this power.
        antithetic: trajectories start in pairs z, -z.
        noise: displacement of noisy trajectory points.
        noisy: share of trajectory points that are displaced.
        spread: scatter of the trajectories' starts, see `Trajectories`.
        scatter: "radius" scatters starts along their radius, "coordinates" every coordinate for itself.
        continuation: share of the phase over which the target comes in: log rho is g log rho + (1 - g) log prior until
            then, with 1 - g = (1 - progress / continuation)^continuation_power. 0: the target itself from the start.
            For densities with regions much narrower or wider than the prior, where a flow would settle on a part.
        continuation_power: as above; the higher, the slower the end.
        particles: trajectories in the cache; 0: as many as points.
        refresh: steps between refreshes of the cache.
    """

    optimiser: str = "gauss-newton"
    iterations: int = 200
    points: int = 1024
    damping: float = 1e-3
    adapt: float = 1.0
    momentum: float = 0.5
    robust: float = 3.0
    learning_rate: float = 1e-3
    collocation: str = "uniform"
    background: str = "uniform"
    along: str = "trajectories"
    background_start: float = 1.0
    background_end: float = 0.3
    cloud: float = 1.2
    tube_end: float = 1.0
    sde_sigma: float = 0.5
    reverse_from: str = "own"
    adaptive_factor: int = 4
    adaptive_power: float = 1.0
    adaptive_floor: float = 1.0
    times_start: float = 1.0
    times_settled: float = 0.5
    times_power: float = 0.0
    antithetic: bool = False
    noise: float = 0.3
    noisy: float = 0.5
    spread: float = 0.0
    scatter: str = "radius"
    continuation: float = 0.0
    continuation_power: float = 4.0
    particles: int = 0
    refresh: int = 1

    def __post_init__(self) -> None:
        _check_types(self, "plan.")
        _one_of("plan.optimiser", self.optimiser, OPTIMISERS)
        _one_of("plan.collocation", self.collocation, COLLOCATIONS)
        _one_of("plan.background", self.background, BACKGROUNDS)
        _one_of("plan.along", self.along, ALONG)
        _one_of("plan.reverse_from", self.reverse_from, ("own", "target"))
        for name in ("tube_end", "sde_sigma", "adaptive_factor", "adaptive_floor", "times_start", "times_settled"):
            _positive(f"plan.{name}", getattr(self, name))
        _not_negative("plan.adaptive_power", self.adaptive_power)
        if max(self.times_start, self.times_settled) > 1 or not -1 < self.times_power < math.inf:
            raise ConfigError("plan: expected times_start, times_settled of at most 1, and times_power above -1")
        for name in ("iterations", "points", "damping", "learning_rate", "cloud", "refresh"):
            _positive(f"plan.{name}", getattr(self, name))
        _one_of("plan.scatter", self.scatter, SCATTERS)
        _positive("plan.continuation_power", self.continuation_power)
        for name in ("background_start", "background_end", "noisy", "continuation"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"plan.{name}: expected a number between 0 and 1; got {getattr(self, name)!r}")
        if not 0 <= self.momentum < 1:
            raise ConfigError(f"plan.momentum: expected 0 or more, and less than 1; got {self.momentum!r}")
        for name in ("robust", "particles", "noise", "spread"):
            _not_negative(f"plan.{name}", getattr(self, name))
        if not 1 <= self.adapt < math.inf:
            raise ConfigError(f"plan.adapt: expected 1 or more; got {self.adapt!r}")
