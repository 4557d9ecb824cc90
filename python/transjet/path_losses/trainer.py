"""Training on path losses: the same `init / step / evaluate` and the same state as training on residuals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import optax

from transjet.errors import ConfigError
from transjet.optim import Outcome, StepInfo, where
from transjet.path_losses.losses import LOSSES, path_loss
from transjet.path_losses.process import Params, PathProcess, sample_paths
from transjet.train import Costs, Evaluations, TrainState, count
from transjet.transport import log_mean_weight, relative_ess

Array = jax.Array


@dataclass(frozen=True)
class PathPhase:
    """The stretch of training that `train.run` reports.

    Attributes:
        iterations: number of steps.
        name: for progress and messages.
    """

    iterations: int
    name: str


@dataclass(frozen=True)
class PathTrainer:
    """Trains the networks of a process by Adam with a cosine decay to 1 % and clipped gradients.

    Attributes:
        process: forward and backward chain.
        loss: name of a path loss.
        iterations: steps of the whole training.
        batch: paths a step.
        learning_rate: initial one.
        clip: greatest norm of a gradient.
        exploration: paths are drawn with a noise this much larger at first, none from 70 % on; not for "kl".
        score_samples: paths of a score; 0: no scores, and the best parameters are the current ones.
        dtype: float32 or float64 (needs jax_enable_x64).

    Raises:
        ConfigError: an unknown loss, a value out of range, or float64 without jax_enable_x64.
    """

    process: PathProcess
    loss: str = "log-variance"
    iterations: int = 1000
    batch: int = 512
    learning_rate: float = 3e-3
    clip: float = 1.0
    exploration: float = 0.0
    score_samples: int = 2000
    dtype: Any = jnp.float32
    _compiled: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise ConfigError(f"path loss: expected one of {', '.join(LOSSES)}; got {self.loss!r}")
        if self.iterations < 1 or self.batch < 2 or not (self.learning_rate > 0 and self.clip > 0):
            raise ConfigError(
                "path trainer: expected iterations >= 1, batch >= 2, learning_rate > 0, clip > 0; got "
                f"{self.iterations}, {self.batch}, {self.learning_rate}, {self.clip}"
            )
        if not self.exploration >= 0 or (self.exploration and self.loss == "kl"):
            raise ConfigError(f"path trainer: exploration: expected 0 or more, and 0 for kl; got {self.exploration}")
        if jnp.dtype(self.dtype) == jnp.float64 and not jax.config.jax_enable_x64:  # type: ignore[attr-defined]
            raise ConfigError("dtype float64 needs jax_enable_x64; set it before, or use jax.enable_x64(True)")

    @property
    def plan(self) -> tuple[PathPhase, ...]:
        """One phase."""
        return (PathPhase(self.iterations, f"1 {self.process.name} {self.loss}"),)

    def init(self, key: Array) -> TrainState:
        """A fresh state; the run is a function of the key."""
        key_init, key_run = jax.random.split(key)
        params = self.process.init(key_init, self.dtype)
        zero = jnp.zeros((), jnp.int32)
        return TrainState(
            params=params,
            optimisers=(self._adam().init(params),),
            caches=((),),
            key=key_run,
            iteration=zero,
            rejected=zero,
            streak=zero,
            best_params=params,
            best_score=jnp.asarray(-jnp.inf, jnp.float32),
        )

    def step(self, state: TrainState) -> tuple[TrainState, StepInfo]:
        """One step of Adam on fresh paths; skipped where loss or gradient is not finite."""
        stepped: tuple[TrainState, StepInfo] = self._jit("step", self._step)(state)
        return stepped

    def evaluate(self, state: TrainState) -> tuple[TrainState, dict[str, float]]:
        """Score the parameters on fresh paths and keep them if their evidence lower bound is the best so far.

        The mean of log weights has little noise where the ESS of some thousand paths has much, and sees lost modes.
        """
        if self.score_samples == 0:
            return state._replace(best_params=state.params), {}
        key = jax.random.fold_in(state.key, 2**31 + int(state.iteration))
        figures = self._jit("score", self._score)(state.params, key)
        score = figures.pop("elbo").astype(jnp.float32)
        if score > state.best_score:  # never true of NaN
            state = state._replace(best_params=state.params, best_score=score)
        return state, {name: float(value) for name, value in figures.items()}

    def costs(self) -> Costs:
        """Evaluations of the target, where the process's log density is a `stand_in`."""
        none, state = Evaluations(), jax.eval_shape(self.init, jax.random.key(0))
        score = count(self._score, state.params, state.key) if self.score_samples else none
        return Costs(none, (count(self._step, state),), (none,), (1,), score, (none,))

    def _adam(self) -> optax.GradientTransformation:
        schedule = optax.cosine_decay_schedule(self.learning_rate, self.iterations, 0.01)
        return optax.chain(optax.clip_by_global_norm(self.clip), optax.adam(schedule))

    def _jit(self, name: str, function: Any) -> Any:
        if name not in self._compiled:
            self._compiled[name] = jax.jit(function)
        return self._compiled[name]

    def _score(self, params: Params, key: Array) -> dict[str, Array]:
        _, log_w, _ = sample_paths(self.process, params, key, self.score_samples, dtype=self.dtype)
        ess = relative_ess(log_w)
        error = jnp.sqrt(jnp.maximum(1 / ess - 1, 0) / self.score_samples)
        return {"ess": ess, "log_z": log_mean_weight(log_w), "log_z_std_error": error, "elbo": jnp.mean(log_w)}

    def _step(self, state: TrainState) -> tuple[TrainState, StepInfo]:
        key = jax.random.fold_in(state.key, state.iteration)
        left = jnp.maximum(0, 1 - state.iteration / (0.7 * self.iterations)).astype(self.dtype)
        exploration: Any = self.exploration * left if self.exploration else 0.0

        def objective(params: Params) -> tuple[Array, Array]:
            options = {"exploration": exploration, "dtype": self.dtype}
            return path_loss(self.process, self.loss, params, key, self.batch, **options)

        (loss, rnd), gradient = jax.value_and_grad(objective, has_aux=True)(state.params)
        updates, optimiser = self._adam().update(gradient, state.optimisers[0], state.params)
        finite = jnp.all(jnp.stack([jnp.all(jnp.isfinite(g)) for g in jax.tree.leaves(gradient)]))
        outcome = jnp.select(
            [~jnp.isfinite(loss), ~finite],
            [int(Outcome.NONFINITE_RESIDUAL), int(Outcome.NONFINITE_DIRECTION)],
            int(Outcome.ACCEPTED),
        )
        taken = outcome == Outcome.ACCEPTED
        params = where(taken, optax.apply_updates(state.params, updates), state.params)
        failed = (~taken).astype(jnp.int32)
        new = state._replace(
            params=params,
            best_params=where(jnp.isneginf(state.best_score), params, state.best_params),
            optimisers=(where(taken, optimiser, state.optimisers[0]),),
            iteration=state.iteration + 1,
            rejected=state.rejected + failed,
            streak=(state.streak + 1) * failed,
        )
        zero, nan = jnp.zeros_like(loss), jnp.full_like(loss, jnp.nan)
        return new, StepInfo(loss, nan, jnp.std(rnd), taken.astype(loss.dtype), zero, outcome)
