"""Configuration of a run: frozen dataclasses with a TOML form, checked when they are made."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from transjet.config_checks import check_types as _check_types
from transjet.config_checks import not_negative as _not_negative
from transjet.config_checks import one_of as _one_of
from transjet.config_checks import positive as _positive
from transjet.config_checks import typed as _typed
from transjet.config_methods import EQUATIONS, AnnealingConfig, BaseConfig, NoisingConfig, ResidualConfig
from transjet.config_plan import COLLOCATIONS, OPTIMISERS, PhaseConfig
from transjet.errors import ConfigError
from transjet.models import ACTIVATIONS, BACKENDS
from transjet.path_losses import LOSSES
from transjet.path_losses import METHODS as PATH_METHODS
from transjet.transport import RESAMPLINGS, SCHEMES

METHODS = ("pde", *PATH_METHODS)
SAMPLERS = ("ode", "sde")
_WITH_BASE = ("continuity", "fokker-planck", "annealed-continuity", "annealed-fokker-planck")


@dataclass(frozen=True)
class ModelConfig:
    """Both networks, drift and potential.

    Attributes:
        width: units of every hidden layer.
        depth: number of hidden layers.
        activation: of every hidden layer.
        input_scale: length by which x is divided.
        time_frequencies: pairs of sines and cosines of time, besides time itself.
        fourier_scale: scale of random Fourier features in place of the first hidden layer; 0: none.
        factorised: weights as scales times matrices, both trained; not for "gauss-newton".
        directions: random directions per point and step along which training estimates divergences and Laplacians of
            networks; 0: these are exact, at a cost of d streams. Sampling is always exact.
    """

    width: int = 64
    depth: int = 3
    activation: str = "tanh"
    input_scale: float = 1.5
    time_frequencies: int = 0
    fourier_scale: float = 0.0
    factorised: bool = False
    directions: int = 0

    def __post_init__(self) -> None:
        _check_types(self, "model.")
        for name in ("width", "depth", "input_scale"):
            _positive(f"model.{name}", getattr(self, name))
        _not_negative("model.time_frequencies", self.time_frequencies)
        _not_negative("model.fourier_scale", self.fourier_scale)
        _not_negative("model.directions", self.directions)
        _one_of("model.activation", self.activation, ACTIVATIONS)


@dataclass(frozen=True)
class PathLossConfig:
    """Training on simulated paths, for every method but "pde"; see `transjet.path_losses`.

    Attributes:
        loss: "kl", "log-variance", "second-moment", "sub-trajectory-balance", or the method's "default".
        iterations: steps of Adam.
        batch: paths a step.
        steps: time steps of a path, in training and in sampling.
        sigma: diffusion coefficient of "pis", "cmcd" and "dbs", in the root mean square over time; 0: the prior's
            standard deviation, twice that for "cmcd" and "dbs".
        beta: rate of the Ornstein-Uhlenbeck process of "dis" and "dds", in the mean over time.
        narrowing: variance of the prior over that of a mode of the target, about: steps and noise shrink with the law
            that narrows by this factor. 1: they are even.
        guidance: "score": the controls are networks plus the target's score times a learned gate; "none": networks
            alone.
        learning_rate: of adam.
        exploration: extra noise of the paths at the beginning, not for "kl".
    """

    loss: str = "default"
    iterations: int = 400
    batch: int = 256
    steps: int = 64
    sigma: float = 0.0
    beta: float = 6.0
    narrowing: float = 30.0
    guidance: str = "score"
    learning_rate: float = 5e-3
    exploration: float = 0.0

    def __post_init__(self) -> None:
        _check_types(self, "path.")
        _one_of("path.loss", self.loss, ("default", *LOSSES))
        _one_of("path.guidance", self.guidance, ("score", "none"))
        for name in ("iterations", "batch", "steps", "beta", "learning_rate"):
            _positive(f"path.{name}", getattr(self, name))
        if not 1 <= self.narrowing < math.inf:
            raise ConfigError(f"path.narrowing: expected 1 or more; got {self.narrowing!r}")
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
        equation: "continuity", "fokker-planck", "annealed-continuity", "annealed-fokker-planck", "score",
            "schroedinger-bridge" or "optimal-transport".
        sigma: diffusion coefficient of "fokker-planck", "annealed-fokker-planck" and "schroedinger-bridge".
        prior_std: standard deviation of the Gaussian prior; 0: the target's suggestion.
        precision_ratio: the prior's variance over that of a mode of the target, about; the path between them narrows
            evenly then, see `BoundaryPath`.
        variance_ratio: the variance of the target's widest region over the prior's, about; the path widens evenly then.
            With both ratios 1 the path is linear in time. The annealed equations have the path of `annealing` instead.
        dtype: "float32" or "float64".
        backend: "auto" or a backend's name.
        samples: final samples.
        transport_steps: Runge-Kutta steps of the transport.
        score_samples: samples of a score during training.
        score_every: steps between scores.
        checkpoint_every: steps between checkpoints.
        average: decay of a moving average of the parameters, which scores and samples use; 0: none.
        restore: scores that are worse than the best one by more than this, in nats of ESS times Z, send training back
            to the parameters of that, with four times the damping; 0: never.
        antithetic: particles of scores and samples along the ODE start in pairs z, -z. Standard errors take samples
            for independent, which they are not then.
        monitor: look for failure signatures at every score.
        verdict: judge the final samples by evidence that needs no truth.
        sampling: how final samples are drawn.
        path: training of the path-based methods.
        residual: what the residual is made of, and how it counts.
        annealing: path of the annealed equations.
        noising: process of "score".
        base: where the flow starts.
        model: both networks.
        plan: phases, in order.
    """

    method: str = "pde"
    equation: str = "continuity"
    sigma: float = 1.0
    prior_std: float = 0.0
    precision_ratio: float = 1.0
    variance_ratio: float = 1.0
    dtype: str = "float32"
    backend: str = "auto"
    samples: int = 10_000
    transport_steps: int = 100
    score_samples: int = 2_000
    score_every: int = 20
    checkpoint_every: int = 50
    average: float = 0.0
    restore: float = 0.0
    antithetic: bool = False
    monitor: bool = True
    verdict: bool = True
    sampling: SamplingConfig = SamplingConfig()
    path: PathLossConfig = PathLossConfig()
    residual: ResidualConfig = ResidualConfig()  # noqa: RUF009
    annealing: AnnealingConfig = AnnealingConfig()  # noqa: RUF009
    noising: NoisingConfig = NoisingConfig()  # noqa: RUF009
    base: BaseConfig = BaseConfig()  # noqa: RUF009
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
        for name in ("sigma", "samples", "transport_steps"):
            _positive(name, getattr(self, name))
        for name in ("precision_ratio", "variance_ratio"):
            if not 1 <= getattr(self, name) < math.inf:
                raise ConfigError(f"{name}: expected a number of 1 or more; got {getattr(self, name)!r}")
        for name in ("score_samples", "score_every", "checkpoint_every"):
            _positive(name, getattr(self, name))
        if not (math.isfinite(self.prior_std) and self.prior_std >= 0):
            raise ConfigError(
                f"prior_std: expected a positive number, or 0 for the target's own; got {self.prior_std!r}"
            )
        if not self.plan:
            raise ConfigError("plan: expected at least one phase; got none")
        self._check_slices()
        self._check_base()
        _not_negative("restore", self.restore)
        if not 0 <= self.average < 1:
            raise ConfigError(f"average: expected a decay of 0 or more, and below 1; got {self.average!r}")

    def _check_slices(self) -> None:
        slices = self.residual.centred
        for phase in self.plan:
            if slices and phase.points % slices:
                raise ConfigError(f"residual.centred: expected a divisor of plan.points {phase.points}; got {slices}")

    def _check_base(self) -> None:
        if self.base.kind == "gaussian":
            return
        if self.method != "pde" or self.equation not in _WITH_BASE:
            used = self.equation if self.method == "pde" else f"method {self.method!r}"
            raise ConfigError(
                f"base.kind: expected 'gaussian' with {used}, which starts from a Gaussian; got 'pilot'; on a command "
                "line --set base.kind=gaussian comes before it"
            )
        if self.precision_ratio != 1 or self.variance_ratio != 1:
            raise ConfigError("base.kind: expected 'gaussian' with a precision_ratio or variance_ratio; got 'pilot'")

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
    "AnnealingConfig",
    "BaseConfig",
    "ModelConfig",
    "NoisingConfig",
    "PathLossConfig",
    "PhaseConfig",
    "ResidualConfig",
    "RunConfig",
    "SamplingConfig",
]
