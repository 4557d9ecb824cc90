"""Controlled diffusions in discrete time, and the density of their paths relative to that of the reversed target.

In continuous time dX = (f + sigma u) dt + sigma dW starts from the prior; the target, run backward, has the drift
f - sigma v; and log dP/dQ along any path, the Radon-Nikodym derivative, vanishes up to log Z at the solution, where
v = sigma grad V - u. Here the two are Markov chains with Gaussian kernels F (forward) and B (backward), and

    rnd = log p(x_0) + sum_k [log F(x_k+1 | x_k) - log B(x_k | x_k+1)] - log rho(x_K)

is the exact log density ratio of the discrete paths: E_F[exp(-rnd)] = Z for any networks and any number of steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp

from transjet.errors import ConfigError

Array = jax.Array
Params = dict[str, Any]
GAIN = 20.0  # a scalar's parameter is its value divided by this: Adam moves all parameters at one pace


class Network(Protocol):
    """What a control has to be; `transjet.models.MLP` is one."""

    def init(self, key: Array, dtype: Any = jnp.float32) -> Any:
        """Random parameters."""
        ...

    def apply(self, layers: Any, x: Array, t: Array) -> Array:
        """Values (n, outputs) at x (n, d), t (n,)."""
        ...


class Kernel(NamedTuple):
    """N(mean, std^2 I): mean (n, d), std a scalar. With std 0 the point is certain, and its log density is left out."""

    mean: Array
    std: Array


def log_kernel(kernel: Kernel, x: Array) -> Array:
    """Log density of points x (n, d) under a kernel, (n,); 0 where its std is 0."""
    certain = kernel.std <= 0
    std = jnp.where(certain, 1, kernel.std)
    z = (x - kernel.mean) / std
    constant = x.shape[1] * (jnp.log(std) + 0.5 * math.log(2 * math.pi))
    return jnp.where(certain, 0, -0.5 * jnp.sum(z * z, axis=1) - constant)


@dataclass(frozen=True)
class PathProcess:
    """The forward and the backward chain of a method, with its networks.

    Attributes:
        name: for messages.
        steps: K, number of time steps; state k is at the time k / K.
        networks: by name, the parameters' names.
        start: `(key, n, dtype) -> (n, d)`, draws x_0.
        log_start: `x (n, d) -> (n,)`, its log density; zero for a certain start.
        forward: `(params, x, k) -> Kernel` of x_k+1 given x_k.
        backward: `(params, x, k) -> Kernel` of x_k given x_k+1.
        log_rho: `x (n, d) -> (n,)`, the target.
        log_density: `(params, x, k) -> (n,)`, the log density V of state k as the method has it, normalised up to its
            own error: log p(x_0) at k = 0 and log rho - log z at k = K. Sub-trajectory balance alone needs it.
        extra: further parameters, name -> shape; initially zero.

    Raises:
        ConfigError: fewer than one step.
    """

    name: str
    steps: int
    networks: Mapping[str, Network]
    start: Callable[[Array, int, Any], Array]
    log_start: Callable[[Array], Array]
    forward: Callable[[Params, Array, Any], Kernel]
    backward: Callable[[Params, Array, Any], Kernel]
    log_rho: Callable[[Array], Array]
    log_density: Callable[[Params, Array, Any], Array]
    extra: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ConfigError(f"{self.name}: steps: expected at least 1; got {self.steps}")

    def init(self, key: Array, dtype: Any = jnp.float32) -> Params:
        """Random networks, log z = 0."""
        keys = jax.random.split(key, len(self.networks))
        params: Params = {n: net.init(k, dtype) for k, (n, net) in zip(keys, self.networks.items(), strict=True)}
        params |= {name: jnp.zeros(shape, dtype) for name, shape in self.extra.items()}
        return params | {"log_z": jnp.zeros((), dtype)}

    def log_z(self, params: Params) -> Array:
        """The learned log Z, a scalar."""
        return GAIN * params["log_z"]


class Paths(NamedTuple):
    """Simulated paths.

    Attributes:
        x: states, (K + 1, n, d).
        ratios: log F - log B of every step, (K, n).
    """

    x: Array
    ratios: Array


def simulate(
    process: PathProcess,
    params: Params,
    key: Array,
    n: int,
    *,
    through: bool = False,
    exploration: float = 0.0,
    dtype: Any = jnp.float32,
) -> Paths:
    """Paths of the forward chain.

    Args:
        process: the chains.
        params: its parameters.
        key: JAX random key.
        n: number of paths.
        through: differentiate through the states. Otherwise states are constants, and the ratios depend on the
            parameters through the kernels alone: any distribution of paths serves then.
        exploration: paths are drawn with a noise that is 1 + exploration times as large.
        dtype: of the states.

    Returns:
        Paths(x (K + 1, n, d), ratios (K, n)).

    Raises:
        ConfigError: exploration together with `through`, whose expectation is under the chain itself.
    """
    if through and exploration:
        raise ConfigError(f"paths: expected no exploration where gradients go through the paths; got {exploration}")
    key_start, key_steps = jax.random.split(key)
    first = process.start(key_start, n, dtype)

    def step(x: Array, now: tuple[Array, Array]) -> tuple[Array, tuple[Array, Array]]:
        k, step_key = now
        ahead = process.forward(params, x, k)
        new = ahead.mean + (1 + exploration) * ahead.std * jax.random.normal(step_key, x.shape, dtype)
        new = new if through else jax.lax.stop_gradient(new)
        ratio = log_kernel(ahead, new) - log_kernel(process.backward(params, new, k), x)
        return new, (new, ratio)

    numbers = jnp.arange(process.steps)
    _, (rest, ratios) = jax.lax.scan(step, first, (numbers, jax.random.split(key_steps, process.steps)))
    return Paths(jnp.concatenate([first[None], rest]), ratios)


def log_derivative(process: PathProcess, paths: Paths) -> Array:
    """rnd of every path, (n,); -rnd is its log importance weight, with E[exp(-rnd)] = Z."""
    return process.log_start(paths.x[0]) + jnp.sum(paths.ratios, axis=0) - process.log_rho(paths.x[-1])


def sample_paths(
    process: PathProcess, params: Params, key: Array, n: int, *, dtype: Any = jnp.float32
) -> tuple[Array, Array, Array]:
    """Weighted samples: x (n, d), log weights (n,), and log rho - log w (n,) in the place of log q."""
    paths = simulate(process, params, key, n, dtype=dtype)
    log_w = -log_derivative(process, paths)
    return paths.x[-1], log_w, process.log_rho(paths.x[-1]) - log_w
