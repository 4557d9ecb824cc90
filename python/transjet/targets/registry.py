"""The zoo: targets by name."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable
from types import MappingProxyType
from typing import NamedTuple

from transjet.errors import TargetError
from transjet.targets.banana import banana
from transjet.targets.base import Target
from transjet.targets.brownian import brownian, brownian_known
from transjet.targets.cox import finnish_pines
from transjet.targets.double_well import double_well
from transjet.targets.eight_schools import eight_schools
from transjet.targets.families import by_name
from transjet.targets.funnel import funnel
from transjet.targets.gmm import gmm40, gmm_grid
from transjet.targets.lennard_jones import lennard_jones
from transjet.targets.logistic_data import breast_cancer, german_credit, ionosphere, sonar
from transjet.targets.many_well import many_well
from transjet.targets.many_well_pairs import many_well_pairs
from transjet.targets.phi4 import phi4
from transjet.targets.rings import rings
from transjet.targets.seeds import seeds
from transjet.targets.student import student10


class Facts(NamedTuple):
    """What a listing says about a target.

    Attributes:
        name: of the zoo.
        dim: number of coordinates.
        log_z: log of the integral of rho, if known.
        modes: number of listed modes, if known.
        description: one line.
    """

    name: str
    dim: int
    log_z: float | None
    modes: int | None
    description: str


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
        "lj13": lennard_jones,
        "many-well-32": many_well_pairs,
        "many-well-5": lambda: many_well(5, 5, 4.0, name="many-well-5", prior_std=1.5),
        "many-well-5-2": lambda: many_well(5, 5, 2.0, name="many-well-5-2"),
        "many-well-50": lambda: many_well(50, 5, 2.0, name="many-well-50"),
        "phi4-196": phi4,
        "rings": rings,
        "seeds": seeds,
        "student10-50": student10,
    }
)


# Targets made of data files, with what is known of them without the files.
_FROM_DATA: MappingProxyType[str, tuple[Callable[[], Target], Facts]] = MappingProxyType(
    {
        facts.name: (build, facts)
        for build, facts in (
            (sonar, Facts("sonar", 61, -108.377, None, "Bayesian logistic regression of 208 rows")),
            (ionosphere, Facts("ionosphere", 35, -111.610, None, "Bayesian logistic regression of 351 rows")),
            (german_credit, Facts("german-credit", 25, -529.175, None, "Bayesian logistic regression of 1000 rows")),
            (breast_cancer, Facts("breast-cancer", 31, -55.219, None, "Bayesian logistic regression of 569 rows")),
            (
                lambda: german_credit("wide"),
                Facts("german-credit-wide", 25, -585.099, None, "Bayesian logistic regression of 1000 rows"),
            ),
            (
                lambda: german_credit("flat"),
                Facts("german-credit-flat", 25, -504.486, None, "Bayesian logistic regression of 1000 rows"),
            ),
            (
                lambda: breast_cancer("wide"),
                Facts("breast-cancer-wide", 31, -77.57, None, "Bayesian logistic regression of 569 rows"),
            ),
            (
                finnish_pines,
                Facts("cox-pines", 1600, 501.73, None, "log-Gaussian Cox process of 126 points on 40 x 40 cells"),
            ),
        )
    }
)


def names(*, data: bool = True) -> tuple[str, ...]:
    """Return the names of the targets of the zoo, sorted.

    Args:
        data: whether to list those that are made of data files, too.

    Returns:
        Names that ``get`` takes. No file is read, or looked for.
    """
    return tuple(sorted([*_BUILDERS, *(_FROM_DATA if data else ())]))


def facts(name: str) -> Facts:
    """Return what a listing says about a target of the zoo; no data file is read.

    Args:
        name: a name that ``get`` takes.

    Raises:
        TargetError: there is no target of that name.
        ConfigError: a family has no random targets of that dimension.
    """
    if isinstance(name, str) and name in _FROM_DATA:
        return _FROM_DATA[name][1]
    target = get(name)
    modes = None if target.modes is None else len(target.modes)
    return Facts(name, target.dim, target.log_z, modes, target.description)


def get(name: str) -> Target:
    """Return a target of the zoo, or a random one.

    Args:
        name: one of ``names()``, or ``random:FAMILY-DIM:SEED`` for what ``random`` draws.

    Returns:
        The target; the same object at every call, so that compiled functions of it are reused.

    Raises:
        TargetError: there is no target of that name; the message lists the nearest ones.
        ConfigError: a family has no random targets of that dimension.
        DataError: it is made of a data file that is not there; the message says where it should be.
    """
    if isinstance(name, str) and name.startswith("random:"):
        return by_name(name)
    if not isinstance(name, str) or name not in names():
        near = difflib.get_close_matches(str(name), names(), n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"the zoo has {', '.join(names())}"
        raise TargetError(
            f"no target is called {name!r}: {hint} Build your own with transjet.targets.from_log_density."
        )
    return _build(name)


@functools.cache
def _build(name: str) -> Target:
    return _BUILDERS[name]() if name in _BUILDERS else _FROM_DATA[name][0]()
