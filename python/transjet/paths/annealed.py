"""Prescribed paths of densities from the prior to the target (annealing).

    V(x, t) = V_b(x) - log z(t),    b = b(t),    b(0) = 0,    b(1) = 1

V_b is an average of log p_prior and log rho that is known; only the drift and d/dt log z are left to be learned.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from transjet.errors import ConfigError
from transjet.paths.boundary import BoundaryData, PathJet
from transjet.paths.data import target_data
from transjet.paths.mixture_prior import Prior
from transjet.paths.schedules import Schedule

Array = jax.Array
PATHS = ("geometric", "mixture", "tempered", "dilated")


@dataclass(frozen=True)
class AnnealedPath:
    """V_b between a prior and a log density, up to the normaliser log z(t).

    Attributes:
        prior: at t = 0.
        log_rho: the target's log density, `(d,) -> scalar`.
        schedule: b(t).
        kind: "geometric": (1 - b) log p_prior + b log rho, along which modes far from the prior appear late.
            "mixture": log((1 - b) p_prior + b rho / z0), with all modes from the start.
            "tempered": log(((1 - b) p_prior^a + b (rho / z0)^a)^(1/a)), between geometric (a to 0) and mixture (a = 1).
            "dilated": geometric, with rho(x / s) in the place of rho(x) and s = scale^(1 - b).
        power: a of "tempered", in (0, 1].
        scale: of "dilated"; above 1 the target is wider at first.
        log_z0: guess of log Z for "mixture" and "tempered".
        score_clip: as in `BoundaryPath`.

    Raises:
        ConfigError: an unknown kind, a value out of range, or a learned schedule with "dilated".
    """

    prior: Prior
    log_rho: Callable[[Array], Array]
    schedule: Schedule = field(default_factory=Schedule)
    kind: str = "geometric"
    power: float = 0.5
    scale: float = 2.0
    log_z0: float = 0.0
    score_clip: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in PATHS:
            raise ConfigError(f"path: kind: expected one of {', '.join(PATHS)}; got {self.kind!r}")
        if not 0 < self.power <= 1:
            raise ConfigError(f"path: power: expected a number in (0, 1]; got {self.power}")
        if not (self.scale > 0 and math.isfinite(self.scale)):
            raise ConfigError(f"path: scale: expected a positive number; got {self.scale}")
        if self.kind == "dilated" and self.schedule.kind == "learned":
            raise ConfigError(
                "path: schedule: expected a fixed one with 'dilated', whose data depend on it; got 'learned'"
            )

    def data(self, x: Array, t: Array, *, second_order: bool = False) -> BoundaryData:
        """Everything about points x (n, d), t (n,) that does not depend on the unknowns; rho at x / s if dilated."""
        at = x / self._scale(t)[0][:, None] if self.kind == "dilated" else x
        rho = target_data(self.log_rho, at, second_order, self.score_clip)
        lap = self.prior.laplacian(x) if second_order else None
        return BoundaryData(self.prior.log_density(x), self.prior.grad(x), *rho[:2], lap, rho[2])

    def jet(self, t: Array, x: Array, data: BoundaryData, scalars: Mapping[str, Any]) -> PathJet:
        """V_b with its derivatives, before log z; its Laplacian is None unless the data carry one.

        Args:
            t: times, (n,).
            x: points, (n, d).
            data: from `data` at the same points.
            scalars: at least those of the schedule.
        """
        b, slope = self.schedule(t, scalars)
        if self.kind == "dilated":
            data, stretch = self._dilated(t, x, data)
            jet = _geometric(b, data)
            return jet._replace(dt=slope * jet.dt + b * stretch)
        jet = _geometric(b, data) if self.kind == "geometric" else self._power_mean(b, data)
        return jet._replace(dt=slope * jet.dt)

    def _scale(self, t: Array) -> tuple[Array, Array]:
        """s and s'/s."""
        b, slope = self.schedule(t, {})
        rate = math.log(self.scale)
        return jnp.exp(rate * (1 - b)), -rate * slope

    def _dilated(self, t: Array, x: Array, data: BoundaryData) -> tuple[BoundaryData, Array]:
        """Data of x -> log rho(x / s) from those at x / s, and its derivative in t."""
        s, rate = self._scale(t)
        grad = data.grad_rho / s[:, None]
        lap = None if data.lap_rho is None else data.lap_rho / s**2
        return data._replace(grad_rho=grad, lap_rho=lap), -rate * jnp.sum(x * grad, axis=1)

    def _power_mean(self, b: Array, data: BoundaryData) -> PathJet:
        """The jet with d/db in the place of d/dt; w is the target's share."""
        a = 1.0 if self.kind == "mixture" else self.power
        rho, tiny = data.log_rho - self.log_z0, jnp.finfo(b.dtype).tiny  # log b is finite at both ends
        prior, target = (jnp.log(jnp.maximum(s, tiny)) + a * f for s, f in ((1 - b, data.log_prior), (b, rho)))
        value = jnp.logaddexp(prior, target) / a
        w = jax.nn.sigmoid(target - prior)
        db = (jnp.exp(a * (rho - value)) - jnp.exp(a * (data.log_prior - value))) / a
        grad = (1 - w)[:, None] * data.grad_prior + w[:, None] * data.grad_rho
        if data.lap_prior is None or data.lap_rho is None:
            return PathJet(value, db, grad)
        spread = jnp.sum((data.grad_rho - data.grad_prior) ** 2, axis=1)
        return PathJet(value, db, grad, (1 - w) * data.lap_prior + w * data.lap_rho + a * w * (1 - w) * spread)


def _geometric(b: Array, data: BoundaryData) -> PathJet:
    """The jet of (1 - b) log p_prior + b log rho, with d/db in the place of d/dt."""
    value = (1 - b) * data.log_prior + b * data.log_rho
    grad = (1 - b)[:, None] * data.grad_prior + b[:, None] * data.grad_rho
    db = data.log_rho - data.log_prior
    if data.lap_prior is None or data.lap_rho is None:
        return PathJet(value, db, grad)
    return PathJet(value, db, grad, (1 - b) * data.lap_prior + b * data.lap_rho)
