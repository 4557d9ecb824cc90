"""Weighted samples of the target, and the flow's density at given points."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from transjet.errors import ConfigError
from transjet.paths import Prior
from transjet.transport.ode import Field, Transported, ode_transport

Array = jax.Array
Transport = Callable[..., Transported]


class WeightedSamples(NamedTuple):
    """Samples of the flow with importance weights for the target.

    Attributes:
        x: (n, d).
        log_weights: log rho(x) - log q(x), (n,); their mean in probability space estimates Z.
        log_q: log density of the flow at x, (n,).
    """

    x: np.ndarray
    log_weights: np.ndarray
    log_q: np.ndarray


def push_prior(
    field: Field,
    prior: Prior,
    log_rho: Callable[[Array], Array],
    key: Array,
    n: int,
    *,
    transport: Transport = ode_transport,
    dtype: Any = jnp.float32,
    antithetic: bool = False,
) -> tuple[Array, Array, Array]:
    """Draw from the prior and transport to t = 1: x (n, d), log weights (n,), log q (n,). Traceable by jit.

    With `antithetic` particles start in pairs z, -z.
    """
    start = prior.sample(key, n, dtype, antithetic=antithetic)
    end = transport(field, start)
    log_q = prior.log_density(start) - end.change
    return end.x, jax.vmap(log_rho)(end.x) - log_q, log_q


def sample_in_batches(
    draw: Callable[[Array], tuple[Array, Array, Array]], key: Array, n: int, batch: int
) -> WeightedSamples:
    """Call `draw(key)` of `batch` samples as often as needed for n; device memory stays that of one batch.

    Raises:
        ConfigError: n or batch is not a whole number, or below 1.
    """
    if any(isinstance(count, bool) or not isinstance(count, (int, np.integer)) for count in (n, batch)):
        raise ConfigError(f"sample: expected whole numbers n and batch; got {n!r} and {batch!r}; convert them by int()")
    if n < 1 or batch < 1:
        raise ConfigError(f"sample: expected n and batch of at least 1; got {n} and {batch}")
    parts = [tuple(np.asarray(a) for a in draw(k)) for k in jax.random.split(key, -(-n // batch))]
    return WeightedSamples(*(np.concatenate(column)[:n] for column in zip(*parts, strict=True)))


def log_density_of(field: Field, prior: Prior, x: Array, *, transport: Transport = ode_transport) -> Array:
    """Log density of the flow at points x (n, d), by transporting them back to the prior; shape (n,)."""
    back = partial(transport, reverse=True)(field, x)
    return prior.log_density(back.x) + back.change
