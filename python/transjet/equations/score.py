"""Time reversal of a noising process (score-based sampling): the log density alone is unknown."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from transjet.collocation import Points
from transjet.equations.base import Equation, Unknown
from transjet.errors import ConfigError
from transjet.models import MLP, DivergenceJet
from transjet.ops import LaplacianJet
from transjet.paths import BoundaryData, BoundaryPath, PathJet

Array = jax.Array


@dataclass(frozen=True)
class Noising:
    """The Ornstein-Uhlenbeck process that, run from the target backward in t, forgets it (variance preserving).

    It has the drift f = -beta/2 x and the diffusion sigma^2 = beta std^2, so N(0, std^2 I) is stationary. What
    is left of the target at t = 0 is the factor exp(-(start + end) / 4) on x.

    Attributes:
        std: of the prior.
        start: beta at t = 0, at the prior.
        end: beta at t = 1, at the target; linear in between.

    Raises:
        ConfigError: a value that is not positive.
    """

    std: float = 1.0
    start: float = 18.0
    end: float = 1.0

    def __post_init__(self) -> None:
        if not all(v > 0 and math.isfinite(v) for v in (self.std, self.start, self.end)):
            raise ConfigError(
                f"noising: expected positive std, start and end; got {self.std}, {self.start}, {self.end}"
            )

    def beta(self, t: Array) -> Array:
        """beta at times t (n,)."""
        return self.start + (self.end - self.start) * t

    def remaining(self, t: Array) -> Array:
        """What is left of the target's variance at times t (n,), the square of the factor on x."""
        return jnp.exp(-(1 - t) * (self.start + (self.end - self.start) * (1 + t) / 2))

    def share(self, precision_ratio: float) -> Callable[[Array], tuple[Array, Array]]:
        """b(t) of a `BoundaryPath` that suits this process, with its derivative.

        The target N(0, std^2 / r) is N(0, std^2 (1 - (1 - 1/r) m)) when m of its variance is left, which is
        p_prior^(1-b) rho^b with b = m / (r - (r - 1) m), up to its normaliser. A linear b is far from that: the
        process forgets the target in a small part of [0, 1].

        Args:
            precision_ratio: r, about the prior's variance over that of a mode of the target.
        """
        r = precision_ratio

        def raw(m: Array) -> Array:
            return m / (r - (r - 1) * m)

        def of_time(t: Array) -> tuple[Array, Array]:
            m, first = self.remaining(t), raw(self.remaining(jnp.zeros_like(t)))
            slope = self.beta(t) * m * r / (r - (r - 1) * m) ** 2
            return (raw(m) - first) / (1 - first), slope / (1 - first)  # 0 at t = 0, although something is left

        return of_time

    def flow(self, x: Array, t: Array, v: PathJet) -> DivergenceJet:
        """The deterministic flow sigma^2/2 grad V - f of a log density V, with its divergence."""
        half = self.beta(t) / 2
        diffusion = half * self.std**2
        value = half[:, None] * x + diffusion[:, None] * v.grad
        return DivergenceJet(value, half * x.shape[1] + diffusion * v.laplacian)


def score(path: BoundaryPath, potential: MLP, noising: Noising, *, log_z: float = 0.0) -> Equation:
    """dV/dt - div f - grad V . f + sigma^2/2 (|grad V|^2 + Laplacian V) = 0 (arXiv 2407.07873, time reversal).

    The diffusion with drift mu = sigma^2 grad V - f then has the log density V. Unknowns: "potential" (phi in V, see
    `BoundaryPath`) and the scalar "log_z". Unique; that V is the prior at t = 0 holds up to exp(-(start + end) / 2).

    Args:
        path: from prior to target.
        potential: network with one output.
        noising: f and sigma.
        log_z: initial value of the scalar.

    Returns:
        The equation.
    """

    def assemble(points: Points, data: BoundaryData, potential: LaplacianJet, log_z: Array) -> Array:
        v = path.jet(points.t, data, potential, log_z)
        flow = noising.flow(points.x, points.t, v)
        return v.dt + flow.divergence + jnp.sum(v.grad * flow.value, axis=1)

    def data(points: Points) -> BoundaryData:
        return path.data(points.x, second_order=True)

    unknowns = {"potential": Unknown(potential, "laplacian_jet")}
    return Equation(unknowns, assemble, {"log_z": log_z}, data=data, name="score")
