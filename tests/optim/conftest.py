"""Small problems whose solutions are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.collocation import Points
from transjet.equations import Batch, Equation, Params, Unknown
from transjet.models import MLP

N = 11
AFFINE = MLP(2, 1, (), last_gain=1.0)
SHALLOW = MLP(2, 1, (3,), last_gain=1.0)


class Problem(NamedTuple):
    """An equation with parameters and a batch of points."""

    equation: Equation
    params: Params
    batch: Batch

    def step(self, optimiser: Any, state: Any = None) -> Any:
        """One jitted step: new parameters, new state, info."""
        state = optimiser.init(self.params) if state is None else state
        return jax.jit(lambda p, s: optimiser.step(self.equation, p, s, self.batch))(self.params, state)

    def jacobian(self) -> tuple[np.ndarray, np.ndarray]:
        """The residual (n,) and its dense Jacobian (n, parameters)."""
        residual, dense = jax.jit(
            lambda p: (self.equation.residual(p, self.batch), jax.jacrev(self.equation.residual)(p, self.batch))
        )(self.params)
        n = residual.shape[0]
        leaves = [np.asarray(leaf).reshape(n, -1) for leaf in jax.tree.leaves(dense)]
        return np.asarray(residual), np.concatenate(leaves, axis=1)


@pytest.fixture
def problem() -> Callable[..., Problem]:
    """Make a problem of an assembling function of the network's jet and of a number per point.

    A scalar unknown is added to the residual, unless `scalars` is false.
    """

    def make(
        assemble: Callable[..., Any], *, model: MLP = AFFINE, scalars: bool = True, dtype: str = "float64"
    ) -> Problem:
        rng = np.random.default_rng(0)
        points = Points(jnp.asarray(rng.standard_normal((N, 2)), dtype), jnp.asarray(rng.uniform(size=N), dtype))
        equation = Equation(
            {"u": Unknown(model, "gradient_jet")},
            lambda points, data, u, shift=0.0: assemble(u, data) + shift,
            {"shift": 0.0} if scalars else {},
            data=lambda points: jnp.sin(3 * points.x[:, 0]) + points.t,
        )
        shapes = jax.eval_shape(lambda: equation.init(jax.random.key(0), jnp.dtype(dtype)))
        params = jax.tree.map(lambda a: jnp.asarray(0.6 * rng.standard_normal(a.shape), dtype), shapes)
        return Problem(equation, params, equation.batch(points))

    return make


@pytest.fixture
def curved(problem: Callable[..., Problem], x64: None) -> Problem:
    """A residual that is nonlinear in the network and its gradient."""
    return problem(lambda u, data: u.dt + u.value * u.grad[:, 0] - data, model=SHALLOW)
