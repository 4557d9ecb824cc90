"""Networks of (x, t): multilayer perceptrons in scaled coordinates, with time features."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from transjet import ops
from transjet.errors import ConfigError
from transjet.models.time_features import TimeFeatures
from transjet.ops import JETS

Array = jax.Array
Layers = tuple[tuple[Array, Array], ...]


@dataclass(frozen=True)
class MLP:
    """x, t -> output_scale * net(x / input_scale, tau(t)).

    Attributes:
        dim: d, coordinates of x.
        outputs: 1 for a scalar field, d for a vector field.
        hidden: widths of the hidden layers.
        activation: one name for all hidden layers, or one each.
        input_scale: length by which x is divided; about the size of the region of interest.
        output_scale: factor on the output.
        time: time features.
        last_gain: factor on the initial weights of the last layer; small, so that training starts near zero.
        backend: which backend computes its jets.

    Raises:
        ConfigError: sizes or scales that are not positive, an unknown activation, or the wrong number of them.
    """

    dim: int
    outputs: int
    hidden: tuple[int, ...] = (64, 64, 64)
    activation: str | tuple[str, ...] = "tanh"
    input_scale: float = 1.0
    output_scale: float = 1.0
    time: TimeFeatures = field(default_factory=TimeFeatures)
    last_gain: float = 0.1
    backend: str = "auto"

    def __post_init__(self) -> None:
        if not isinstance(self.hidden, (tuple, list)):
            raise ConfigError(f"MLP: hidden: expected a tuple of widths, one a layer; got {self.hidden!r}")
        sizes = {
            "dim": self.dim,
            "outputs": self.outputs,
            **{f"hidden[{i}]": h for i, h in enumerate(self.hidden)},
        }
        for name, size in sizes.items():
            if not isinstance(size, int) or size < 1:
                raise ConfigError(f"MLP: {name}: expected a positive integer; got {size!r}")
        for name, scale in (("input_scale", self.input_scale), ("output_scale", self.output_scale)):
            if not (math.isfinite(scale) and scale > 0):
                raise ConfigError(f"MLP: {name}: expected a positive number; got {scale!r}")
        ops.check_activation("MLP", self.activation, len(self.hidden))

    def init(self, key: Array, dtype: Any = jnp.float32) -> Layers:
        """Random layers: weights N(0, 1/fan_in), biases zero, the last layer shrunk by `last_gain`."""
        sizes = (self.dim + self.time.count, *self.hidden, self.outputs)
        keys = jax.random.split(key, len(sizes) - 1)
        gains = [1.0] * (len(sizes) - 2) + [self.last_gain]
        return tuple(
            (g / math.sqrt(m) * jax.random.normal(k, (m, n), dtype), jnp.zeros(n, dtype))
            for k, g, m, n in zip(keys, gains, sizes[:-1], sizes[1:], strict=True)
        )

    def inputs(self, x: Array, t: Array) -> tuple[Array, Array, Array]:
        """The operands of the jets: scaled coordinates (n, d), time features and their derivatives (n, f)."""
        tau, dtau = self.time(t)
        return x / jnp.asarray(self.input_scale, x.dtype), tau, dtau

    @ops.full_precision
    def apply(self, layers: Layers, x: Array, t: Array) -> Array:
        """The network's values at x (n, d) and t (n,), shape (n, outputs)."""
        scaled, tau, _ = self.inputs(x, t)
        hidden = len(layers) - 1
        names = (self.activation,) * hidden if isinstance(self.activation, str) else self.activation
        z = jnp.concatenate([scaled, tau], axis=1)
        for name, (weight, bias) in zip(names, layers[:-1], strict=True):
            z = ops.activate(name, z @ weight + bias)
        return jnp.asarray(self.output_scale, x.dtype) * (z @ layers[-1][0] + layers[-1][1])

    def raw_jet(self, name: str, layers: Layers, inputs: tuple[Array, Array, Array]) -> Any:
        """The jet with respect to the scaled coordinates, as the operation returns it."""
        return JETS[name](layers, *inputs, activation=self.activation, backend=self.backend)

    def rescale(self, raw: Any) -> Any:
        """From the jet in scaled coordinates to that in x, by the chain rule."""
        powers = {"value": 0, "dt": 0, "grad": 1, "divergence": 1, "laplacian": 2}
        return type(raw)(*(v * (self.output_scale / self.input_scale ** powers[f]) for f, v in raw._asdict().items()))

    def transport(self, layers: Layers, x: Array, times: Array, step: Array) -> ops.OdeTransport:
        """Particles x (n, d) along dx/dt = network(x, t), by Runge-Kutta steps of size `step`.

        Args:
            layers: the parameters.
            x: where particles start, (n, d).
            times: start, middle and end of every step, (2 steps + 1,).
            step: scalar, negative to go back in time.

        Returns:
            OdeTransport(x (n, d), change (n,)).
        """
        scale = jnp.asarray(self.input_scale, x.dtype)
        rate = self.output_scale / self.input_scale
        moved = ops.ode_transport(
            layers, x / scale, self.time(times)[0], step * rate, activation=self.activation, backend=self.backend
        )
        return ops.OdeTransport(moved.x * scale, moved.change)

    def jet(self, name: str, layers: Layers, x: Array, t: Array) -> Any:
        """The named jet of this network at x (n, d), t (n,)."""
        return self.rescale(self.raw_jet(name, layers, self.inputs(x, t)))
