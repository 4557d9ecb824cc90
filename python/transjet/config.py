"""Configuration of a run: frozen dataclasses with a TOML form, checked when they are made."""

from __future__ import annotations

import dataclasses
import difflib
import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from transjet.errors import ConfigError
from transjet.models import ACTIVATIONS, BACKENDS
from transjet.path_losses import LOSSES
from transjet.path_losses import METHODS as PATH_METHODS
from transjet.transport import RESAMPLINGS, SCHEMES

OPTIMISERS = ("gauss-newton", "gauss-newton-cg", "adam")
COLLOCATIONS = ("uniform", "gaussian", "trajectories", "mixture")
METHODS = ("pde", *PATH_METHODS)
SAMPLERS = ("ode", "sde")
EQUATIONS = ("continuity", "fokker-planck")


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"{name}: expected one of {', '.join(allowed)}; got {value!r}")


def _positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ConfigError(f"{name}: expected a positive number; got {value!r}")


def _not_negative(name: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise ConfigError(f"{name}: expected 0 or more; got {value!r}")


def _typed(name: str, kind: type, value: Any) -> Any:
    """The value as a `kind`; whole numbers serve as floats, NumPy's numbers as Python's."""
    number = {int: numbers.Integral, float: numbers.Real}.get(kind, kind)
    if type(value) is bool or not isinstance(value, number):
        raise ConfigError(f"{name}: expected {kind.__name__}; got {value!r}")
    return value if number is kind else kind(value)


def _check_types(config: Any, prefix: str = "") -> None:
    """Every field has the type of its default."""
    for f in fields(config):
        object.__setattr__(config, f.name, _typed(prefix + f.name, type(f.default), getattr(config, f.name)))


@dataclass(frozen=True)
class ModelConfig:
    """Both networks, drift and potential.

    Attributes:
        width: units of every hidden layer.
        depth: number of hidden layers.
        activation: of every hidden layer.
        input_scale: length by which x is divided.
        time_frequencies: pairs of sines and cosines of time, besides time itself.
        directions: random directions per point and step along which training estimates divergences and Laplacians of
            networks; 0: these are exact, at a cost of d streams. Sampling is always exact.
    """

    width: int = 64
    depth: int = 3
    activation: str = "tanh"
    input_scale: float = 1.5
    time_frequencies: int = 0
    directions: int = 0

    def __post_init__(self) -> None:
        _check_types(self, "model.")
        for name in ("width", "depth", "input_scale"):
            _positive(f"model.{name}", getattr(self, name))
        _not_negative("model.time_frequencies", self.time_frequencies)
        _not_negative("model.directions", self.directions)
        _one_of("model.activation", self.activation, ACTIVATIONS)


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
        collocation: "uniform" in the target's box, "gaussian", along "trajectories" of the current flow, or a "mixture"
            of trajectories and a background that does not depend on the flow.
        background: the background of a mixture, "uniform" or "gaussian".
        background_start: share of background points of a mixture at the beginning.
        background_end: the same from 70 % of the phase on.
        cloud: standard deviation of gaussian points, in units of the prior's.
        noise: displacement of noisy trajectory points.
        noisy: share of trajectory points that are displaced.
        spread: scatter of the trajectories' starting radius, see `Trajectories`.
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
    background_start: float = 1.0
    background_end: float = 0.3
    cloud: float = 1.2
    noise: float = 0.3
    noisy: float = 0.5
    spread: float = 0.0
    particles: int = 0
    refresh: int = 1

    def __post_init__(self) -> None:
        _check_types(self, "plan.")
        _one_of("plan.optimiser", self.optimiser, OPTIMISERS)
        _one_of("plan.collocation", self.collocation, COLLOCATIONS)
        _one_of("plan.background", self.background, COLLOCATIONS[:2])
        for name in ("iterations", "points", "damping", "learning_rate", "cloud", "refresh"):
            _positive(f"plan.{name}", getattr(self, name))
        for name in ("background_start", "background_end", "noisy"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"plan.{name}: expected a number between 0 and 1; got {getattr(self, name)!r}")
        if not 0 <= self.momentum < 1:
            raise ConfigError(f"plan.momentum: expected 0 or more, and less than 1; got {self.momentum!r}")
        for name in ("robust", "particles", "noise", "spread"):
            _not_negative(f"plan.{name}", getattr(self, name))
        if not 1 <= self.adapt < math.inf:
            raise ConfigError(f"plan.adapt: expected 1 or more; got {self.adapt!r}")


@dataclass(frozen=True)
class PathLossConfig:
    """Training on simulated paths, for every method but "pde"; see `transjet.path_losses`.

    Attributes:
        loss: "kl", "log-variance", "second-moment", "sub-trajectory-balance", or the method's "default".
        iterations: steps of Adam.
        batch: paths a step.
        steps: time steps of a path, in training and in sampling.
        sigma: diffusion coefficient of "pis", "cmcd" and "dbs"; 0: the prior's standard deviation.
        beta_start: rate of the Ornstein-Uhlenbeck process of "dis" and "dds" at the prior.
        beta_end: the same at the target.
        guidance: "score": the controls are networks plus the score of the geometric path; "none": networks alone.
        learning_rate: of adam.
        exploration: extra noise of the paths at the beginning, not for "kl".
    """

    loss: str = "default"
    iterations: int = 1000
    batch: int = 512
    steps: int = 64
    sigma: float = 0.0
    beta_start: float = 12.0
    beta_end: float = 0.1
    guidance: str = "score"
    learning_rate: float = 3e-3
    exploration: float = 0.0

    def __post_init__(self) -> None:
        _check_types(self, "path.")
        _one_of("path.loss", self.loss, ("default", *LOSSES))
        _one_of("path.guidance", self.guidance, ("score", "none"))
        for name in ("iterations", "batch", "steps", "beta_start", "beta_end", "learning_rate"):
            _positive(f"path.{name}", getattr(self, name))
        for name in ("sigma", "exploration"):
            _not_negative(f"path.{name}", getattr(self, name))


@dataclass(frozen=True)
class SamplingConfig:
    """How final samples are drawn with a trained drift; scores during training always follow the ODE.

    Attributes:
        sampler: "ode", or "sde": the diffusion with the same densities, with weights that are exact in discrete time.
        sigma: its diffusion coefficient; 0 is the ODE again.
        steps: its time steps (those of the ODE are `transport_steps`).
        scheme: "euler" or "split", see `transjet.transport.SdeOptions`.
        resample: resample on the way where the normalised ESS falls below this; 0: never.
        resampling: "systematic" or "multinomial".
        langevin: Metropolis-adjusted Langevin steps after each time step.
        langevin_end: the same at the end, at the target.
        langevin_step: their first step size.
    """

    sampler: str = "ode"
    sigma: float = 1.0
    steps: int = 100
    scheme: str = "euler"
    resample: float = 0.0
    resampling: str = "systematic"
    langevin: int = 0
    langevin_end: int = 0
    langevin_step: float = 0.05

    def __post_init__(self) -> None:
        _check_types(self, "sampling.")
        _one_of("sampling.sampler", self.sampler, SAMPLERS)
        _one_of("sampling.scheme", self.scheme, SCHEMES)
        _one_of("sampling.resampling", self.resampling, RESAMPLINGS)
        for name in ("steps", "langevin_step"):
            _positive(f"sampling.{name}", getattr(self, name))
        for name in ("sigma", "langevin", "langevin_end"):
            _not_negative(f"sampling.{name}", getattr(self, name))
        if not 0 <= self.resample <= 1:
            raise ConfigError(f"sampling.resample: expected a number between 0 and 1; got {self.resample!r}")


@dataclass(frozen=True)
class RunConfig:
    """A whole run.

    Attributes:
        method: "pde": train an equation's residual by the plan; or a path-based method, "pis", "dis", "dds", "cmcd" or
            "dbs", trained as `path` says.
        equation: "continuity" or "fokker-planck".
        sigma: diffusion coefficient of "fokker-planck".
        prior_std: standard deviation of the Gaussian prior; 0: the target's suggestion.
        precision_ratio: the prior's variance over that of a mode of the target, about; the path between them narrows
            evenly then, see `BoundaryPath`. 1: a path linear in time.
        dtype: "float32" or "float64".
        backend: "auto" or a backend's name.
        samples: final samples.
        transport_steps: Runge-Kutta steps of the transport.
        score_samples: samples of a score during training.
        score_every: steps between scores.
        checkpoint_every: steps between checkpoints.
        sampling: how final samples are drawn.
        path: training of the path-based methods.
        model: both networks.
        plan: phases, in order.
    """

    method: str = "pde"
    equation: str = "continuity"
    sigma: float = 1.0
    prior_std: float = 0.0
    precision_ratio: float = 1.0
    dtype: str = "float32"
    backend: str = "auto"
    samples: int = 10_000
    transport_steps: int = 100
    score_samples: int = 2_000
    score_every: int = 20
    checkpoint_every: int = 50
    sampling: SamplingConfig = SamplingConfig()
    path: PathLossConfig = PathLossConfig()
    model: ModelConfig = ModelConfig()
    plan: tuple[PhaseConfig, ...] = field(default=(PhaseConfig(),))

    def __post_init__(self) -> None:
        _check_types(self)
        for index, phase in enumerate(self.plan):
            _typed(f"plan.{index}", PhaseConfig, phase)
        _one_of("method", self.method, METHODS)
        _one_of("equation", self.equation, EQUATIONS)
        _one_of("dtype", self.dtype, ("float32", "float64"))
        _one_of("backend", self.backend, ("auto", *BACKENDS))
        for name in ("sigma", "precision_ratio", "samples", "transport_steps"):
            _positive(name, getattr(self, name))
        for name in ("score_samples", "score_every", "checkpoint_every"):
            _positive(name, getattr(self, name))
        if not (math.isfinite(self.prior_std) and self.prior_std >= 0):
            raise ConfigError(
                f"prior_std: expected a positive number, or 0 for the target's own; got {self.prior_std!r}"
            )
        if not self.plan:
            raise ConfigError("plan: expected at least one phase; got none")

    @property
    def iterations(self) -> int:
        """Training steps of the whole run."""
        return sum(phase.iterations for phase in self.plan) if self.method == "pde" else self.path.iterations

    def to_dict(self) -> dict[str, Any]:
        """Nested dicts and lists, as TOML has them."""
        plain = dataclasses.asdict(self)
        plain["plan"] = [dict(phase) for phase in plain["plan"]]
        return plain

    @staticmethod
    def from_dict(table: Mapping[str, Any], base: RunConfig | None = None) -> RunConfig:
        """Overlay a (possibly partial) table on `base`.

        Args:
            table: nested options. A `plan` replaces the base's plan, phase by phase overlaying it.
            base: defaults.

        Returns:
            The configuration.

        Raises:
            ConfigError: an unknown option (the nearest known one is named), a wrong type or a value out of range.
        """
        return _overlay(RunConfig() if base is None else base, table, "")


def _overlay(base: Any, table: Any, prefix: str) -> Any:
    if not isinstance(table, Mapping):
        raise ConfigError(f"{prefix.rstrip('.') or 'config'}: expected a table; got {table!r}")
    known = {f.name: f for f in fields(base)}
    changes = {}
    for name, value in table.items():
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 1)
            hint = f"did you mean {prefix}{near[0]}?" if near else f"known: {', '.join(prefix + k for k in known)}"
            raise ConfigError(f"unknown option {prefix}{name}; {hint}")
        changes[name] = _convert(f"{prefix}{name}", getattr(base, name), value)
    return dataclasses.replace(base, **changes)


def _convert(name: str, current: Any, value: Any) -> Any:
    if dataclasses.is_dataclass(current):
        return _overlay(current, value, f"{name}.")
    if isinstance(current, tuple):
        if not isinstance(value, (list, tuple)):
            raise ConfigError(f"{name}: expected a list of tables; got {value!r}")
        bases = [*current, *[current[-1]] * len(value)]
        return tuple(_overlay(b, v, f"{name}.{i}.") for i, (b, v) in enumerate(zip(bases, value, strict=False)))
    return _typed(name, type(current), value)


__all__ = [
    "COLLOCATIONS",
    "EQUATIONS",
    "METHODS",
    "OPTIMISERS",
    "SAMPLERS",
    "ModelConfig",
    "PathLossConfig",
    "PhaseConfig",
    "RunConfig",
    "SamplingConfig",
]
