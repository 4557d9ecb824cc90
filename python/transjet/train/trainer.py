"""Training: `init`, `step` and `run`, with one state pytree that holds everything a resumed run needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from transjet.collocation import Collocation
from transjet.equations import Batch, Equation, Params
from transjet.errors import ConfigError
from transjet.optim import StepInfo, moving_average, where
from transjet.train.balance import Balance
from transjet.train.evaluations import Costs, Evaluations, count
from transjet.train.plan import Phase, locate, total_iterations
from transjet.train.points import draw_batch, residual_figures

Array = jax.Array
Score = Callable[[Params, Array], dict[str, Array]]
"""`(params, key) -> figures`, among them "ess" and "log_z"; evaluated now and then on fresh samples."""


class TrainState(NamedTuple):
    """All that training needs to go on, bit for bit.

    Attributes:
        params: current parameters; always the last good ones.
        optimisers: one optimiser state per phase.
        caches: one collocation cache per phase.
        key: the run's random key; every step derives its own from it.
        iteration: steps taken, int32 scalar. On the host in what a `Trainer` returns: it decides which phase comes
            next, and reading it from a device would wait for the step before.
        rejected: steps rejected so far, int32 scalar.
        streak: rejected steps in a row, int32 scalar.
        best_params: parameters with the best score so far; the current ones before the first evaluation.
        best_score: log(ESS) + log Z of theirs, -inf before the first evaluation. The ESS of a flow's own samples
            does not notice a mode that it misses, but its log Z falls short then. The ELBO for losses of paths.
        average: moving average of the parameters; an empty tuple where none is kept.
        weights: of several residuals, (k,), where they adapt; an empty tuple elsewhere.
    """

    params: Params
    optimisers: tuple[Any, ...]
    caches: tuple[Any, ...]
    key: Array
    iteration: Any
    rejected: Array
    streak: Array
    best_params: Params
    best_score: Array
    average: Any = ()
    weights: Any = ()


@dataclass(frozen=True)
class Trainer:
    """Trains the unknowns of an equation by a plan.

    Attributes:
        equation: whose residual is to vanish.
        plan: phases, in order.
        drift: `(params) -> Drift`, the current drift for collocation along trajectories.
        score: evaluates parameters; None: no scores, and the best parameters are the current ones.
        dtype: float32 or float64 (needs jax_enable_x64).
        average: decay of a moving average of the parameters, which is scored, and kept as the best, in place of the
            current ones; 0: no average.
        along_flow: points along the flow for `residuals`; None: none.
        balance: adapts the weights of several residuals; None: they are the equation's own.
        restore: parameters whose score is worse than the best one by more than this are given up for the best ones,
            with optimisers that take shorter steps from there; 0: never.

    Raises:
        ConfigError: an empty plan, a decay out of range, or float64 without jax_enable_x64.
    """

    equation: Equation
    plan: tuple[Phase, ...]
    drift: Callable[[Params], Any]
    score: Score | None = None
    dtype: Any = jnp.float32
    average: float = 0.0
    along_flow: Collocation | None = None
    balance: Balance | None = None
    restore: float = 0.0
    _compiled: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.plan:
            raise ConfigError("plan: expected at least one phase; got none")
        if not 0 <= self.average < 1:
            raise ConfigError(f"average: expected a decay of 0 or more, and below 1; got {self.average}")
        if jnp.dtype(self.dtype) == jnp.float64 and not jax.config.jax_enable_x64:  # type: ignore[attr-defined]
            raise ConfigError(
                "dtype float64 needs jax_enable_x64; set it before, or wrap calls in jax.enable_x64(True)"
            )

    @property
    def iterations(self) -> int:
        """Steps of the whole plan."""
        return total_iterations(self.plan)

    def init(self, key: Array) -> TrainState:
        """A fresh state.

        Args:
            key: JAX random key; the run is a function of it.

        Returns:
            The state before the first step.
        """
        key_init, key_cache, key_run = jax.random.split(key, 3)
        params = self.equation.init(key_init, self.dtype)
        keys = jax.random.split(key_cache, len(self.plan))
        # Caches of the right shape; each phase refreshes its own at its first step.
        caches = tuple(
            p.collocation.refresh(k, self.drift(params), self.dtype) for p, k in zip(self.plan, keys, strict=True)
        )
        optimisers = tuple(phase.optimiser.init(params) for phase in self.plan)
        zero = jnp.zeros((), jnp.int32)
        worst = jnp.asarray(-jnp.inf, jnp.float32)
        average = params if self.average else ()
        weights = self.balance.init(self.equation, self.dtype) if self.balance else ()
        start = np.int32(0)
        return TrainState(params, optimisers, caches, key_run, start, zero, zero, params, worst, average, weights)

    def step(self, state: TrainState) -> tuple[TrainState, StepInfo]:
        """One step of the phase that the state's iteration falls into.

        It does not wait for the device. Only an iteration that is there, as in a state from elsewhere, is read.
        """
        iteration = int(state.iteration)
        index, done = locate(self.plan, iteration)
        phase = self.plan[index]
        progress, refresh = np.float32(min(1.0, done / phase.iterations)), np.bool_(done % phase.refresh == 0)
        on_device, *when = jax.device_put((np.int32(iteration), progress, refresh))
        new, info = self._jit("step", index)(state._replace(iteration=on_device), *when)
        return new._replace(iteration=np.int32(iteration + 1)), info

    def evaluate(self, state: TrainState) -> tuple[TrainState, dict[str, float]]:
        """Score the parameters on fresh samples and keep them if they are the best so far."""
        params = self._scored(state)
        if self.score is None:
            return state._replace(best_params=params), {}
        figures = self._jit("score", 0)(params, jax.random.fold_in(state.key, 2**31 + int(state.iteration)))
        score = (jnp.log(figures["ess"]) + figures["log_z"]).astype(jnp.float32)
        if score > state.best_score:  # never true of NaN
            state = state._replace(best_params=params, best_score=score)
        elif self.restore and not score > state.best_score - self.restore:
            state = self._restored(state)
        return state, {name: float(value) for name, value in figures.items()}

    def _restored(self, state: TrainState) -> TrainState:
        """Back at the best parameters, with optimisers that have learned to be careful."""
        best, plan = state.best_params, self.plan
        careful = tuple(p.optimiser.careful(best, o) for p, o in zip(plan, state.optimisers, strict=True))
        average = best if self.average else state.average
        return state._replace(params=best, average=average, optimisers=careful)

    def residuals(self, state: TrainState) -> dict[str, float]:
        """Residuals after a step at its own points, at fresh ones, and along the flow; see `residual_figures`.

        What scores do not show: points that are solved while those beside them are not. Nothing before the first step.
        """
        last = int(state.iteration) - 1
        if last < 0:
            return {}
        index, done = locate(self.plan, last)
        progress = jnp.asarray(min(1.0, done / self.plan[index].iterations), jnp.float32)
        figures = self._jit("residuals", index)(state, progress)
        return {name: float(value) for name, value in figures.items()}

    def costs(self) -> Costs:
        """Evaluations of the target, where every log density in equation, plan and score is a `stand_in`.

        Those of a step are its points'. The optimiser gets what it needs of the target with them: its line search, and
        whatever else it does, evaluates the networks alone.
        """
        key = jax.random.key(0)
        state, progress = jax.eval_shape(self.init, key), jnp.zeros((), jnp.float32)
        params, indices = state.params, range(len(self.plan))

        def refreshed(index: int, params: Params) -> Any:
            return self.plan[index].collocation.refresh(key, self.drift(params), self.dtype)

        def drawn(index: int, params: Params, cache: Any) -> Batch:
            return draw_batch(self.equation, params, self.plan[index], key, cache, progress, self.dtype)

        refreshes = tuple(count(partial(refreshed, i), params) for i in indices)
        return Costs(
            init=sum(refreshes, Evaluations()),
            steps=tuple(count(partial(drawn, i), params, state.caches[i]) for i in indices),
            refreshes=refreshes,
            periods=tuple(phase.refresh for phase in self.plan),
            score=Evaluations() if self.score is None else count(self.score, params, key),
            residuals=tuple(count(partial(self._residuals, i), state, progress) for i in indices),
        )

    def _residuals(self, index: int, state: TrainState, progress: Array) -> dict[str, Array]:
        last = jax.random.fold_in(state.key, state.iteration - 1)
        keys = jax.random.split(last)[1], jax.random.fold_in(last, 7)
        drift, phase, cache = self.drift(state.params), self.plan[index], state.caches[index]
        return residual_figures(
            self.equation, state.params, phase, drift, self.along_flow, keys, cache, progress, self.dtype
        )

    def _scored(self, state: TrainState) -> Params:
        params: Params = state.average if self.average else state.params
        return params

    def _jit(self, what: str, index: int) -> Any:
        if (what, index) not in self._compiled:
            functions: dict[str, Any] = {"step": self._step, "residuals": self._residuals}
            function = partial(functions[what], index) if what in functions else self.score
            self._compiled[what, index] = jax.jit(function)  # type: ignore[arg-type]
        return self._compiled[what, index]

    def _balanced(self, state: TrainState, batch: Batch, key: Array) -> tuple[Equation, Any]:
        """The equation with the weights of this step, and these."""
        if self.balance is None:
            return self.equation, state.weights
        weights = self.balance.update(self.equation, state.params, batch, state.weights, key)
        return self.equation.weighted(weights), weights

    def _step(self, index: int, state: TrainState, progress: Array, refresh: Array) -> tuple[TrainState, StepInfo]:
        phase = self.plan[index]
        key_cache, key_draw = jax.random.split(jax.random.fold_in(state.key, state.iteration))

        def refreshed() -> Any:
            return phase.collocation.refresh(key_cache, self.drift(state.params), self.dtype)

        cache = jax.lax.cond(refresh, refreshed, lambda: state.caches[index])
        batch = draw_batch(self.equation, state.params, phase, key_draw, cache, progress, self.dtype)
        equation, weights = self._balanced(state, batch, jax.random.fold_in(key_draw, 3))
        params, optimiser, info = phase.optimiser.step(equation, state.params, state.optimisers[index], batch)
        failed = (info.outcome != 0).astype(jnp.int32)
        average = moving_average(state.average, params, self.average, state.iteration) if self.average else ()
        scored = average if self.average else params
        new = state._replace(
            params=params,
            average=average,
            weights=weights,
            best_params=where(jnp.isneginf(state.best_score), scored, state.best_params),
            optimisers=(*state.optimisers[:index], optimiser, *state.optimisers[index + 1 :]),
            caches=(*state.caches[:index], cache, *state.caches[index + 1 :]),
            rejected=state.rejected + failed,
            streak=(state.streak + 1) * failed,
        )
        return new, info
