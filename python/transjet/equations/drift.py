"""The drift of an equation: a vector network, or the gradient of a scalar one, perhaps with the score of the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from transjet.equations.base import Unknown
from transjet.errors import ConfigError
from transjet.models import MLP, DivergenceJet
from transjet.paths import TimeFunction

Array = jax.Array


@dataclass(frozen=True)
class LearnedDrift:
    """mu = net, or grad net, plus a(t) grad log rho.

    Attributes:
        model: network with d outputs, or with one if `gradient`.
        gradient: mu is the gradient of the network. Among all drifts along a given path of densities one is a gradient,
            the one of least kinetic energy, so that the solution becomes unique.
        informed: Chebyshev coefficients of a(t), scalar unknowns that are zero at first; 0: no such term.

    Raises:
        ConfigError: a model whose number of outputs does not fit, or a negative number of terms.
    """

    model: MLP
    gradient: bool = False
    informed: int = 0

    def __post_init__(self) -> None:
        outputs = 1 if self.gradient else self.model.dim
        if self.model.outputs != outputs:
            raise ConfigError(f"drift: expected a network with {outputs} outputs; got {self.model.outputs}")
        _ = self.pull.scalars

    @property
    def unknown(self) -> Unknown:
        """The network through the jet that gives its divergence."""
        return Unknown(self.model, "laplacian_jet" if self.gradient else "divergence_jet")

    @property
    def pull(self) -> TimeFunction:
        """a(t)."""
        return TimeFunction("pull", self.informed)

    def jet(self, t: Array, jet: Any, data: Any, scalars: Mapping[str, Any]) -> DivergenceJet:
        """mu (n, d) and its divergence (n,).

        Args:
            t: times, (n,).
            jet: of the network.
            data: with `grad_rho`, and where mu is informed `lap_rho`.
            scalars: at least those of a(t).
        """
        value, divergence = (jet.grad, jet.laplacian) if self.gradient else (jet.value, jet.divergence)
        if self.informed:
            a = self.pull(t, scalars)
            value, divergence = value + a[:, None] * data.grad_rho, divergence + a * data.lap_rho
        return DivergenceJet(value, divergence)


def as_drift(drift: MLP | LearnedDrift) -> LearnedDrift:
    """A network as the drift that it is by itself."""
    return drift if isinstance(drift, LearnedDrift) else LearnedDrift(drift)


def transport(v: Any, mu: DivergenceJet, half: float = 0.0) -> Array:
    """dV/dt + div mu + grad V . mu - half (|grad V|^2 + Laplacian V), with half = sigma^2/2; (n,)."""
    first = v.dt + mu.divergence + jnp.sum(v.grad * mu.value, axis=1)
    return first if half == 0 else first - half * (jnp.sum(v.grad * v.grad, axis=1) + v.laplacian)
