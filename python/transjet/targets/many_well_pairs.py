"""The many-well of flow annealed importance sampling: pairs of an uneven double well and a Gaussian."""

from __future__ import annotations

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np

from transjet.errors import ConfigError
from transjet.targets import _checks
from transjet.targets._tabulated import TabulatedDensity
from transjet.targets.base import Target, pointwise

# Where a factor's density has fallen by exp(-50) from its peak.
_REACH = 3.4
# Wells that the listed modes tell apart. The other ones stay in the deep well: the least weight is 6e-4 this way.
_LISTED = 4


def many_well_pairs(dim: int = 32, *, name: str | None = None) -> Target:
    """Build the many-well of arXiv 2208.01893, dim / 2 pairs (x, v) of log density -x^4 + 6 x^2 + x/2 - v^2/2.

    log Z is dim / 2 times that of a pair, 10.293480, by quadrature: 164.695675 for 32 coordinates. The sampler inverts
    the tabulated distribution of x. Of the 2^(dim/2) modes those are listed that differ in the first four pairs, at
    most 16: shares of all 65,536 could not be told from any feasible number of samples. Weights are the exact masses
    nearest to each; the wells hold 84.4 and 15.6 %.

    Args:
        dim: number of coordinates, even.
        name: name of the target; ``many-well-<dim>`` by default.

    Returns:
        The target, with exact log_z, sampler, moments, and modes of the first pairs with their weights.

    Raises:
        ConfigError: ``dim`` is odd.
    """
    dim = _checks.dimension(dim)
    if dim % 2:
        raise ConfigError(f"dim must be even in pairs of a well and a Gaussian, got {dim}; add or drop a coordinate")
    well = TabulatedDensity(lambda x: -(x**4) + 6 * x**2 + 0.5 * x, -_REACH, _REACH)
    bottoms = np.sort(np.roots([-4.0, 0.0, 12.0, 0.5]).real)[[0, 2]]  # the middle root is the barrier
    deep = 1.0 - well.mass_below(bottoms.mean())
    modes, weights = _modes(dim, bottoms, deep)
    mean = well.expectation(lambda x: x)
    std = math.sqrt(well.expectation(lambda x: (x - mean) ** 2))
    edge = np.tile([2.7, 4.0], dim // 2)

    def log_density(x: jax.Array) -> jax.Array:
        squares = x[::2] ** 2
        return jnp.sum(squares * (6.0 - squares) + 0.5 * x[::2]) - 0.5 * jnp.sum(x[1::2] ** 2)

    def sample(key: jax.Array, n: int) -> jax.Array:
        n = _checks.sample_size(n)
        key_wells, key_rest = jax.random.split(key)
        x = well.sample(key_wells, (n, dim // 2))
        return jnp.stack([x, jax.random.normal(key_rest, x.shape, x.dtype)], axis=2).reshape(n, dim)

    return Target(
        name=name or f"many-well-{dim}",
        dim=dim,
        log_density=pointwise(log_density, dim),
        log_z=dim // 2 * (well.log_z + 0.5 * math.log(2.0 * math.pi)),
        sample=sample,
        modes=modes,
        mode_weights=weights,
        box=(-edge, edge),
        mean=np.tile([mean, 0.0], dim // 2),
        std=np.tile([std, 1.0], dim // 2),
        prior_std=1.5,
        description=f"{dim // 2} uneven double wells, each beside a standard Gaussian",
    )


def _modes(dim: int, bottoms: np.ndarray, deep: float) -> tuple[np.ndarray, np.ndarray]:
    listed = min(_LISTED, dim // 2)
    choices = np.array(list(itertools.product((0, 1), repeat=listed)))
    modes = np.tile([bottoms[1], 0.0], (len(choices), dim // 2))
    modes[:, : 2 * listed : 2] = bottoms[choices]
    return modes, np.prod(np.where(choices == 1, deep, 1.0 - deep), axis=1)
