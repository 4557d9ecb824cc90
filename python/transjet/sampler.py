"""The sampler: a target and a configuration in, `init / step / run / sample` out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from transjet.collocation import Collocation, Pilot, Sliced, Trajectories, UniformBox, pilot_box
from transjet.config import PhaseConfig, RunConfig
from transjet.diagnostics import Inquiry, Verdict, decide, entropic_coverage, pareto_k
from transjet.diagnostics.peaks import LOOKED_AT
from transjet.equations import Params
from transjet.errors import ConfigError
from transjet.metrics import Summary, summarize
from transjet.optim import DualGaussNewton, Optimiser, PrimalGaussNewton, StepInfo, adam
from transjet.path_losses import PathTrainer, sample_paths
from transjet.paths import GaussianPrior, Prior
from transjet.pilot import Base, Frame
from transjet.problems import Problem, build_collocation, build_path_trainer, build_problem
from transjet.problems.points import ALONG_FLOW, box_of, flow_of
from transjet.recipes import recipe
from transjet.sampler_base import check_arguments, find_base, outward, whitened
from transjet.sampler_checks import check_key, check_points
from transjet.targets import Target
from transjet.train import (
    Balance,
    Costs,
    Evaluations,
    Phase,
    RunResult,
    Trainer,
    TrainState,
    count,
    run,
    stand_in,
    total,
)
from transjet.transport import (
    Diffusion,
    NetworkField,
    SdeOptions,
    StreamBatch,
    Unweighted,
    WeightedSamples,
    log_density_of,
    log_mean_weight,
    ode_transport,
    push_prior,
    push_prior_sde,
    relative_ess,
    sample_in_batches,
    stream,
    unweighted,
)

Array = jax.Array
_BATCH = 8192  # particles transported at once when sampling


def _optimiser(phase: PhaseConfig) -> Optimiser:
    if phase.optimiser == "adam":
        return adam(phase.learning_rate, phase.iterations, robust=phase.robust)
    kind = DualGaussNewton if phase.optimiser == "gauss-newton" else PrimalGaussNewton
    return kind(damping=phase.damping, adapt=phase.adapt, momentum=phase.momentum, robust=phase.robust)


class Sampler:
    """Learns a transport from a Gaussian prior to a target, and samples with it.

    Args:
        target: what to sample; `from_log_density` makes one of any JAX function.
        config: how; None: the target's recipe.
        base: of an earlier sampler of the same target and configuration; None: a pilot run finds it where the
            configuration asks for one.

    Raises:
        ConfigError: something else than a Target and a RunConfig, or options that do not fit the target.

    Attributes:
        target: as given.
        config: in force.
        base: coordinates of the flow, and the mixture that it starts from; None: the target's own coordinates.
        prior: where particles start, in coordinates of the flow.
        problem: the method: its equation, and the flow of particles; None for the path-based methods.
        equation: the problem's, whose residual is trained to vanish; None for the path-based methods.
        trainer: takes the steps, a `Trainer` or a `PathTrainer`.
        pilot: of a short run that found a box for uniform points, where the target has none; else None.
    """

    def __init__(self, target: Target, config: RunConfig | None = None, base: Base | None = None) -> None:
        check_arguments(target, config)
        self.target = target
        self.config = recipe(target) if config is None else config
        self._around = GaussianPrior(target.dim, self.config.prior_std or target.prior_std)
        trials: list[Sampler] = []
        self.base = base or find_base(target, self.config, self._around, partial(self._short_run, trials))
        self.prior: Prior = self.base.prior if self.base else self._around
        self._inner = whitened(target, self.base)  # as the flow sees it
        self.pilot: Pilot | None = None
        winner = next((trial for trial in trials if trial.prior is self.prior), None)  # has compiled its steps already
        self.problem: Problem | None = winner.problem if winner else self._problem()
        self.equation = self.problem.equation if self.problem else None
        self._check_sampling()
        self.trainer: Trainer | PathTrainer = winner.trainer if winner else self._new_trainer()
        # Compiled once per sampler and shape, not at every call.
        self._draw = jax.jit(self._sampled, static_argnames="n")
        self._density = jax.jit(self._log_density)

    def init(self, key: Array) -> TrainState:
        """A fresh state; the whole run is a function of `key`.

        Raises:
            ConfigError: `key` is not a JAX random key.
        """
        check_key(key)
        return self.trainer.init(key)

    def step(self, state: TrainState) -> tuple[TrainState, StepInfo]:
        """One training step."""
        return self.trainer.step(state)

    def run(self, state: TrainState, **options: Any) -> RunResult:
        """Train to the end of the plan; options as for `transjet.train.run`. Evaluations of the target are counted."""
        defaults: dict[str, Any] = {"score_every": self.config.score_every, "costs": self.costs}
        defaults |= {"checkpoint_every": self.config.checkpoint_every, "score_first": self.base is not None}
        return run(self.trainer, state, **(defaults | options))

    def sample(self, state: TrainState, key: Array, n: int | None = None) -> WeightedSamples:
        """Weighted samples with the best parameters seen so far.

        Args:
            state: trained.
            key: JAX random key.
            n: how many; None: the configuration's number.

        Returns:
            WeightedSamples(x (n, d), log_weights (n,), log_q (n,)).

        Raises:
            ConfigError: n is not a whole number, or below 1.
        """
        n = self.config.samples if n is None else n
        batch = min(n, _BATCH) if isinstance(n, (int, np.integer)) else _BATCH  # what is no number is refused below
        inner = sample_in_batches(lambda k: self._draw(state.best_params, k, n=batch), key, n, batch)
        return outward(inner, self.base)

    @cached_property
    def costs(self) -> Costs:
        """Evaluations of the target by steps, scores and the like, told from their shapes; nothing is run."""
        return self._twin.trainer.costs()

    def evaluations(self, n: int | None = None) -> Evaluations:
        """Evaluations of the target that `sample` takes for n samples; None: the configuration's number.

        Whole batches are drawn, also where fewer samples are left.
        """
        n = self.config.samples if n is None else n
        batch = min(n, _BATCH)
        params = jax.eval_shape(self._twin.init, jax.random.key(0)).params
        return -(-n // batch) * count(partial(self._twin._sampled, n=batch), params, jax.random.key(0))

    def log_density(self, state: TrainState, x: Any) -> Array:
        """Log density of the trained flow at points x (n, d), by reverse transport; shape (n,).

        Raises:
            ShapeError: x is not (n, d).
            DTypeError: x does not hold real numbers.
            ConfigError: the method has no flow.
        """
        self._flow()
        x = jnp.asarray(check_points(x, self.target.dim), self.config.dtype)
        if self.base is None:
            return self._density(state.best_params, x)
        x, log_det = self.base.chart.inward_with_log_det(x)
        return self._density(state.best_params, x) - log_det

    def stream(self, state: TrainState, key: Array, batch: int = _BATCH) -> Iterator[StreamBatch]:
        """Batches of weighted samples without end, with log Z, ESS and standard errors of all so far.

        Args:
            state: trained.
            key: JAX random key.
            batch: samples of a batch, 2 or more.

        Returns:
            An iterator that never ends, of StreamBatch(samples, figures).

        Raises:
            ConfigError: a batch below 2.
        """
        if batch < 2:
            raise ConfigError(f"stream: batch: expected at least 2; got {batch}")

        def draw(key: Array) -> tuple[Any, Any, Any]:
            x, log_weights, log_q = self._draw(state.best_params, key, n=batch)
            return outward(WeightedSamples(x, log_weights, log_q), self.base)

        return stream(draw, key)

    def unweighted(self, samples: WeightedSamples, key: Array, kind: str = "systematic") -> Unweighted:
        """Samples of equal weight, by resampling or independence Metropolis-Hastings.

        Raises:
            ConfigError: another kind than "systematic", "multinomial" and "independence-mh".
            TargetError: all weights are zero.
        """
        return unweighted(samples, key, kind)

    def summarize(self, samples: WeightedSamples, key: Array | None = None) -> Summary:
        """Log Z, ESS, ELBO, mode weights and more, each with a standard error."""
        return summarize(samples.x, samples.log_weights, self.target, key=key)

    @cached_property
    def _twin(self) -> Sampler:
        """A sampler of the smallest networks whose target leaves marks: it evaluates at as many points as this one."""
        model = dataclasses.replace(self.config.model, width=2, depth=1)
        box = self.target.box
        if self.pilot is not None:
            box = np.asarray(self.pilot.box.lower), np.asarray(self.pilot.box.upper)
        target = dataclasses.replace(self.target, log_density=stand_in(self.target.dim), box=box)
        return Sampler(target, dataclasses.replace(self.config, model=model, backend="xla"), self.base)

    def verdict(self, state: TrainState, samples: WeightedSamples, key: Array) -> Verdict:
        """Whether samples are to be trusted, by evidence that needs no truth, with reasons and next steps.

        It moves samples and anneals chains from the prior by Langevin steps, and asks the flow for its density where
        they end. Samples along a diffusion or of a path-based method have no density: they are judged by their weights
        and by log Z of the chains alone. See docs/verdict.md.

        Args:
            state: trained, that of the samples.
            samples: from `sample`, independent.
            key: JAX random key.

        Returns:
            Verdict(level, reasons, next_steps, figures); its own evaluations of the target are among the figures.

        Raises:
            TargetError: all weights are zero.
        """
        density = partial(self.log_density, state) if self._has_density else None
        figures = self._inquiry.figures(samples.x, samples.log_weights, key, density)
        if isinstance(self.trainer, Trainer):
            figures |= self.trainer.residuals(state._replace(params=state.best_params))
        spent = self.verdict_evaluations(state, len(samples.x), figures)
        return decide(figures | {"evaluations": float(spent.values), "gradient_evaluations": float(spent.gradients)})

    def verdict_evaluations(self, state: TrainState, n: int, figures: Mapping[str, float] | None = None) -> Evaluations:
        """Evaluations of the target that `verdict` takes for n samples: at least, or by its figures exactly."""
        inquiry, key, dtype = self._twin._inquiry, jax.random.key(0), jnp.dtype(self.config.dtype)
        spent = count(inquiry.chains, key)
        if self._has_density:
            array = partial(jax.ShapeDtypeStruct, dtype=dtype)
            spent += count(inquiry.moved, array((n, self.target.dim)), array((n,)), key)
            params, frame = jax.eval_shape(self._twin.init, key).params, Frame.plain(self.target.dim, dtype)
            spent += count(partial(inquiry.climbed, frame), array((2, self.target.dim)), key)
            if again := int((figures or {}).get("peak_looks", 0)):
                spent += again * count(partial(inquiry.around, frame), array((LOOKED_AT, self.target.dim)), key)
            spent += count(self._twin._log_density, params, array((inquiry.looked_at(n, again), self.target.dim)))
        last = int(state.iteration) - 1
        return spent if last < 0 else spent + self.costs.monitored(self.trainer.plan, last)

    @property
    def _has_density(self) -> bool:
        return self.problem is not None and self.config.sampling.sampler == "ode"

    @cached_property
    def _inquiry(self) -> Inquiry:
        return Inquiry(self.target.log_density, self._around, dtype=jnp.dtype(self.config.dtype))

    # --- parts -------------------------------------------------------------------------------------------------------

    def _phase(self, index: int, phase: PhaseConfig) -> Phase:
        if self.config.model.factorised and phase.optimiser == "gauss-newton":
            raise ConfigError(
                "model.factorised: expected false with optimiser 'gauss-newton', whose Gram matrix does not know "
                "factors; use 'gauss-newton-cg' or 'adam'"
            )
        name = f"{index + 1} {phase.optimiser}"
        collocation: Collocation = build_collocation(phase, self._inner, self.prior, self._box)
        if self.config.residual.centred:
            collocation = Sliced(collocation, self.config.residual.centred)
        continuation = phase.continuation, phase.continuation_power
        return Phase(_optimiser(phase), collocation, phase.iterations, phase.points, phase.refresh, name, *continuation)

    def _trainer(self, problem: Problem) -> Trainer:
        plan = tuple(self._phase(index, phase) for index, phase in enumerate(self.config.plan))
        options, dtype = self.config.residual, jnp.dtype(self.config.dtype)
        adapts = problem.equation.residuals > 1 and options.balance != "fixed"
        balance = Balance(options.balance, options.decay) if adapts else None
        kinds = {kind for phase in self.config.plan for kind in (phase.collocation, phase.along)}
        drift = partial(flow_of, problem) if kinds & set(ALONG_FLOW) else problem.drift
        return Trainer(
            problem.equation, plan, drift, self._score,
            dtype, self.config.average, Trajectories(self.prior, 256, 16, noise=0.0), balance,
            self.config.restore,
        )  # fmt: skip

    def _box(self) -> UniformBox:
        """The target's box, or that of a pilot run."""
        own = box_of(self._inner)
        if own is not None:
            return own
        if self.pilot is None:
            self.pilot = pilot_box(self._inner.log_density, self._around, jax.random.key(0))
        return self.pilot.box

    def _problem(self) -> Problem | None:
        return build_problem(self.config, self._inner, self.prior) if self.config.method == "pde" else None

    def _new_trainer(self) -> Trainer | PathTrainer:
        if self.problem is None:
            return build_path_trainer(self.config, self.target, self._around)
        return self._trainer(self.problem)

    def _flow(self) -> Problem:
        if self.problem is None:
            raise ConfigError(
                f"method {self.config.method!r} has no flow; expected method 'pde' for densities of points"
            )
        return self.problem

    def _short_run(self, trials: list[Sampler], base: Base) -> tuple[float, int]:
        """The best score of a short training from a base, and evaluations of the target; its sampler is a trial."""
        trial, options = Sampler(self.target, self.config, base), self.config.base
        trials.append(trial)
        steps = min(options.trial, trial.trainer.iterations)
        result = trial.run(trial.init(jax.random.key(options.seed)), iterations=steps)
        return float(result.state.best_score), total(result.evaluations).values

    def _check_sampling(self) -> None:
        """Refuse, before any training, a way of sampling that the method does not have."""
        if self.config.sampling.sampler != "sde":
            return
        if self.problem is None:
            raise ConfigError(
                f"sampling.sampler: expected 'ode' with method {self.config.method!r}, which samples along its own "
                "diffusion; got 'sde'"
            )
        if self.problem.log_density is None:
            raise ConfigError(
                f"sampling.sampler: expected 'ode' with equation {self.config.equation!r}, which has no log density V "
                "on the way; got 'sde'"
            )

    def _sampled(self, params: Params, key: Array, n: int) -> tuple[Array, Array, Array]:
        """Final samples, as the configuration says."""
        if isinstance(self.trainer, PathTrainer):
            return sample_paths(self.trainer.process, params, key, n, dtype=jnp.dtype(self.config.dtype))
        if self.config.sampling.sampler == "ode":
            return self._push(params, key, n)
        options = dataclasses.asdict(self.config.sampling)
        options.pop("sampler")
        return push_prior_sde(
            self._diffusion(params), self.prior, self._inner.log_density, key, n, SdeOptions(**options),
            dtype=jnp.dtype(self.config.dtype),
        )  # fmt: skip

    def _diffusion(self, params: Params) -> Diffusion:
        """The flow's drift with V: at any sigma they make a diffusion with the flow's densities."""
        problem = self._flow()
        field = problem.field(params)
        assert problem.log_density is not None  # as `_check_sampling` made sure

        def drift(x: Array, t: Array) -> Array:
            if isinstance(field, NetworkField):
                return field.model.apply(field.layers, x, t)  # no divergence is needed
            return field(x, t).value

        return Diffusion(drift, problem.log_density(params), field)

    def _transport(self, field: Any, x: Array, *, reverse: bool = False) -> Any:
        return ode_transport(field, x, steps=self.config.transport_steps, reverse=reverse)

    def _push(self, params: Params, key: Array, n: int) -> tuple[Array, Array, Array]:
        return push_prior(
            self._flow().field(params), self.prior, self._inner.log_density, key, n,
            transport=self._transport, dtype=self.config.dtype, antithetic=self.config.antithetic,
        )  # fmt: skip

    def _log_density(self, params: Params, x: Array) -> Array:
        return log_density_of(self._flow().field(params), self.prior, x, transport=self._transport)

    def _score(self, params: Params, key: Array) -> dict[str, Array]:
        """Figures on fresh samples, among them ESS and log Z; samples without a finite weight have weight zero here."""
        x, log_w, _ = self._push(params, key, self.config.score_samples)
        ess, log_z = relative_ess(log_w), log_mean_weight(log_w)
        error = jnp.sqrt(jnp.maximum(1 / ess - 1, 0) / log_w.shape[0])
        figures = {"ess": ess, "log_z": log_z, "log_z_std_error": error, "pareto_k": pareto_k(log_w)}
        if self.base is not None:
            x, figures["log_z"] = self.base.chart.outward(x), log_z + self.base.log_z
        if self.target.modes is not None and len(self.target.modes) > 1:
            figures["coverage"] = entropic_coverage(x, jnp.asarray(self.target.modes, x.dtype))
        return figures
