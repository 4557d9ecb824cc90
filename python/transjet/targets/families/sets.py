"""Sets of random targets, balanced over families and dimensions, for tuning or for judging what has been tuned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from transjet.errors import ConfigError
from transjet.targets import _checks
from transjet.targets.base import Target
from transjet.targets.families.registry import FAMILIES, known, random, seed_of

#: Seeds of targets that methods may be tuned on, and of those that they are judged by.
TUNING_SEEDS = range(0, 1_000_000)
HELD_OUT_SEEDS = range(1_000_000, 2_000_000)


class Draw(NamedTuple):
    """A random target in words.

    Attributes:
        family: name of its family.
        dim: number of coordinates.
        seed: what it is drawn from.
    """

    family: str
    dim: int
    seed: int

    @property
    def name(self) -> str:
        """Name of the target, which ``transjet.targets.get`` takes."""
        return f"random:{self.family}-{self.dim}:{self.seed}"

    def target(self) -> Target:
        """Build it."""
        return random(*self)


def draws(
    count: int,
    seed: int = 0,
    *,
    dims: Sequence[int] = (2, 5, 10, 20, 50),
    families: Sequence[str] | None = None,
    held_out: bool = False,
) -> tuple[Draw, ...]:
    """Draw a set of random targets.

    Families take turns and dimensions take turns within each; a shorter set is the beginning of a longer one. Seeds
    come from ``TUNING_SEEDS``, or from ``HELD_OUT_SEEDS``, which share none: what is tuned on sets of the first kind
    has never seen a target of the second.

    Args:
        count: number of targets.
        seed: of the set, an integer of at least 0.
        dims: numbers of coordinates to choose from; a family takes those that it has.
        families: names of families; all by default.
        held_out: whether targets are to judge by, not to tune on.

    Returns:
        ``count`` draws, all different; ``draw.target()`` builds one.

    Raises:
        TargetError: there is no such family.
        DTypeError: a number is not an integer.
        ShapeError: ``count`` is negative or a dimension not positive.
        ConfigError: no family has any of the dimensions, too many targets, or a negative seed.

    Example:
        >>> draws(2, seed=1, dims=[5], families=["gaussian", "shell"], held_out=True)
        (Draw(family='gaussian', dim=5, seed=1331872), Draw(family='shell', dim=5, seed=1362182))
    """
    count, wanted = _checks.sample_size(count), sorted({_checks.dimension(dim) for dim in dims})
    chosen = [known(name) for name in dict.fromkeys(FAMILIES if families is None else families)]
    sizes = {family.name: [dim for dim in wanted if dim in family.dims] for family in chosen}
    names = [name for name in sizes if sizes[name]]
    seeds = HELD_OUT_SEEDS if held_out else TUNING_SEEDS
    if not names:
        raise ConfigError(f"dims {wanted} are not those of any family of {', '.join(sizes)}; see FAMILIES")
    if count > len(seeds) // 2:
        raise ConfigError(f"count must be at most {len(seeds) // 2}, got {count}; make several sets")
    rng = np.random.default_rng([seed_of(seed), int(held_out)])
    order = [names[k] for k in rng.permutation(len(names))]
    start = int(rng.integers(len(wanted)))
    found: dict[int, Draw] = {}
    while len(found) < count:
        turn, place = divmod(len(found), len(order))
        own = sizes[order[place]]
        number = seeds[int(rng.integers(len(seeds)))]
        found.setdefault(number, Draw(order[place], own[(start + turn + place) % len(own)], number))
    return tuple(found.values())
