"""The methods of the literature as chains: PIS, DIS, DDS, CMCD and the general bridge DBS.

They differ in what is prescribed: the start, the reference drift f, and which of u, v and grad V is a network. Controls
are networks plus, as guidance, the score of the target relative to the reference times a learned gate, a number per
step. It costs a gradient of log rho a step, and without it a control has to find a far target by chance; without the
gate it draws particles to the nearest mode long before they should have decided for one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from transjet.errors import ConfigError
from transjet.path_losses.parts import Parts, at
from transjet.path_losses.process import GAIN, Kernel, Network, Params, PathProcess
from transjet.path_losses.schedule import noise_left, noising_left
from transjet.paths import GaussianPrior

Array = jax.Array


def pis(parts: Parts) -> PathProcess:
    """Path integral sampler (Zhang and Chen 2022, arXiv 2111.15141): a delta at 0, and Brownian motion as reference.

    The backward kernel is the Brownian bridge to 0. Default loss: "log-variance".
    """
    scale, h = parts.sigma or parts.prior.std, 1 / parts.steps
    left = noise_left(parts.steps, parts.narrowing)
    variance = scale**2 * (1 - left)
    added = np.diff(variance)
    # What a mode of variance V / narrowing, noised by what is left, has for a score in the place of its own.
    gate = 1 / (1 + (parts.narrowing - 1) * left[:-1])

    def forward(params: Params, x: Array, k: Any) -> Kernel:
        std = at(np.sqrt(added), k, x.dtype)
        u = parts.control.apply(params["control"], x, parts.time(x, k))
        u = math.sqrt(h) * u
        if parts.guidance:
            u = u + std * parts.tilt(x, at(gate, k, x.dtype) + params["gate"][k], scale)
        return Kernel(x + std * u, std)

    def backward(params: Params, x: Array, k: Any) -> Kernel:
        share = at(variance[:-1] / variance[1:], k, x.dtype)
        return Kernel(share * x, at(np.sqrt(added), k, x.dtype) * jnp.sqrt(share))

    def log_density(params: Params, x: Array, k: Any) -> Array:
        tau = jnp.maximum(at(variance, k, x.dtype), variance[1])
        brownian = -0.5 * jnp.sum(x * x, axis=1) / tau - 0.5 * x.shape[1] * jnp.log(2 * math.pi * tau)
        # The start is certain: where k = 0, no density and no kernel towards it is counted.
        return jnp.where(jnp.asarray(k) == 0, 0, parts.between(params, x, k, brownian))

    def start(key: Array, n: int, dtype: Any) -> Array:
        return jnp.zeros((n, parts.prior.dim), dtype)

    return PathProcess(
        "pis", parts.steps, parts.networks(), start, lambda x: jnp.zeros(x.shape[:1], x.dtype),
        forward, backward, parts.rho, log_density, parts.gates("gate"),
    )  # fmt: skip


def _noising(parts: Parts) -> tuple[np.ndarray, np.ndarray]:
    """Integral of the rate over every step, and where the gates of the score start, (K,) each."""
    left = noising_left(parts.steps, parts.narrowing, parts.beta)
    gate = np.exp(-left / 2) / (1 - (parts.narrowing - 1) * np.expm1(-left))
    return left[:-1] - left[1:], gate[:-1]


def dis(parts: Parts) -> PathProcess:
    """Time-reversed diffusion sampler (Berner et al. 2022, arXiv 2211.01364): v = 0, Euler-Maruyama.

    The target is noised, its variance preserved, by dY = -beta/2 Y ds + std sqrt(beta) dW. Default loss:
    "log-variance".
    """
    h, prior_std = 1 / parts.steps, parts.prior.std
    rates, gate = _noising(parts)

    def forward(params: Params, x: Array, k: Any) -> Kernel:
        rate = at(rates, k, x.dtype)
        std = prior_std * jnp.sqrt(rate)
        u = math.sqrt(h) * parts.control.apply(params["control"], x, parts.time(x, k))
        if parts.guidance:
            u = u + std * parts.score(x, at(gate, k, x.dtype) + params["gate"][k])
        return Kernel((1 + 0.5 * rate) * x + std * u, std)

    def backward(params: Params, x: Array, k: Any) -> Kernel:
        rate = at(rates, k, x.dtype)
        return Kernel((1 - 0.5 * rate) * x, prior_std * jnp.sqrt(rate))

    return _from_prior("dis", parts, parts.networks(), forward, backward, parts.free_path, parts.gates("gate"))


def dds(parts: Parts) -> PathProcess:
    """Denoising diffusion sampler (Vargas et al. 2023, arXiv 2302.13834).

    The reference is an Ornstein-Uhlenbeck process in equilibrium. The linear part is integrated exactly, so that the
    reference's kernels are reversible at any step size. Default loss: "log-variance".
    """
    h, prior_std = 1 / parts.steps, parts.prior.std
    rates, gate = _noising(parts)
    shrink = np.exp(-0.5 * rates)
    noise = prior_std * np.sqrt(1 - shrink**2)
    gain = 2 * (1 - shrink) / rates  # of the integrator: the control's weight relative to Euler's

    def forward(params: Params, x: Array, k: Any) -> Kernel:
        std = at(prior_std * np.sqrt(rates), k, x.dtype)
        u = math.sqrt(h) * parts.control.apply(params["control"], x, parts.time(x, k))
        if parts.guidance:
            u = u + std * parts.tilt(x, at(gate, k, x.dtype) + params["gate"][k], prior_std)
        return Kernel(at(shrink, k, x.dtype) * x + at(gain, k, x.dtype) * std * u, at(noise, k, x.dtype))

    def backward(params: Params, x: Array, k: Any) -> Kernel:
        return Kernel(at(shrink, k, x.dtype) * x, at(noise, k, x.dtype))

    return _from_prior("dds", parts, parts.networks(), forward, backward, parts.free_path, parts.gates("gate"))


def cmcd(parts: Parts) -> PathProcess:
    """Controlled Monte Carlo diffusion (Vargas et al. 2024, arXiv 2307.01050): V prescribed by annealing, mu a network.

    Kernels have the drifts mu + sigma^2/2 grad V and mu - sigma^2/2 grad V, so that -rnd is the log Jarzynski weight.
    mu is the network times the width of a mode at that time. Default loss: "log-variance". For sub-trajectory balance
    the free energy at the states between is learned.
    """
    h, noise, weights = 1 / parts.steps, _noise(parts), parts.annealing
    width = parts.prior.std / np.sqrt(1 + (parts.narrowing - 1) * weights)

    def drift(params: Params, x: Array, k: Any) -> Array:
        return at(width, k, x.dtype) * parts.control.apply(params["control"], x, parts.time(x, k))

    def forward(params: Params, x: Array, k: Any) -> Kernel:
        std = at(noise, k, x.dtype)
        return Kernel(x + h * drift(params, x, k) + 0.5 * std**2 * parts.score(x, at(weights, k, x.dtype)), std)

    def backward(params: Params, x: Array, k: Any) -> Kernel:
        std = at(noise, k, x.dtype)
        return Kernel(x - h * drift(params, x, k + 1) + 0.5 * std**2 * parts.score(x, at(weights, k + 1, x.dtype)), std)

    def log_density(params: Params, x: Array, k: Any) -> Array:
        weight = at(weights, k, x.dtype)
        edge = jnp.zeros(1, x.dtype)
        free = GAIN * jnp.concatenate([edge, params["free_energy"], params["log_z"][None]])
        return (1 - weight) * parts.prior.log_density(x) + weight * parts.rho(x) - free[k]

    networks = parts.networks(potential=False)
    extra = {"free_energy": (parts.steps - 1,)}
    return _from_prior("cmcd", parts, networks, forward, backward, log_density, extra)


def dbs(parts: Parts) -> PathProcess:
    """General bridge (Richter and Berner 2024, arXiv 2307.01198): u and v both networks, f = 0.

    Default loss: "log-variance".

    Raises:
        ConfigError: there is no second network.
    """
    h, noise, weights = 1 / parts.steps, _noise(parts), parts.annealing

    def move(params: Params, names: tuple[str, str], network: Any, x: Array, state: Any, k: Any) -> Kernel:
        control, gate = names
        std = at(noise, k, x.dtype)
        u: Array = math.sqrt(h) * network.apply(params[control], x, parts.time(x, state))
        if parts.guidance:
            u = u + 0.5 * std * parts.score(x, at(weights, state, x.dtype) + params[gate][k])
        return Kernel(x + std * u, std)

    def forward(params: Params, x: Array, k: Any) -> Kernel:
        return move(params, ("control", "gate"), parts.control, x, k, k)

    def backward(params: Params, x: Array, k: Any) -> Kernel:
        return move(params, ("second", "second_gate"), parts.second, x, k + 1, k)

    networks = parts.networks(second=True)
    return _from_prior("dbs", parts, networks, forward, backward, parts.free_path, parts.gates("gate", "second_gate"))


def _noise(parts: Parts) -> np.ndarray:
    """Standard deviation of the noise of every step, (K,), of a diffusion with the mean square sigma."""
    scale = parts.sigma or 2 * parts.prior.std
    return scale * np.sqrt(-np.diff(noise_left(parts.steps, parts.narrowing)))


def _start(prior: GaussianPrior) -> Callable[[Array, int, Any], Array]:
    return lambda key, n, dtype: prior.sample(key, n, dtype)


def _from_prior(
    name: str,
    parts: Parts,
    networks: Mapping[str, Network],
    forward: Callable[[Params, Array, Any], Kernel],
    backward: Callable[[Params, Array, Any], Kernel],
    log_density: Callable[[Params, Array, Any], Array],
    extra: Mapping[str, tuple[int, ...]],
) -> PathProcess:
    prior = parts.prior
    return PathProcess(
        name, parts.steps, networks, _start(prior), prior.log_density, forward, backward, parts.rho, log_density, extra
    )


METHODS: dict[str, Callable[[Parts], PathProcess]] = {"pis": pis, "dis": dis, "dds": dds, "cmcd": cmcd, "dbs": dbs}
# The reverse KL divergence, which PIS and DDS were published with, loses modes; the variance of rnd keeps them.
DEFAULT_LOSSES = dict.fromkeys(METHODS, "log-variance")


def path_process(method: str, parts: Parts) -> PathProcess:
    """The chains of a method by name.

    Raises:
        ConfigError: an unknown method, or parts that do not fit it.
    """
    if method not in METHODS:
        raise ConfigError(f"path method: expected one of {', '.join(METHODS)}; got {method!r}")
    return METHODS[method](parts)
