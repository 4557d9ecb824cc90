"""Options of the equations: what is solved, and how its residuals count."""

from __future__ import annotations

from dataclasses import dataclass

from transjet.config_checks import check_types, not_negative, one_of, positive
from transjet.errors import ConfigError
from transjet.paths import PATHS, SCHEDULES
from transjet.pilot import Effort

EQUATIONS = (
    "continuity",
    "fokker-planck",
    "annealed-continuity",
    "annealed-fokker-planck",
    "score",
    "schroedinger-bridge",
    "optimal-transport",
)
DRIFTS = ("free", "gradient")
BALANCES = ("fixed", "gradient", "ntk")


@dataclass(frozen=True)
class AnnealingConfig:
    """The prescribed path of the annealed equations; see `transjet.paths.AnnealedPath`.

    Attributes:
        kind: "geometric", "mixture", "tempered" or "dilated".
        schedule: "linear", "cosine", "quadratic" or "learned".
        power: of "tempered", in (0, 1].
        scale: of "dilated".
        terms: Chebyshev coefficients of d/dt log z.
    """

    kind: str = "geometric"
    schedule: str = "linear"
    power: float = 0.5
    scale: float = 2.0
    terms: int = 8

    def __post_init__(self) -> None:
        check_types(self, "annealing.")
        one_of("annealing.kind", self.kind, PATHS)
        one_of("annealing.schedule", self.schedule, SCHEDULES)
        for name in ("power", "scale", "terms"):
            positive(f"annealing.{name}", getattr(self, name))
        if self.power > 1:
            raise ConfigError(f"annealing.power: expected at most 1; got {self.power!r}")


@dataclass(frozen=True)
class BaseConfig(Effort):
    """Where the flow starts. The other options are those of `transjet.pilot.Effort`.

    Attributes:
        kind: "gaussian", N(0, prior_std^2 I); or "pilot", a mixture fitted to the target in coordinates in which this
            is white, both found by a pilot run. For the continuity and the Fokker-Planck equation, annealed or not.
        trial: steps of each of two short trainings, from one Gaussian and from the mixture, that choose where the flow
            starts; 0: from the mixture.
        enough: normalised ESS of the mixture from which on it is taken without trial.
        seed: of the pilot. Runs that differ in the seed of training alone start from the same base.
    """

    kind: str = "gaussian"
    trial: int = 60
    enough: float = 0.7
    seed: int = 0

    def __post_init__(self) -> None:
        check_types(self, "base.")
        one_of("base.kind", self.kind, ("gaussian", "pilot"))
        for name in ("population", "particles", "components", "widen", "climb"):
            positive(f"base.{name}", getattr(self, name))
        for name in ("moves", "rounds", "climbers", "waves", "trial", "enough"):
            not_negative(f"base.{name}", getattr(self, name))


@dataclass(frozen=True)
class NoisingConfig:
    """The process that "score" reverses; see `transjet.equations.Noising`.

    Attributes:
        start: its rate beta at the prior.
        end: the same at the target.
    """

    start: float = 18.0
    end: float = 1.0

    def __post_init__(self) -> None:
        check_types(self, "noising.")
        positive("noising.start", self.start)
        positive("noising.end", self.end)


@dataclass(frozen=True)
class ResidualConfig:
    """What the residual is made of, and how it counts.

    Attributes:
        drift: "free", or "gradient" of a network, for the continuity and Fokker-Planck equations, annealed or not.
        informed: coefficients of a(t) in a drift with a(t) grad log rho, for the same equations; 0: no such term.
        score_clip: longest score of the target that training sees; 0: any.
        centred: slices of time within which residuals are centred; 0: none. It divides the points of every phase.
        balance: weights of several residuals: "fixed", or from "gradient" norms or the tangent kernel's traces, "ntk".
        weight: fixed weight of the second residual, that of the first being 1.
        decay: of the average over steps of weights that adapt.
    """

    drift: str = "free"
    informed: int = 0
    score_clip: float = 0.0
    centred: int = 0
    balance: str = "fixed"
    weight: float = 1.0
    decay: float = 0.9

    def __post_init__(self) -> None:
        check_types(self, "residual.")
        one_of("residual.drift", self.drift, DRIFTS)
        one_of("residual.balance", self.balance, BALANCES)
        positive("residual.weight", self.weight)
        for name in ("informed", "score_clip", "centred"):
            not_negative(f"residual.{name}", getattr(self, name))
        if not 0 <= self.decay < 1:
            raise ConfigError(f"residual.decay: expected 0 or more, and less than 1; got {self.decay!r}")
