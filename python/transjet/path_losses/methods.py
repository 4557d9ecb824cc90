"""The methods of the literature as chains: PIS, DIS, DDS, CMCD and the general bridge DBS.

They differ in what is prescribed: the start, the reference drift f, and which of u, v and grad V is a network. Controls
are networks plus, as guidance, the score of the geometric path between prior and target, which costs a gradient of log
rho a step and without which a control has to find a far target by chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from transjet.errors import ConfigError
from transjet.path_losses.process import GAIN, Kernel, Network, Params, PathProcess
from transjet.paths import GaussianPrior

Array = jax.Array


@dataclass(frozen=True)
class Parts:
    """What every method is made of.

    Attributes:
        prior: the start, and the scale of the reference.
        log_rho: the target, of one point (d,).
        control: network with d outputs: u, or the drift mu of CMCD.
        second: network with d outputs: v, of DBS alone.
        potential: network phi with one output, for V at the knots of sub-trajectory balance; None: V without it.
        steps: K.
        sigma: diffusion coefficient of PIS, CMCD, DBS; 0: the prior's standard deviation.
        beta: rate of the Ornstein-Uhlenbeck process of DIS, DDS at the prior and at the target; linear between.
        guidance: add the score of the geometric path to the controls.
        clip: greatest norm of that score.

    Raises:
        ConfigError: a value out of range.
    """

    prior: GaussianPrior
    log_rho: Callable[[Array], Array]
    control: Network
    second: Network | None = None
    potential: Network | None = None
    steps: int = 64
    sigma: float = 0.0
    beta: tuple[float, float] = (12.0, 0.1)
    guidance: bool = True
    clip: float = 1e3

    def __post_init__(self) -> None:
        if self.steps < 1 or not (math.isfinite(self.sigma) and self.sigma >= 0):
            raise ConfigError(f"paths: expected steps >= 1, sigma >= 0; got {self.steps} and {self.sigma}")
        if not (all(math.isfinite(b) and b > 0 for b in self.beta) and self.clip > 0):
            raise ConfigError(f"paths: expected positive rates beta and clip; got {self.beta} and {self.clip}")

    @property
    def scale(self) -> float:
        """The diffusion coefficient in force."""
        return self.sigma or self.prior.std

    @property
    def betas(self) -> np.ndarray:
        """Rates at the middle of every step, (K,)."""
        middle = (np.arange(self.steps) + 0.5) / self.steps
        return np.asarray(self.beta[0] + (self.beta[1] - self.beta[0]) * middle)

    def rho(self, x: Array) -> Array:
        """Log rho at x (n, d), (n,)."""
        return jax.vmap(self.log_rho)(x)

    def time(self, x: Array, k: Any) -> Array:
        """The time of state k for every particle, (n,)."""
        return jnp.full(x.shape[:1], jnp.asarray(k, x.dtype) / self.steps, x.dtype)

    def score(self, x: Array, t: Array) -> Array:
        """Gradient of (1 - t) log prior + t log rho at x, (n, d), its norm clipped."""
        rho = jax.vmap(jax.grad(self.log_rho))(x)
        return _clipped((1 - t)[:, None] * self.prior.grad(x) + t[:, None] * rho, self.clip)

    def tilt(self, x: Array, t: Array, std: float) -> Array:
        """t times the gradient of log rho - log N(0, std^2), (n, d), its norm clipped."""
        return _clipped(t[:, None] * (jax.vmap(jax.grad(self.log_rho))(x) + x / std**2), self.clip)

    def free_path(self, params: Params, x: Array, k: Any) -> Array:
        """(1 - t) log prior + t (log rho - log z) + t (1 - t) phi at state k, (n,)."""
        return self.between(params, x, k, self.prior.log_density(x))

    def between(self, params: Params, x: Array, k: Any, reference: Array) -> Array:
        """The same with another reference in the place of log prior."""
        t = self.time(x, k)
        value = (1 - t) * reference + t * (self.rho(x) - GAIN * params["log_z"])
        if self.potential is None:
            return value
        return value + t * (1 - t) * self.potential.apply(params["potential"], x, t)[:, 0]

    def networks(self, *, second: bool = False, potential: bool = True) -> dict[str, Network]:
        """Networks by name.

        Raises:
            ConfigError: the second one is needed and not there.
        """
        if second and self.second is None:
            raise ConfigError("dbs: expected a second network for v; got none")
        named = {"control": self.control, "second": self.second if second else None}
        named["potential"] = self.potential if potential else None
        return {name: network for name, network in named.items() if network is not None}


def _clipped(g: Array, clip: float) -> Array:
    norm = jnp.sqrt(jnp.sum(g * g, axis=1, keepdims=True))
    return g * jnp.minimum(1, clip / jnp.maximum(norm, clip * 1e-6))


def _start(prior: GaussianPrior) -> Callable[[Array, int, Any], Array]:
    return lambda key, n, dtype: prior.sample(key, n, dtype)


def _at(table: np.ndarray, k: Any, dtype: Any) -> Array:
    return jnp.asarray(table, dtype)[k]


def pis(parts: Parts) -> PathProcess:
    """Path integral sampler (Zhang and Chen 2022): a delta at 0, and Brownian motion as reference.

    The backward kernel is the Brownian bridge to 0. Default loss: "kl".
    """
    scale, h = parts.scale, 1 / parts.steps
    variance = scale**2 * h * np.arange(parts.steps + 1)

    def forward(params: Params, x: Array, k: Any) -> Kernel:
        t = parts.time(x, k)
        u = parts.control.apply(params["control"], x, t)
        u = u + scale * parts.tilt(x, t, scale) if parts.guidance else u
        return Kernel(x + h * scale * u, jnp.asarray(scale * math.sqrt(h), x.dtype))

    def backward(params: Params, x: Array, k: Any) -> Kernel:
        share = _at(variance[:-1] / variance[1:], k, x.dtype)
        return Kernel(share * x, scale * math.sqrt(h) * jnp.sqrt(share))

    def log_density(params: Params, x: Array, k: Any) -> Array:
        tau = jnp.maximum(_at(variance, k, x.dtype), variance[1])
        brownian = -0.5 * jnp.sum(x * x, axis=1) / tau - 0.5 * x.shape[1] * jnp.log(2 * math.pi * tau)
        # The start is certain: where k = 0, no density and no kernel towards it is counted.
        return jnp.where(jnp.asarray(k) == 0, 0, parts.between(params, x, k, brownian))

    def start(key: Array, n: int, dtype: Any) -> Array:
        return jnp.zeros((n, parts.prior.dim), dtype)

    return PathProcess(
        "pis", parts.steps, parts.networks(), start, lambda x: jnp.zeros(x.shape[:1], x.dtype),
        forward, backward, parts.rho, log_density,
    )  # fmt: skip


def dis(parts: Parts) -> PathProcess:
    """Time-reversed diffusion sampler (Berner et al. 2022): v = 0, f variance-preserving, Euler-Maruyama.

    The target is noised by dY = -beta/2 Y ds + std sqrt(beta) dW. Default loss: "log-variance".
    """
    h = 1 / parts.steps
    betas, std = parts.betas, parts.prior.std

    def forward(params: Params, x: Array, k: Any) -> Kernel:
        t, beta = parts.time(x, k), _at(betas, k, x.dtype)
        scale = std * jnp.sqrt(beta)
        u = parts.control.apply(params["control"], x, t)
        u = u + scale * parts.score(x, t) if parts.guidance else u
        return Kernel(x + h * (0.5 * beta * x + scale * u), scale * math.sqrt(h))

    def backward(params: Params, x: Array, k: Any) -> Kernel:
        beta = _at(betas, k, x.dtype)
        return Kernel(x - h * 0.5 * beta * x, std * jnp.sqrt(beta * h))

    return _from_prior("dis", parts, parts.networks(), forward, backward, parts.free_path)


def dds(parts: Parts) -> PathProcess:
    """Denoising diffusion sampler (Vargas et al. 2023): an Ornstein-Uhlenbeck reference in equilibrium.

    The linear part is integrated exactly, so that the reference's kernels are reversible at any step size. Default
    loss: "kl".
    """
    betas, std = parts.betas, parts.prior.std
    shrink = np.exp(-0.5 * betas / parts.steps)

    def noise(k: Any, dtype: Any) -> Array:
        return _at(std * np.sqrt(1 - shrink**2), k, dtype)

    def forward(params: Params, x: Array, k: Any) -> Kernel:
        t, beta, a = parts.time(x, k), _at(betas, k, x.dtype), _at(shrink, k, x.dtype)
        scale = std * jnp.sqrt(beta)
        u = parts.control.apply(params["control"], x, t)
        u = u + scale * parts.tilt(x, t, std) if parts.guidance else u
        return Kernel(a * x + 2 / beta * (1 - a) * scale * u, noise(k, x.dtype))

    def backward(params: Params, x: Array, k: Any) -> Kernel:
        return Kernel(_at(shrink, k, x.dtype) * x, noise(k, x.dtype))

    return _from_prior("dds", parts, parts.networks(), forward, backward, parts.free_path)


def cmcd(parts: Parts) -> PathProcess:
    """Controlled Monte Carlo diffusion (Vargas et al. 2024): V prescribed by annealing, mu a network.

    Kernels have the drifts mu + sigma^2/2 grad V and mu - sigma^2/2 grad V, so that -rnd is the log Jarzynski weight.
    Default loss: "log-variance". For sub-trajectory balance the free energy at the states between is learned.
    """
    h, half = 1 / parts.steps, 0.5 * parts.scale**2
    std = parts.scale * math.sqrt(h)

    def forward(params: Params, x: Array, k: Any) -> Kernel:
        t = parts.time(x, k)
        mu = parts.control.apply(params["control"], x, t)
        return Kernel(x + h * (mu + half * parts.score(x, t)), jnp.asarray(std, x.dtype))

    def backward(params: Params, x: Array, k: Any) -> Kernel:
        t = parts.time(x, k + 1)
        mu = parts.control.apply(params["control"], x, t)
        return Kernel(x - h * (mu - half * parts.score(x, t)), jnp.asarray(std, x.dtype))

    def log_density(params: Params, x: Array, k: Any) -> Array:
        t = parts.time(x, k)
        edge = jnp.zeros(1, x.dtype)
        free = GAIN * jnp.concatenate([edge, params["free_energy"], params["log_z"][None]])
        return (1 - t) * parts.prior.log_density(x) + t * parts.rho(x) - free[k]

    networks = parts.networks(potential=False)
    extra = {"free_energy": (parts.steps - 1,)}
    return _from_prior("cmcd", parts, networks, forward, backward, log_density, extra)


def dbs(parts: Parts) -> PathProcess:
    """General bridge (Richter and Berner 2024): u and v both networks, f = 0. Default loss: "log-variance".

    Raises:
        ConfigError: there is no second network.
    """
    scale, h = parts.scale, 1 / parts.steps
    std = scale * math.sqrt(h)

    def control(name: str, network: Any, params: Params, x: Array, t: Array) -> Array:
        u: Array = network.apply(params[name], x, t)
        return u + 0.5 * scale * parts.score(x, t) if parts.guidance else u

    def forward(params: Params, x: Array, k: Any) -> Kernel:
        u = control("control", parts.control, params, x, parts.time(x, k))
        return Kernel(x + h * scale * u, jnp.asarray(std, x.dtype))

    def backward(params: Params, x: Array, k: Any) -> Kernel:
        v = control("second", parts.second, params, x, parts.time(x, k + 1))
        return Kernel(x + h * scale * v, jnp.asarray(std, x.dtype))

    return _from_prior("dbs", parts, parts.networks(second=True), forward, backward, parts.free_path)


def _from_prior(
    name: str,
    parts: Parts,
    networks: Mapping[str, Network],
    forward: Callable[[Params, Array, Any], Kernel],
    backward: Callable[[Params, Array, Any], Kernel],
    log_density: Callable[[Params, Array, Any], Array],
    extra: Mapping[str, tuple[int, ...]] | None = None,
) -> PathProcess:
    prior = parts.prior
    return PathProcess(
        name, parts.steps, networks, _start(prior), prior.log_density, forward, backward, parts.rho, log_density,
        extra or {},
    )  # fmt: skip


METHODS: dict[str, Callable[[Parts], PathProcess]] = {"pis": pis, "dis": dis, "dds": dds, "cmcd": cmcd, "dbs": dbs}
DEFAULT_LOSSES = {
    "pis": "kl",
    "dis": "log-variance",
    "dds": "kl",
    "cmcd": "log-variance",
    "dbs": "log-variance",
}


def path_process(method: str, parts: Parts) -> PathProcess:
    """The chains of a method by name.

    Raises:
        ConfigError: an unknown method, or parts that do not fit it.
    """
    if method not in METHODS:
        raise ConfigError(f"path method: expected one of {', '.join(METHODS)}; got {method!r}")
    return METHODS[method](parts)
