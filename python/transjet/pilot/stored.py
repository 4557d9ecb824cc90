"""A base as plain arrays, to be stored with the parameters that were trained on it, and back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from transjet.errors import CheckpointError
from transjet.paths import MixturePrior
from transjet.pilot.base import Base
from transjet.pilot.chart import FEATURES, Chart

_CHART, _PRIOR, _FIGURES = "chart.", "prior.", "figures."  # before names of what is in these
_SHAPES = {
    "chart.shifts": "ld", "chart.factors": "ldd", "chart.means": "lfd", "chart.log_scales": "lfd",
    "chart.ranges": "l2", "chart.tails": "l4",
    "log_z": "", "ess": "", "evaluations": "",
    "prior.log_weights": "k", "prior.means": "kd", "prior.factors": "kdd", "prior.inverses": "kdd", "prior.dof": "",
}  # fmt: skip


def to_arrays(base: Base) -> dict[str, np.ndarray]:
    """All that a base is made of.

    Args:
        base: as a pilot found it.

    Returns:
        Arrays of numbers by name; the parts of the chart and of the prior and the figures have names with a dot.
    """
    parts = base._asdict()
    chart, prior, figures = (parts.pop(name) for name in ("chart", "prior", "figures"))
    parts |= {_CHART + name: value for name, value in chart._asdict().items()}
    parts |= {_PRIOR + name: value for name, value in prior._asdict().items()}
    parts |= {_FIGURES + name: value for name, value in figures.items()}
    return {name: np.asarray(value) for name, value in parts.items()}


def from_arrays(arrays: Mapping[str, np.ndarray], dim: int) -> Base:
    """Read back what `to_arrays` gave, bit for bit.

    Args:
        arrays: by name.
        dim: coordinates of the target.

    Returns:
        Base; of a float64 prior, single precision is left where JAX has no double precision enabled.

    Raises:
        CheckpointError: an array is missing, or of another kind or shape.
    """
    _check(arrays, dim)
    prior = MixturePrior(*(jnp.asarray(arrays[_PRIOR + name]) for name in MixturePrior._fields))
    figures = {name.removeprefix(_FIGURES): a.item() for name, a in arrays.items() if name.startswith(_FIGURES)}
    log_z, ess, evaluations = (arrays[name].item() for name in ("log_z", "ess", "evaluations"))
    chart = Chart(*(arrays[_CHART + name] for name in Chart._fields))
    return Base(chart, prior, log_z, ess, figures, evaluations)


def digest(base: Base | None) -> str | None:
    """What tells a base from others: SHA-256 of chart, prior and log Z; None of none."""
    if base is None:
        return None
    sums = hashlib.sha256()
    for name, array in sorted(to_arrays(base).items()):
        if not name.startswith((_CHART, _PRIOR)) and name != "log_z":
            continue
        sums.update(f"{name} {array.dtype} {array.shape} ".encode())
        sums.update(array.tobytes())
    return sums.hexdigest()


def _check(arrays: Mapping[str, np.ndarray], dim: int) -> None:
    sizes = {"d": dim, "f": FEATURES, "2": 2, "4": 4}
    for name, letters in _SHAPES.items():
        array = arrays.get(name)
        if array is None or array.dtype.kind not in "fi" or array.ndim != len(letters):
            raise CheckpointError(f"base: expected numbers {name} with {len(letters)} axes; got {_in_words(array)}")
        for letter, size in zip(letters, array.shape, strict=True):
            sizes.setdefault(letter, size)
        expected = tuple(sizes[letter] for letter in letters)
        if array.shape != expected:
            raise CheckpointError(f"base: expected {name} of shape {expected}; got {array.shape}")
    for name, array in arrays.items():
        if name.startswith(_FIGURES) and (array.dtype.kind not in "fi" or array.ndim):
            raise CheckpointError(f"base: expected one number {name}; got {_in_words(array)}")


def _in_words(array: Any) -> str:
    return "none" if array is None else f"{array.dtype} of shape {array.shape}"
