"""Transport along the SDE dX = (mu + sigma^2/2 grad V) dt + sigma dW, with weights that are exact for any step size.

If (mu, V) solves the continuity equation then, for every sigma, this SDE has the same marginals exp(V) as the flow of
mu (logFP(sigma^2/2 grad V + mu, V) = logCE(mu, V)); its reversal has the drift mu - sigma^2/2 grad V. In discrete time
let F and B be the Gaussian kernels of one Euler step forward and backward. Then

    w = rho(x_K) B(x_{K-1} | x_K) ... B(x_0 | x_1) / (p_prior(x_0) F(x_1 | x_0) ... F(x_K | x_{K-1}))

has the mean Z whatever mu, V, sigma and the number of steps, because every kernel is normalised (Jarzynski's equality,
Crooks's relation). A bad (mu, V) costs variance, never bias. The running weight takes V at the current time in the
place of log rho, so that it is proper for exp(V): particles can be resampled and moved by Langevin steps on the way.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from transjet.collocation.mala import Langevin, adapted, langevin_step
from transjet.collocation.resample import lost_as_zero, relative_ess
from transjet.errors import ConfigError
from transjet.paths import Prior
from transjet.transport.correction import (
    RESAMPLINGS,
    langevin,
    log_mean_weight,
    resample_indices,
)
from transjet.transport.ode import Field, rk4_step

Array = jax.Array
Sigma = float | Callable[[float], Any]
"""A constant, or a function of the time in [0, 1] that is evaluated at the middle of every step."""
SCHEMES = ("euler", "split")


@dataclass(frozen=True)
class Diffusion:
    """What the SDE is made of.

    Attributes:
        drift: mu, `(x (n, d), t (n,)) -> (n, d)`.
        log_density: V, `(x, t) -> jet` with `value` (n,) and `grad` (n, d).
        field: mu with its divergence; needed by the scheme "split" and for steps with sigma = 0.
    """

    drift: Callable[[Array, Array], Array]
    log_density: Callable[[Array, Array], Any]
    field: Field | None = None


@dataclass(frozen=True)
class SdeOptions:
    """How to follow the SDE.

    Attributes:
        sigma: diffusion coefficient, >= 0.
        steps: equal time steps.
        scheme: "euler": Gaussian kernels of Euler-Maruyama steps, whose weights are exact for any step size.
            "split": a Runge-Kutta step of the flow with its divergence, then a Langevin step at the new time; less
            noise in the weights at small sigma, exact but for the error of Runge-Kutta. Steps with sigma = 0 are flow
            alone in both.
        resample: resample wherever the normalised ESS falls below this; 0: never.
        resampling: "systematic" or "multinomial".
        langevin: Metropolis-adjusted Langevin steps at V after every time step but the last.
        langevin_end: the same at the target, at the end.
        langevin_step: their first step size; it is adapted on the way.

    Raises:
        ConfigError: a value out of range.
    """

    sigma: Sigma = 1.0
    steps: int = 100
    scheme: str = "euler"
    resample: float = 0.0
    resampling: str = "systematic"
    langevin: int = 0
    langevin_end: int = 0
    langevin_step: float = 0.05

    def __post_init__(self) -> None:
        if self.steps < 1 or self.langevin < 0 or self.langevin_end < 0:
            raise ConfigError(
                f"sde: expected steps >= 1, langevin >= 0, langevin_end >= 0; got {self.steps}, {self.langevin}, "
                f"{self.langevin_end}"
            )
        if self.scheme not in SCHEMES:
            raise ConfigError(f"sde: scheme: expected one of {', '.join(SCHEMES)}; got {self.scheme!r}")
        if self.resampling not in RESAMPLINGS:
            raise ConfigError(f"sde: resampling: expected one of {', '.join(RESAMPLINGS)}; got {self.resampling!r}")
        if not 0 <= self.resample <= 1:
            raise ConfigError(f"sde: resample: expected a threshold between 0 and 1; got {self.resample!r}")
        if not (math.isfinite(self.langevin_step) and self.langevin_step > 0):
            raise ConfigError(f"sde: langevin_step: expected a positive number; got {self.langevin_step!r}")

    def sigmas(self) -> np.ndarray:
        """Sigma at the middle of every step, (steps,).

        Raises:
            ConfigError: a value that is negative or not finite.
        """
        middles = (np.arange(self.steps) + 0.5) / self.steps
        with jax.ensure_compile_time_eval():
            constant = not callable(self.sigma)
            values = np.array([float(self.sigma if constant else self.sigma(float(t))) for t in middles])  # type: ignore[arg-type, operator]
        if not (np.isfinite(values).all() and (values >= 0).all()):
            raise ConfigError(f"sde: sigma: expected 0 or more at every time; got {values.min()} to {values.max()}")
        return values


class SdeTransported(NamedTuple):
    """Particles at t = 1.

    Attributes:
        x: positions, (n, d).
        log_weights: proper for exp(V(., 1)); their mean estimates its integral also after resampling, (n,).
        resamplings: how often they were resampled, int32 scalar.
        acceptance: mean acceptance of the Langevin steps; 1 where there are none, scalar.
    """

    x: Array
    log_weights: Array
    resamplings: Array
    acceptance: Array


class _Particles(NamedTuple):
    x: Array
    log_weights: Array
    drift: Array
    value: Array
    grad: Array


class _Step(NamedTuple):
    start: Array
    end: Array
    sigma: Array
    last: Array
    key: Array


def _look(diffusion: Diffusion, x: Array, t: Array, log_weights: Array) -> _Particles:
    """Particles with drift, V and its gradient at time t."""
    times = jnp.full(x.shape[:1], t, x.dtype)
    v = diffusion.log_density(x, times)
    return _Particles(x, log_weights, diffusion.drift(x, times), v.value, v.grad)


def _squares(z: Array) -> Array:
    return 0.5 * jnp.sum(z * z, axis=1)


def _euler(diffusion: Diffusion, p: _Particles, step: _Step, noise: Array) -> _Particles:
    """One Euler-Maruyama step; the weight gains B / F and the change of V."""
    h, half = step.end - step.start, 0.5 * step.sigma**2
    std = step.sigma * jnp.sqrt(h)
    forward = p.drift + half * p.grad
    q = _look(diffusion, p.x + h * forward + std * noise, step.end, p.log_weights)
    # x - (x' - h b') = -(noise of the way back); written as a difference of drifts it does not cancel digits.
    back = noise + h / std * (forward - (q.drift - half * q.grad))
    return q._replace(log_weights=p.log_weights + _squares(noise) - _squares(back) + q.value - p.value)


def _split(diffusion: Diffusion, p: _Particles, step: _Step, noise: Array) -> _Particles:
    """The flow of mu, then an unadjusted Langevin step of V at the new time, weighted by its kernels' ratio."""
    if diffusion.field is None:
        raise ConfigError("sde: expected a field with its divergence for scheme 'split' and steps with sigma = 0")
    h, half = step.end - step.start, 0.5 * step.sigma**2
    std = step.sigma * jnp.sqrt(h)
    moved, change = rk4_step(diffusion.field, (p.x, jnp.zeros_like(p.log_weights)), step.start, h)
    grad = diffusion.log_density(moved, jnp.full(moved.shape[:1], step.end, moved.dtype)).grad
    q = _look(diffusion, moved + h * half * grad + std * noise, step.end, p.log_weights)
    back = noise + 0.5 * std * (grad + q.grad)  # h half / std = std / 2, which holds at sigma = 0 too
    return q._replace(log_weights=p.log_weights + change + _squares(noise) - _squares(back) + q.value - p.value)


def _resampled(p: _Particles, key: Array, kind: str) -> _Particles:
    """Particles that go on, each with the mean weight: the running estimate of the integral is kept."""
    index = resample_indices(key, p.log_weights, kind)
    level = log_mean_weight(p.log_weights)
    chosen = jax.tree.map(lambda a: a[index], p)
    return chosen._replace(log_weights=jnp.full_like(p.log_weights, level))


def _relaxed(
    diffusion: Diffusion, p: _Particles, step: _Step, size: Array, count: int
) -> tuple[_Particles, Array, Array]:
    """Langevin steps at V(., t): particles, the new step size and the acceptance."""
    times = jnp.full(p.x.shape[:1], step.end, p.x.dtype)

    def density(x: Array) -> tuple[Array, Array]:
        v = diffusion.log_density(x, times)
        return v.value, v.grad

    state = Langevin(p.x, p.value, p.grad, jnp.ones((), p.x.dtype), size)
    accepted = []
    for key in jax.random.split(step.key, count):
        state = adapted(langevin_step(density, state, key))
        accepted.append(state.acceptance)
    moved = p._replace(x=state.x, value=state.value, grad=state.grad, drift=diffusion.drift(state.x, times))
    return moved, state.step_size, jnp.mean(jnp.stack(accepted))


def sde_transport(
    diffusion: Diffusion, x: Array, key: Array, options: SdeOptions | None = None, *, log_weights: Array | None = None
) -> SdeTransported:
    """Move particles from t = 0 to t = 1 along the SDE, carrying weights that are proper for exp(V) at every step.

    Args:
        diffusion: mu and V.
        x: particles at t = 0, (n, d).
        key: JAX random key.
        options: how; None: `SdeOptions()`.
        log_weights: (n,) proper for exp(V(., 0)) at the start; None: zero, for x drawn from exp(V(., 0)).

    Returns:
        SdeTransported(x, log_weights, resamplings, acceptance).

    Raises:
        ConfigError: sigma is negative somewhere, or the divergence of mu is needed and not there.
    """
    options = SdeOptions() if options is None else options
    sigmas = options.sigmas()
    advance = _advance(options.scheme, sigmas)
    steps, dtype = options.steps, x.dtype
    times = jnp.arange(steps + 1, dtype=dtype) / steps
    last = jnp.arange(steps) == steps - 1
    plan = _Step(times[:-1], times[1:], jnp.asarray(sigmas, dtype), last, jax.random.split(key, steps))
    zero = jnp.zeros(x.shape[:1], dtype)
    start = _look(diffusion, x, times[0], zero if log_weights is None else log_weights)

    def step(carry: tuple[_Particles, Array, Array], now: _Step) -> tuple[tuple[_Particles, Array, Array], Array]:
        p, size, count = carry
        key_noise, key_resample, key_langevin = jax.random.split(now.key, 3)
        p = advance(diffusion, p, now, jax.random.normal(key_noise, p.x.shape, dtype))
        p, count = _maybe_resampled(p, count, key_resample, options)
        if not options.langevin:
            return (p, size, count), jnp.ones((), dtype)
        p, size, acceptance = _relaxed(diffusion, p, now._replace(key=key_langevin), size, options.langevin)
        return (p, size, count), acceptance

    carry = (start, jnp.asarray(options.langevin_step, dtype), jnp.zeros((), jnp.int32))
    (end, _, count), acceptance = jax.lax.scan(step, carry, plan)
    return SdeTransported(end.x, end.log_weights, count, jnp.mean(acceptance))


def _advance(scheme: str, sigmas: np.ndarray) -> Callable[..., _Particles]:
    """The step of a scheme; where sigma is zero there are no kernels, and the flow takes over."""
    if scheme == "split" or not sigmas.any():
        return _split
    if sigmas.all():
        return _euler

    def either(diffusion: Diffusion, p: _Particles, step: _Step, noise: Array) -> _Particles:
        def kernels() -> _Particles:
            return _euler(diffusion, p, step, noise)

        moved: _Particles = jax.lax.cond(step.sigma > 0, kernels, lambda: _split(diffusion, p, step, noise))
        return moved

    return either


def _maybe_resampled(p: _Particles, count: Array, key: Array, options: SdeOptions) -> tuple[_Particles, Array]:
    if options.resample == 0:
        return p, count
    poor = relative_ess(p.log_weights) < options.resample
    p = jax.lax.cond(poor, lambda: _resampled(p, key, options.resampling), lambda: p)
    return p, count + poor.astype(jnp.int32)


def push_prior_sde(
    diffusion: Diffusion,
    prior: Prior,
    log_rho: Callable[[Array], Array],
    key: Array,
    n: int,
    options: SdeOptions | None = None,
    *,
    dtype: Any = jnp.float32,
) -> tuple[Array, Array, Array]:
    """Draw from the prior and follow the SDE to t = 1. Traceable by jit.

    Returns:
        x (n, d), log weights (n,) with E[w] = Z, and log rho(x) - log w (n,): the place of the density log q, which a
        diffusion does not have in closed form. After resampling samples of one call depend on each other.
    """
    options = SdeOptions() if options is None else options
    key_start, key_sde, key_end = jax.random.split(key, 3)
    start = prior.sample(key_start, n, dtype)
    edge = diffusion.log_density(start, jnp.zeros(n, dtype)).value - prior.log_density(start)
    end = sde_transport(diffusion, start, key_sde, options, log_weights=edge)
    value = diffusion.log_density(end.x, jnp.ones(n, dtype)).value
    log_weights = end.log_weights + jax.vmap(log_rho)(end.x) - value
    x = end.x
    if options.langevin_end:
        density = jax.vmap(jax.value_and_grad(log_rho))
        x = langevin(density, x, key_end, steps=options.langevin_end, step_size=options.langevin_step).x
    return x, log_weights, jax.vmap(log_rho)(x) - lost_as_zero(log_weights)
