"""The families by name, and one target of a family from a seed."""

from __future__ import annotations

import difflib
import functools
import re
import zlib
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from transjet.errors import ConfigError, DTypeError, TargetError
from transjet.targets import _checks
from transjet.targets.base import Target
from transjet.targets.families.banana import banana
from transjet.targets.families.chain import chain
from transjet.targets.families.core import Core, place
from transjet.targets.families.funnel import funnel
from transjet.targets.families.gaussian import gaussian
from transjet.targets.families.hierarchical import hierarchical
from transjet.targets.families.lattice import lattice
from transjet.targets.families.mixture import mixture, student
from transjet.targets.families.regression import regression, unknown_noise
from transjet.targets.families.shell import shell
from transjet.targets.families.wells import wells

_NAME = re.compile(r"random:(?P<family>[a-z-]+)-(?P<dim>\d+):(?P<seed>\d+)")
# Targets that are kept, so that compiled functions of them are reused.
_KEPT = 256


class Family(NamedTuple):
    """Random targets of one kind.

    Attributes:
        name: of the family.
        dims: numbers of coordinates that are allowed.
        description: one line.
        draw: draws a density of so many coordinates.
    """

    name: str
    dims: range
    description: str
    draw: Callable[[np.random.Generator, int], Core]


_ALL = range(2, 51)

#: Families by name.
FAMILIES: MappingProxyType[str, Family] = MappingProxyType(
    {
        family.name: family
        for family in (
            Family("banana", _ALL, "Gaussians bent along parabolas", banana),
            Family("chain", _ALL, "chains of coupled double wells", chain),
            Family("funnel", _ALL, "funnels", funnel),
            Family("gaussian", _ALL, "Gaussians, ill-conditioned ones among them", gaussian),
            Family("hierarchical", range(4, 51), "hierarchical normal models of simulated data", hierarchical),
            Family("lattice", range(3, 51), "free fields on periodic lattices", lattice),
            Family("mixture", _ALL, "mixtures of 2 to 20 Gaussians with full covariances", mixture),
            Family("regression", _ALL, "linear regressions of simulated data", regression),
            Family("shell", _ALL, "concentric shells, stretched", shell),
            Family("student", _ALL, "mixtures of Student-t's with full scale matrices", student),
            Family("unknown-noise", _ALL, "linear regressions with unknown noise", unknown_noise),
            Family("wells", _ALL, "uneven double wells times Gaussians, turned", wells),
        )
    }
)


def random(family: str, dim: int, seed: int) -> Target:
    """Draw a target of a family.

    Parameters, location, scale, rotation and normaliser come from the seed, and so does ``prior_std``: within a factor
    of 3 of the root mean square of the target's coordinates, as a user would know it. There is no box. Everything else
    is exact: log_z, sampler, moments and modes where they exist. See docs/random-targets.md.

    Args:
        family: one of ``FAMILIES``.
        dim: number of coordinates, one of the family's ``dims``.
        seed: an integer of at least 0.

    Returns:
        The target ``random:<family>-<dim>:<seed>``; the same object when asked for again soon.

    Raises:
        TargetError: there is no such family.
        DTypeError: ``dim`` or ``seed`` is not an integer.
        ShapeError: ``dim`` is not positive.
        ConfigError: the family has no targets of that dimension, or the seed is negative.

    Example:
        >>> target = random("mixture", 5, 17)
        >>> target.name, len(target.modes)
        ('random:mixture-5:17', 16)
    """
    return _random(known(family).name, allowed_dim(known(family), dim), seed_of(seed))


@functools.lru_cache(_KEPT)
def _random(family: str, dim: int, seed: int) -> Target:
    rng = np.random.default_rng([seed, dim, zlib.crc32(family.encode())])
    return place(FAMILIES[family].draw(rng, dim), rng, f"random:{family}-{dim}:{seed}")


def by_name(name: str) -> Target:
    """Return the target of a name such as ``random:mixture-5:17``: family, dimension, seed.

    Raises:
        TargetError: the name has another form, or there is no such family.
        ConfigError: the family has no targets of that dimension.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise TargetError(
            f"no target is called {name!r}: random targets are random:FAMILY-DIM:SEED, such as random:mixture-5:17"
        )
    return random(match["family"], int(match["dim"]), int(match["seed"]))


def known(family: Any) -> Family:
    """Return the family of a name, or raise TargetError."""
    if not isinstance(family, str) or family not in FAMILIES:
        near = difflib.get_close_matches(str(family), FAMILIES, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(FAMILIES)}"
        raise TargetError(f"no family of random targets is called {family!r}: {hint}")
    return FAMILIES[family]


def allowed_dim(family: Family, dim: Any) -> int:
    """Return a dimension that the family has, or raise."""
    dim = _checks.dimension(dim)
    if dim not in family.dims:
        raise ConfigError(
            f"dim must be within {family.dims[0]} and {family.dims[-1]} for random targets of the family "
            f"{family.name}, got {dim}"
        )
    return dim


def seed_of(seed: Any) -> int:
    """Return a seed as an int of at least 0, or raise."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise DTypeError(f"seed must be an integer, got {seed!r}; random targets are drawn from it")
    if seed < 0:
        raise ConfigError(f"seed must be at least 0, got {seed}")
    return int(seed)
