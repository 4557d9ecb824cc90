"""Rivals made of blackjax: tempered sequential Monte Carlo and NUTS, by a number of evaluations of the target."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from transjet.errors import ConfigError, TrainingError
from transjet.paths import GaussianPrior
from transjet.robust.criteria import Found
from transjet.targets import Target

_LEAST, _FEW = 10_000, 32  # evaluations and particles, below which nothing is to be had
_PILOT_SHARE, _PILOT_PARTICLES, _PILOT_GRADIENTS, _PILOT_TEMPERATURES = 0.08, 300, 5, 30
_ESS = 0.8  # of weights between one temperature and the next; 0.5 to 0.9 were tried on tuning targets
_SLACK, _FINAL = 1.2, 2  # more temperatures than the pilot's; moves at the target, in shares of a temperature
_GRADIENTS, _ROOT = 4, 20.0  # least gradients per particle and temperature; they grow as the root of the evaluations
_ARC, _LONGEST = 0.5, 10  # length of a trajectory in the metric, which one step often is, and gradients on it
_MANY = 20  # particles per dimension whose covariance needs no shrinkage
_ACCEPTANCE, _JITTER = 0.75, 0.3
_CHAINS, _WARM_UP, _BLOCK = 4, 500, 250


def blackjax() -> Any:
    """The package.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return importlib.import_module("blackjax")
    except ImportError as error:
        raise ConfigError(
            f"methods smc and nuts: expected blackjax, got '{error}'; pip install 'transjet[rivals]'"
        ) from error


def smc(target: Target, evaluations: int, key: jax.Array) -> tuple[Found, dict[str, Any]]:
    """Tempering from the Gaussian prior by HMC moves, at so many evaluations.

    A pilot of few particles tells how many temperatures there are, which says how many particles what it leaves of the
    evaluations is enough for. Particles that run short of them jump to the target; those that do not move there until
    all are spent.

    Args:
        target: to be sampled.
        evaluations: of the log density, a gradient with its value counting once.
        key: JAX random key.

    Returns:
        Particles at the target, all of one weight, with their effective numbers, log Z, and the ESS of the last weights
        before they were resampled; and more of the row.

    Raises:
        ConfigError: blackjax is missing.
        TrainingError: too few evaluations, or no particle has a density.
    """
    kernels = _kernels(target)
    if evaluations < _LEAST:
        raise TrainingError(f"smc: expected at least {_LEAST} evaluations; got {evaluations}")
    keys, share = jax.random.split(key), int(_PILOT_SHARE * evaluations)
    few = min(_PILOT_PARTICLES, max(_FEW, share // (_PILOT_TEMPERATURES * (_PILOT_GRADIENTS + 1))))
    pilot = _Particles(kernels, keys[0], few, _PILOT_GRADIENTS, share)
    pilot.cool()
    left, stages = evaluations - pilot.spent, _SLACK * _temperatures(pilot.temperatures) + _FINAL
    n, gradients = _plan(left / stages)
    run = _Particles(kernels, keys[1], n, gradients, left)
    run.cool()
    run.finish()
    effective = _by_families(run.x, run.family)
    row: dict[str, Any] = {"evaluations": pilot.spent + run.spent, "evaluations_pilot": pilot.spent}
    row |= {"temperatures": len(run.temperatures), "particles": n, "gradients": gradients, "jumped": run.jumped}
    row |= {"families": len(np.unique(run.family)), "effective": float(effective.min())}
    return Found(run.x, None, run.log_z, run.ess, effective), row


def _temperatures(reached: list[float]) -> float:
    """How many there are from the prior to the target, by those reached: late ones grow by a constant factor."""
    half = len(reached) // 2
    if reached[-1] >= 1:
        return len(reached)
    rate = (math.log(reached[-1]) - math.log(reached[half - 1])) / (len(reached) - half) if half else 1.0
    return len(reached) - math.log(reached[-1]) / rate


def _plan(evaluations: float) -> tuple[int, int]:
    """Particles, and gradients for each of them, of the evaluations at one temperature."""
    gradients = max(float(_GRADIENTS), math.sqrt(evaluations) / _ROOT)
    n = max(_FEW, int(evaluations / (gradients + 1)))
    return n, max(1, int(evaluations / n - 1))


class _Seen(NamedTuple):
    """Particles and what one evaluation tells of each: log density and gradient; ratio: to the prior's, on the host."""

    x: jax.Array
    value: jax.Array
    grad: jax.Array
    ratio: np.ndarray


class _Kernels(NamedTuple):
    """Of a target: draws from the prior, evaluations, states at a temperature, moves, and resampling."""

    draw: Callable[..., Any]
    look: Callable[..., Any]
    state: Callable[..., Any]
    move: Callable[..., Any]
    resample: Callable[..., Any]


def _kernels(target: Target) -> _Kernels:
    bj, prior = blackjax(), GaussianPrior(target.dim, target.prior_std)
    hmc, kernel = bj.mcmc.hmc, bj.mcmc.hmc.build_kernel()

    def look(x: jax.Array) -> Any:
        value, grad = jax.vmap(jax.value_and_grad(target.log_density))(x)
        return value, grad, value - prior.log_density(x)

    def state(seen: _Seen, at: Any) -> Any:
        # What was seen serves at any temperature: weights and resampling cost no evaluations.
        value = (1 - at) * prior.log_density(seen.x) + at * seen.value
        return hmc.HMCState(seen.x, value, (1 - at) * prior.grad(seen.x) + at * seen.grad)

    def move(key: jax.Array, states: Any, at: Any, size: Any, metric: jax.Array, steps: Any) -> Any:
        def log_density(x: jax.Array) -> jax.Array:
            return (1 - at) * prior.log_density(x) + at * target.log_density(x)

        def one(k: jax.Array, state: Any) -> Any:
            keys = jax.random.split(k)
            # Each particle has a size of its own, so that no direction closes its orbit for all of them.
            own = size * jax.random.uniform(keys[0], minval=1 - _JITTER, maxval=1 + _JITTER)
            state, info = kernel(keys[1], state, log_density, own, metric, steps)
            return state, info.acceptance_rate

        states, accepted = jax.vmap(one)(jax.random.split(key, len(states.position)), states)
        return states, jnp.mean(jnp.nan_to_num(accepted))

    return _Kernels(prior.sample, jax.jit(look), jax.jit(state), jax.jit(move), bj.smc.resampling.systematic)


class _Particles:
    """On their way from the prior to the target, within a limit of evaluations.

    The loop is not blackjax's own: that one chooses a temperature by particles from before the last resampling, ends
    with particles that were not moved at the target, and evaluates the target anew for each use.

    Args:
        kernels: of the target.
        key: JAX random key.
        n: how many.
        gradients: for each of them at every temperature.
        limit: of evaluations.
    """

    def __init__(self, kernels: _Kernels, key: jax.Array, n: int, gradients: int, limit: int) -> None:
        self._kernels, self._key, self._n, self._gradients, self._limit = kernels, key, n, gradients, limit
        self._keys, self._size = 0, 0.5
        self.spent, self.log_z, self.ess, self.jumped = 0, 0.0, 1.0, False
        self.temperatures: list[float] = []
        self.family = np.arange(n)
        self._seen = self._look(kernels.draw(self._next_key(), n))
        self._state: Any = None

    @property
    def x(self) -> np.ndarray:
        """Where they are, (n, d)."""
        return np.asarray(self._seen.x if self._state is None else self._state.position, float)

    @property
    def at(self) -> float:
        """Inverse temperature, 0 at the prior and 1 at the target."""
        return self.temperatures[-1] if self.temperatures else 0.0

    def cool(self) -> None:
        """Go to the target, or as far as the evaluations reach.

        Raises:
            TrainingError: no particle has a density.
        """
        while self.at < 1:
            at = _next(self._seen.ratio, self.at)
            # A temperature takes at most one and a half of its gradients, and needs a look and a gradient after it.
            if at < 1 and self._left() < 1.5 * self._gradients + 2:
                return
            self._reweight(at)
            if at < 1:
                self._move(self._gradients)
                self._seen = self._look(self._state.position)

    def finish(self) -> None:
        """Jump to the target where it has not been reached, and spend there all that is left."""
        if self.at < 1:
            self.jumped = True
            self._reweight(1.0)
        while self._left() >= 1:
            self._move(min(self._left(), self._gradients))

    def _left(self) -> int:
        """Evaluations for each particle."""
        return (self._limit - self.spent) // self._n

    def _next_key(self) -> jax.Array:
        self._keys += 1
        return jax.random.fold_in(self._key, self._keys)

    def _look(self, x: jax.Array) -> _Seen:
        value, grad, ratio = self._kernels.look(x)
        self.spent += self._n
        ratio = np.nan_to_num(np.asarray(ratio, float), nan=-np.inf, posinf=-np.inf, neginf=-np.inf)
        if not np.isfinite(ratio).any():
            raise TrainingError(f"smc: expected a finite log density; none of {self._n} particles has one")
        return _Seen(x, value, grad, ratio)

    def _reweight(self, at: float) -> None:
        """Weigh for a temperature, count into log Z, and resample."""
        w, log_mean = _weights(self._seen.ratio, at - self.at)
        self.log_z += log_mean
        self.ess = float(1 / (self._n * np.sum(w**2)))
        index = np.asarray(self._kernels.resample(self._next_key(), jnp.asarray(w, jnp.float32), self._n))
        self.family = self.family[index]
        x, value, grad, ratio = self._seen
        self._seen = _Seen(x[index], value[index], grad[index], ratio[index])
        self._state = self._kernels.state(self._seen, at)
        self.temperatures.append(at)

    def _move(self, gradients: int) -> None:
        """Trajectories of about so many gradients in all, at least one; sizes of steps follow the acceptance."""
        metric = jnp.asarray(_metric(self.x, np.asarray(self._state.logdensity_grad, float)), jnp.float32)
        used, steps = 0, 0
        while used == 0 or used + steps / 2 <= gradients:
            steps = max(1, min(round(_ARC / self._size), _LONGEST, gradients, self._left()))
            self._state, accepted = self._kernels.move(
                self._next_key(), self._state, self.at, self._size, metric, steps
            )
            used, self.spent = used + steps, self.spent + steps * self._n
            self._size = min(2.0, self._size * math.exp(float(accepted) - _ACCEPTANCE))


def _weights(ratio: np.ndarray, step: float) -> tuple[np.ndarray, float]:
    """Weights that sum to one, and the log of their mean."""
    log_w = step * ratio
    top = log_w.max()
    w = np.exp(log_w - top)
    return w / w.sum(), float(top + math.log(w.mean()))


def _next(ratio: np.ndarray, at: float) -> float:
    """The next inverse temperature: weights from here to there have the ESS that is wanted, or it is the last."""
    ratio = ratio[np.isfinite(ratio)]  # particles without density are lost at any temperature

    def reaches(to: float) -> bool:
        return float(np.sum(_weights(ratio, to - at)[0] ** 2)) * len(ratio) * _ESS <= 1

    low, high = at, 1.0
    if reaches(high):
        return high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if reaches(middle) else (low, middle)
    return high  # the lower end may be where it started


def _metric(x: np.ndarray, grad: np.ndarray) -> np.ndarray:
    """Inverse mass matrix: the geometric mean of the covariance and the inverse of the gradients' covariance.

    Both are the covariance for a Gaussian. Between modes that lie apart, the first one has the distances and the second
    one the widths; the mean of both accepts longer steps than the first.
    """
    root, _ = _roots(_covariance(x))
    grad = np.nan_to_num(grad, posinf=0.0, neginf=0.0)
    middle = _roots(root @ _covariance(grad) @ root)[1]
    metric = root @ middle @ root
    return (metric + metric.T) / 2


def _roots(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric square roots of a positive matrix and of its inverse."""
    values, vectors = np.linalg.eigh(matrix)
    values = np.sqrt(np.maximum(values, 1e-12 * values.max()))
    return (vectors * values) @ vectors.T, (vectors / values) @ vectors.T


def _covariance(x: np.ndarray) -> np.ndarray:
    """Covariance; the correlations of few points are shrunk by as much as they are noise (Schaefer and Strimmer, 2005).

    Those of many are not: that would spoil the narrow directions of a rotated Gaussian.
    """
    n, d = x.shape
    std = np.maximum(x.std(axis=0), 1e-12)
    r = (x - x.mean(axis=0)) / std
    r = r.T @ r / n
    others = r[~np.eye(d, dtype=bool)] ** 2
    noise = float(np.sum((1 - others) ** 2)) / n if n < _MANY * d else 0.0
    keep = max(0.0, 1 - noise / max(float(others.sum()), 1e-12))
    return np.outer(std, std) * np.where(np.eye(d, dtype=bool), 1.0, keep * r)


def _by_families(x: np.ndarray, family: np.ndarray) -> np.ndarray:
    """Effective numbers (d,) for means and variances, the lesser of both, by descendants of one particle.

    Families are independent, their members are not: the sum of squares of families estimates the variance of a mean
    (Chan and Lai, 2013).
    """
    n, (_, family) = len(x), np.unique(family, return_inverse=True)
    count = family.max() + 1
    if count < 2:
        return np.ones(x.shape[1])
    both = []
    for values in (x, (x - x.mean(axis=0)) ** 2):
        values = values - values.mean(axis=0)
        sums = np.zeros((count, x.shape[1]))
        np.add.at(sums, family, values)
        both.append(n * np.sum(values**2, axis=0) / np.maximum(np.sum(sums**2, axis=0) * count / (count - 1), 1e-300))
    return np.clip(np.nan_to_num(np.minimum(*both), nan=1.0), 1.0, n)


def nuts(target: Target, evaluations: int, key: jax.Array) -> tuple[Found, dict[str, Any]]:
    """Four chains from the prior, adapted over windows, at so many evaluations.

    The depth of trees is bounded such that adaptation cannot take more than half of the evaluations.

    Args:
        target: to be sampled.
        evaluations: of gradients.
        key: JAX random key.

    Returns:
        Samples with their effective numbers, without log Z, and more of the row.

    Raises:
        ConfigError: blackjax is missing.
        TrainingError: too few evaluations for adaptation.
    """
    bj, prior = blackjax(), GaussianPrior(target.dim, target.prior_std)
    depth = min(10, int(math.log2(max(1, evaluations / (2 * _CHAINS * _WARM_UP)))))
    if depth < 1:
        raise TrainingError(f"nuts: expected at least {4 * _CHAINS * _WARM_UP} evaluations; got {evaluations}")
    adapt = bj.window_adaptation(bj.nuts, target.log_density, max_num_doublings=depth)
    kernel = bj.nuts.build_kernel()
    keys = jax.random.split(key, 3)

    def warm(rng: Any, x: Any) -> Any:
        result, info = adapt.run(rng, x, _WARM_UP)
        tuned = {k: result.parameters[k] for k in ("step_size", "inverse_mass_matrix")}
        return result.state, tuned, jnp.sum(info.info.num_integration_steps)

    def block(rng: Any, state: Any, tuned: Any) -> Any:
        def one(at: Any, k: Any) -> Any:
            at, info = kernel(k, at, target.log_density, **tuned, max_num_doublings=depth)
            return at, (at.position, info.num_integration_steps)

        state, (x, steps) = jax.lax.scan(one, state, jax.random.split(rng, _BLOCK))
        return state, x, jnp.sum(steps)

    state, tuned, steps = jax.jit(jax.vmap(warm))(jax.random.split(keys[1], _CHAINS), prior.sample(keys[0], _CHAINS))
    run, spent = jax.jit(jax.vmap(block)), int(jnp.sum(steps))
    parts: list[np.ndarray] = []
    while spent < evaluations:
        state, x, steps = run(jax.random.split(jax.random.fold_in(keys[2], len(parts)), _CHAINS), state, tuned)
        parts.append(np.asarray(x))
        spent += int(jnp.sum(steps))
    x = np.concatenate(parts, axis=1)
    effective = _effective(bj, x)
    row = {"evaluations": spent, "draws_per_chain": x.shape[1], "depth": depth, "effective": float(effective.min())}
    return Found(x.reshape(-1, target.dim), None, None, None, effective), row


def _effective(bj: Any, x: np.ndarray) -> np.ndarray:
    """Effective numbers (d,) for means and variances, the lesser of both; chains that disagree have few."""
    squares = (x - x.mean(axis=(0, 1))) ** 2
    both = [np.asarray(bj.diagnostics.effective_sample_size(jnp.asarray(values))) for values in (x, squares)]
    return np.clip(np.nan_to_num(np.minimum(*both), nan=1.0), 1.0, x.shape[0] * x.shape[1])
