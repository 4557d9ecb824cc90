"""Weights of several residuals that adapt, so that none of them drowns the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from transjet.equations import Batch, Equation, Params
from transjet.errors import ConfigError

Array = jax.Array
KINDS = ("gradient", "ntk")


def _square(tree: Any) -> Array:
    return sum((jnp.sum(leaf * leaf) for leaf in jax.tree.leaves(tree)), jnp.zeros(()))


@dataclass(frozen=True)
class Balance:
    """Weights w_i, inverse to the sizes q_i of the residuals' pulls on the parameters, with sum k.

    Attributes:
        kind: "gradient": q_i = |J_i^T R_i| / n, so that all weighted gradients have the same norm. "ntk": q_i is the
            trace of J_i J_i^T / n, so that all residuals of the linearised problem fall at the same mean rate; it is
            estimated with random signs.
        decay: of the average of the weights over steps.
        probes: random vectors of "ntk".

    Raises:
        ConfigError: an unknown kind, or a value out of range.
    """

    kind: str
    decay: float = 0.9
    probes: int = 4

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"balance: expected one of {', '.join(KINDS)}; got {self.kind!r}")
        if not 0 <= self.decay < 1 or self.probes < 1:
            raise ConfigError(
                f"balance: expected 0 <= decay < 1 and at least one probe; got {self.decay} and {self.probes}"
            )

    def init(self, equation: Equation, dtype: Any) -> Array:
        """Equal weights, (k,)."""
        return jnp.ones(equation.residuals, dtype)

    def update(self, equation: Equation, params: Params, batch: Batch, weights: Array, key: Array) -> Array:
        """The next weights (k,); those before where a size vanishes or is not finite.

        Args:
            equation: of k residuals; its own weights do not matter.
            params: current parameters.
            batch: points.
            weights: before, (k,).
            key: JAX random key, of the probes.
        """
        sizes = self.sizes(equation, params, batch, key).astype(weights.dtype)
        inverse = 1 / sizes
        new = equation.residuals * inverse / jnp.sum(inverse)
        usable = jnp.all(jnp.isfinite(sizes) & (sizes > 0)) & jnp.all(jnp.isfinite(new))
        return jnp.where(usable, self.decay * weights + (1 - self.decay) * new, weights)

    def sizes(self, equation: Equation, params: Params, batch: Batch, key: Array) -> Array:
        """q_1 ... q_k, (k,)."""
        lin, k = equation.weighted(None).linearize(params, batch), equation.residuals
        rows = lin.residual.shape[0]
        blocks = jnp.repeat(jnp.eye(k, dtype=lin.residual.dtype), rows // k, axis=1)
        if self.kind == "gradient":
            return jax.lax.map(lambda block: jnp.sqrt(_square(lin.vjp(block * lin.residual))), blocks) * (k / rows)
        # The same signs for every residual: their errors largely cancel in the weights, which are ratios.
        signs = jnp.tile(jax.random.rademacher(key, (self.probes, rows // k), blocks.dtype), (1, k))
        vectors = (blocks[:, None] * signs).reshape(-1, rows)
        squares = jax.lax.map(lambda u: _square(lin.vjp(u)), vectors)
        return jnp.mean(squares.reshape(k, self.probes), axis=1) * (k / rows)
