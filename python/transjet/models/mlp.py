"""Networks of (x, t): multilayer perceptrons in scaled coordinates, with time features."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from transjet import ops
from transjet.errors import ConfigError
from transjet.models.factorised import Layers, factorise, plain_layers
from transjet.models.time_features import TimeFeatures
from transjet.ops import JETS

Array = jax.Array


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
        fourier_scale: above 0 the first hidden layer is random Fourier features, sin(w . z + b) with w ~ N(0, scale^2)
            and b uniform in [0, 2 pi), which are trained on from there; it needs a hidden layer, and its entry of
            `activation` becomes "sin". 0: a layer like all others.
        factorised: parameters are (V, b, s) per layer with the weights V diag(exp s); for Adam and the primal
            Gauss-Newton.

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
    fourier_scale: float = 0.0
    factorised: bool = False

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
        if not (math.isfinite(self.fourier_scale) and self.fourier_scale >= 0):
            raise ConfigError(f"MLP: fourier_scale: expected 0 or a positive number; got {self.fourier_scale!r}")
        if self.fourier_scale:
            self._begin_with_sines()

    def _begin_with_sines(self) -> None:
        if not self.hidden:
            raise ConfigError("MLP: fourier_scale: expected a hidden layer to hold the features; got none")
        later = (self.activation,) * len(self.hidden) if isinstance(self.activation, str) else self.activation
        object.__setattr__(self, "activation", ("sin", *later[1:]))

    def init(self, key: Array, dtype: Any = jnp.float32) -> Any:
        """Random layers: weights N(0, 1/fan_in), biases zero, the last layer shrunk by `last_gain`.

        The first layer is another with `fourier_scale`; with `factorised` layers have three parts.
        """
        layers = self._random_layers(key, dtype)
        if self.fourier_scale:
            key_weight, key_phase = jax.random.split(jax.random.fold_in(key, 1))
            (weight, bias), *rest = layers
            weight = self.fourier_scale * jax.random.normal(key_weight, weight.shape, dtype)
            layers = ((weight, 2 * math.pi * jax.random.uniform(key_phase, bias.shape, dtype)), *rest)
        return factorise(jax.random.fold_in(key, 2), layers) if self.factorised else layers

    def _random_layers(self, key: Array, dtype: Any) -> Layers:
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
        layers = plain_layers(layers)
        scaled, tau, _ = self.inputs(x, t)
        hidden = len(layers) - 1
        names = (self.activation,) * hidden if isinstance(self.activation, str) else self.activation
        z = jnp.concatenate([scaled, tau], axis=1)
        for name, (weight, bias) in zip(names, layers[:-1], strict=True):
            z = ops.activate(name, z @ weight + bias)
        return jnp.asarray(self.output_scale, x.dtype) * (z @ layers[-1][0] + layers[-1][1])

    def raw_jet(
        self, name: str, layers: Layers, inputs: tuple[Array, Array, Array], directions: Array | None = None
    ) -> Any:
        """The jet with respect to the scaled coordinates, as the operation returns it."""
        # gradient_jet takes no directions: it has no trace to estimate.
        along = {} if directions is None else {"directions": directions}
        return JETS[name](plain_layers(layers), *inputs, activation=self.activation, backend=self.backend, **along)

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
            plain_layers(layers),
            x / scale,
            self.time(times)[0],
            step * rate,
            activation=self.activation,
            backend=self.backend,
        )
        return ops.OdeTransport(moved.x * scale, moved.change)

    def jet(self, name: str, layers: Layers, x: Array, t: Array, directions: Array | None = None) -> Any:
        """The named jet of this network at x (n, d), t (n,), with its trace along `directions` if they are given."""
        return self.rescale(self.raw_jet(name, layers, self.inputs(x, t), directions))
