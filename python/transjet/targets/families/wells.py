"""Random products of uneven double wells and Gaussians, turned."""

from __future__ import annotations

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np

from transjet.targets._tabulated import TabulatedDensity
from transjet.targets.families.core import Core
from transjet.targets.families.drawing import log_uniform

_MOST_WELLS = 5


class _Well:
    """The density exp(-(u^2 - delta)^2 + tilt u) on the line: integrals by quadrature, samples by its table."""

    def __init__(self, delta: float, tilt: float) -> None:
        self.bottoms = np.sort(np.roots([-4.0, 0.0, 4.0 * delta, tilt]).real)[[0, 2]]  # the middle one is the barrier
        reach = math.sqrt(delta + 7.5)  # the density has fallen by exp(-56) there
        self.table = TabulatedDensity(lambda u: -((u**2 - delta) ** 2) + tilt * u, -reach, reach)
        self.right = 1.0 - self.table.mass_below(float(self.bottoms.mean()))
        self.mean = self.table.expectation(lambda u: u)
        self.variance = self.table.expectation(lambda u: (u - self.mean) ** 2)


def wells(rng: np.random.Generator, dim: int) -> Core:
    """Draw 1 to 5 double wells times Gaussians, with up to 32 modes.

    The wells are at +-sqrt(delta) about, delta of 1.5 to 5, which makes barriers of 2 to 25 nats, and uneven: of one
    pair, the shallow well has at least 0.2 of the mass if it is the only one, and at least 0.44 of five. Gaussians have
    standard deviations of 0.2 to 1.5. Every integral is a quadrature in one dimension.
    """
    count = int(rng.integers(1, min(dim, _MOST_WELLS) + 1))
    delta = rng.uniform(1.5, 5.0, count)
    uneven = 0.5 + rng.uniform(-0.3, 0.3, count) / count
    tilt = 0.5 * np.log(uneven / (1.0 - uneven)) / np.sqrt(delta)
    return product_of_wells(delta, tilt, log_uniform(rng, 0.2, 1.5, dim - count))


def product_of_wells(delta: np.ndarray, tilt: np.ndarray, scales: np.ndarray) -> Core:
    """Build the product of double wells exp(-(u^2 - delta)^2 + tilt u) and Gaussians.

    A point belongs to the nearest mode, as the border between two wells is half-way between their bottoms.

    Args:
        delta: (w,) squares of the wells' positions, positive.
        tilt: (w,) what makes the right wells deeper.
        scales: (g,) standard deviations of the Gaussians.

    Returns:
        The core, of w + g coordinates, wells first.
    """
    parts = [_Well(float(a), float(b)) for a, b in zip(delta, tilt, strict=True)]
    count, dim = len(parts), len(delta) + len(scales)
    choices = np.array(list(itertools.product((0, 1), repeat=count)))
    right = np.array([well.right for well in parts])
    bottoms = np.stack([well.bottoms for well in parts])
    variance = np.concatenate([[well.variance for well in parts], scales**2])

    def log_density(z: jax.Array) -> jax.Array:
        u, v = z[:count], z[count:] / jnp.asarray(scales, z.dtype)
        quartic = (u**2 - jnp.asarray(delta, z.dtype)) ** 2
        return jnp.sum(jnp.asarray(tilt, z.dtype) * u - quartic) - 0.5 * jnp.sum(v**2)

    def sample(key: jax.Array, n: int) -> jax.Array:
        key_rest, *keys = jax.random.split(key, count + 1)
        u = jnp.stack([well.table.sample(k, (n,)) for k, well in zip(keys, parts, strict=True)], axis=1)
        v = jax.random.normal(key_rest, (n, len(scales)), u.dtype) * jnp.asarray(scales, u.dtype)
        return jnp.concatenate([u, v], axis=1)

    gaussians = float(np.log(scales).sum()) + 0.5 * len(scales) * math.log(2.0 * math.pi)
    return Core(
        dim=dim,
        log_density=log_density,
        log_z=sum(well.table.log_z for well in parts) + gaussians,
        sample=sample,
        description=f"{count} uneven double wells times {len(scales)} Gaussians, turned",
        mean=np.concatenate([[well.mean for well in parts], np.zeros(len(scales))]),
        covariance=np.diag(variance),
        modes=np.pad(bottoms[np.arange(count), choices], ((0, 0), (0, len(scales)))),
        mode_weights=np.prod(np.where(choices == 1, right, 1.0 - right), axis=1),
        turns=True,
    )
