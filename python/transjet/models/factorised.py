"""Random weight factorisation: every weight matrix as a scale per unit times a matrix, both of them trained."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

Array = jax.Array
Layers = tuple[tuple[Array, Array], ...]
_MEAN, _STD = 0.5, 0.1  # of the logarithms of the scales


def factorise(key: Array, layers: Layers) -> tuple[tuple[Array, Array, Array], ...]:
    """Layers (W, b) as (V, b, s) with W = V diag(exp s) and s ~ N(0.5, 0.1^2), s (fan_out,).

    The network is the same; gradients differ, since every unit has a step size of its own that is trained too
    (arXiv 2210.01274).
    """

    def factors(key: Array, weight: Array, bias: Array) -> tuple[Array, Array, Array]:
        s = _MEAN + _STD * jax.random.normal(key, bias.shape, bias.dtype)
        return weight / jnp.exp(s), bias, s

    return tuple(factors(k, *layer) for k, layer in zip(jax.random.split(key, len(layers)), layers, strict=True))


def is_factorised(params: Any) -> bool:
    """Whether parameters of a network are those of `factorise`."""
    return any(len(layer) == 3 for layer in params)


def plain_layers(params: Any) -> Layers:
    """Layers (W, b) of a network's parameters, factorised or not."""
    return tuple((p[0] * jnp.exp(p[2]), p[1]) if len(p) == 3 else (p[0], p[1]) for p in params)
