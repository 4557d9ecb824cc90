"""How often a program evaluates the target's log density and its derivatives, told from its shapes.

Nothing is counted while a run goes on: what a step costs follows from the shapes of its program, which is traced once
more with a stand-in for the log density. The stand-in leaves a mark wherever the log density, its gradient or a product
with its Hessian would be evaluated, and the marks are added up, times the lengths of the loops that they are in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from transjet.train.plan import Stretch, locate

Array = jax.Array


@dataclass(frozen=True)
class Evaluations:
    """Evaluations at single points, as programs ask for them.

    Attributes:
        values: of the log density. A gradient brings the value at its point along, and is counted here too.
        gradients: of its gradient.
        products: of its Hessian with a vector. A Laplacian takes d of them, each with a value and a gradient.

    Example:
        >>> Evaluations(3, 2) + 2 * Evaluations(1)
        Evaluations(values=5, gradients=2, products=0)
    """

    values: int = 0
    gradients: int = 0
    products: int = 0

    def __add__(self, other: Evaluations) -> Evaluations:
        return Evaluations(self.values + other.values, self.gradients + other.gradients, self.products + other.products)

    def __rmul__(self, times: int) -> Evaluations:
        return Evaluations(times * self.values, times * self.gradients, times * self.products)

    def to_dict(self) -> dict[str, int]:
        """By name."""
        return asdict(self)


_MARKS = {
    "transjet values": Evaluations(1),
    "transjet gradients": Evaluations(1, 1),
    "transjet products": Evaluations(0, 0, 1),
}


def stand_in(dim: int) -> Callable[[Array], Array]:
    """A function of a point (dim,) that leaves marks for `count` where it and its derivatives are evaluated."""

    @jax.custom_jvp
    def gradient(x: Array) -> Array:
        return checkpoint_name(x, "transjet gradients")

    @jax.custom_jvp
    def log_density(x: Array) -> Array:
        return jnp.sum(checkpoint_name(x, "transjet values"))

    @gradient.defjvp
    def _product(primals: Any, tangents: Any) -> tuple[Array, Array]:
        (x,), (v,) = primals, tangents
        return gradient(x), checkpoint_name(x, "transjet products") * v

    @log_density.defjvp
    def _slope(primals: Any, tangents: Any) -> tuple[Array, Array]:
        (x,), (v,) = primals, tangents
        return jnp.sum(x), jnp.vdot(gradient(x), v)  # the value comes with the gradient, used or not

    return log_density


def count(program: Callable[..., Any], *arguments: Any) -> Evaluations:
    """Evaluations of a program whose log density is a `stand_in`, without running it.

    Where it branches, the costlier branch counts. A loop whose length the data decide counts once; transjet's own
    programs have none around a log density.

    Args:
        program: traceable.
        arguments: for it, or their shapes.
    """
    return _count(jax.make_jaxpr(program)(*arguments).jaxpr)


def _count(jaxpr: Any) -> Evaluations:
    total = Evaluations()
    for equation in jaxpr.eqns:
        kind, parameters = equation.primitive.name, equation.params
        if kind == "name" and parameters["name"] in _MARKS:
            shape = equation.invars[0].aval.shape
            total += math.prod(shape[:-1]) * _MARKS[parameters["name"]]
            continue
        inner = [_count(part) for value in parameters.values() for part in _programs(value)]
        if kind == "cond" and inner:
            total += max(inner, key=lambda e: (e.products, e.gradients, e.values))
        else:
            total += (parameters["length"] if kind == "scan" else 1) * sum(inner, Evaluations())
    return total


def _programs(value: Any) -> list[Any]:
    """The programs that a parameter of an operation holds."""
    parts = value if isinstance(value, (tuple, list)) else (value,)
    inner = (getattr(part, "jaxpr", part) for part in parts)
    return [part for part in inner if hasattr(part, "eqns")]


@dataclass(frozen=True)
class Costs:
    """Evaluations of what a trainer does.

    Attributes:
        init: of a fresh state.
        steps: of one step, by phase, with the collocation's cache as it is.
        refreshes: of a fresh cache, by phase.
        periods: steps between fresh caches, by phase.
        score: of one score.
        residuals: of the residuals that a monitor asks for, by phase.
    """

    init: Evaluations
    steps: tuple[Evaluations, ...]
    refreshes: tuple[Evaluations, ...]
    periods: tuple[int, ...]
    score: Evaluations
    residuals: tuple[Evaluations, ...]

    def step(self, plan: Sequence[Stretch], iteration: int) -> Evaluations:
        """Those of step `iteration`, counted from 0, of a plan."""
        index, done = locate(plan, iteration)
        return self.steps[index] + (done % self.periods[index] == 0) * self.refreshes[index]

    def monitored(self, plan: Sequence[Stretch], iteration: int) -> Evaluations:
        """Those of the residuals after step `iteration`, counted from 0."""
        return self.residuals[locate(plan, iteration)[0]]


Spent = dict[str, Evaluations]
"""Evaluations by what they were spent on: "training", "scores" and, of a command line's run, more."""


def spend(spent: Spent, purpose: str, evaluations: Evaluations) -> None:
    """Add to what was spent on a purpose, in place."""
    spent[purpose] = spent.get(purpose, Evaluations()) + evaluations


def total(spent: Mapping[str, Evaluations]) -> Evaluations:
    """All together."""
    return sum(spent.values(), Evaluations())
