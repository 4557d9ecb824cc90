"""The zoo: targets by name."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable
from types import MappingProxyType

from transjet.errors import TargetError
from transjet.targets.banana import banana
from transjet.targets.base import Target
from transjet.targets.brownian import brownian, brownian_known
from transjet.targets.double_well import double_well
from transjet.targets.eight_schools import eight_schools
from transjet.targets.funnel import funnel
from transjet.targets.gmm import gmm40, gmm_grid
from transjet.targets.many_well import many_well
from transjet.targets.many_well_pairs import many_well_pairs
from transjet.targets.rings import rings
from transjet.targets.seeds import seeds
from transjet.targets.student import student10

_BUILDERS: MappingProxyType[str, Callable[[], Target]] = MappingProxyType(
    {
        "banana": banana,
        "brownian": brownian,
        "brownian-known": brownian_known,
        "double-well": double_well,
        "eight-schools": eight_schools,
        "funnel-10": funnel,
        "gmm-grid": gmm_grid,
        "gmm40-2": gmm40,
        "gmm40-50": lambda: gmm40(50),
        "many-well-32": many_well_pairs,
        "many-well-5": lambda: many_well(5, 5, 4.0, name="many-well-5", prior_std=1.5),
        "many-well-5-2": lambda: many_well(5, 5, 2.0, name="many-well-5-2"),
        "many-well-50": lambda: many_well(50, 5, 2.0, name="many-well-50"),
        "rings": rings,
        "seeds": seeds,
        "student10-50": student10,
    }
)


def names() -> tuple[str, ...]:
    """Return the names of all targets of the zoo, sorted."""
    return tuple(sorted(_BUILDERS))


def get(name: str) -> Target:
    """Return a target of the zoo.

    Args:
        name: one of ``names()``.

    Returns:
        The target; the same object at every call, so that compiled functions of it are reused.

    Raises:
        TargetError: there is no target of that name; the message lists the nearest ones.
    """
    if not isinstance(name, str) or name not in _BUILDERS:
        near = difflib.get_close_matches(str(name), _BUILDERS, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"the zoo has {', '.join(names())}"
        raise TargetError(
            f"no target is called {name!r}: {hint} Build your own with transjet.targets.from_log_density."
        )
    return _build(name)


@functools.cache
def _build(name: str) -> Target:
    return _BUILDERS[name]()
