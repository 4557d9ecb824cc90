"""What every method is made of: prior, target, networks, schedule, and the guidance of the controls."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from transjet.errors import ConfigError
from transjet.path_losses.process import GAIN, Network, Params
from transjet.path_losses.schedule import annealing
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
        sigma: diffusion coefficient of PIS, CMCD, DBS, in the root mean square over time; 0: the prior's standard
            deviation, twice that for CMCD and DBS.
        beta: rate of the Ornstein-Uhlenbeck process of DIS, DDS, in the mean over time.
        narrowing: variance of the prior over that of a mode of the target, about: noise falls and the annealing rises
            geometrically by this factor. 1: both are even.
        guidance: add the target's score to the controls, through a learned gate.
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
    beta: float = 6.0
    narrowing: float = 30.0
    guidance: bool = True
    clip: float = 1e3

    def __post_init__(self) -> None:
        if self.steps < 1 or not (math.isfinite(self.sigma) and self.sigma >= 0):
            raise ConfigError(f"paths: expected steps >= 1, sigma >= 0; got {self.steps} and {self.sigma}")
        if not (math.isfinite(self.beta) and self.beta > 0 and self.clip > 0):
            raise ConfigError(f"paths: expected a positive rate beta and clip; got {self.beta} and {self.clip}")
        if not 1 <= self.narrowing < math.inf:
            raise ConfigError(f"paths: expected a narrowing of 1 or more; got {self.narrowing}")

    @property
    def annealing(self) -> np.ndarray:
        """Weight of the target in the geometric path at states 0 .. K, (K + 1,)."""
        return annealing(self.steps, self.narrowing)

    def rho(self, x: Array) -> Array:
        """Log rho at x (n, d), (n,)."""
        return jax.vmap(self.log_rho)(x)

    def time(self, x: Array, k: Any) -> Array:
        """The time of state k for every particle, (n,)."""
        return jnp.full(x.shape[:1], jnp.asarray(k, x.dtype) / self.steps, x.dtype)

    def tilt(self, x: Array, weight: Any, std: float) -> Array:
        """weight times the gradient of log rho - log N(0, std^2), (n, d), its norm clipped."""
        return _clipped(weight * (jax.vmap(jax.grad(self.log_rho))(x) + x / std**2), self.clip)

    def score(self, x: Array, weight: Any) -> Array:
        """Gradient of (1 - weight) log prior + weight log rho, (n, d)."""
        return self.prior.grad(x) + self.tilt(x, weight, self.prior.std)

    def between(self, params: Params, x: Array, k: Any, reference: Array) -> Array:
        """(1 - s) reference + s (log rho - log z) + t (1 - t) phi at state k, s its annealing weight; (n,)."""
        t, s = self.time(x, k), at(self.annealing, k, x.dtype)
        value = (1 - s) * reference + s * (self.rho(x) - GAIN * params["log_z"])
        if self.potential is None:
            return value
        return value + t * (1 - t) * self.potential.apply(params["potential"], x, t)[:, 0]

    def free_path(self, params: Params, x: Array, k: Any) -> Array:
        """The same with log prior as reference."""
        return self.between(params, x, k, self.prior.log_density(x))

    def gates(self, *names: str) -> dict[str, tuple[int, ...]]:
        """Shapes of the gates' parameters, one number a step: corrections of where the gates start."""
        return {name: (self.steps,) for name in names} if self.guidance else {}

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


def at(table: np.ndarray, k: Any, dtype: Any) -> Array:
    """Entry k of a table."""
    return jnp.asarray(table, dtype)[k]


def _clipped(g: Array, clip: float) -> Array:
    # The floor inside the root: at a closed gate g is 0, where the root has no derivative.
    norm = jnp.sqrt(jnp.maximum(jnp.sum(g * g, axis=1, keepdims=True), (clip * 1e-6) ** 2))
    return g * jnp.minimum(1, clip / norm)
