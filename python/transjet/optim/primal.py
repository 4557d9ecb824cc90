"""Gauss-Newton in primal form: conjugate gradients on v -> O^T O v + lambda v, with the fused Gauss-Newton product."""

from __future__ import annotations

from dataclasses import dataclass

import jax

from transjet.equations import Linearization, Params
from transjet.errors import ConfigError
from transjet.optim.base import add_scaled, all_finite, where
from transjet.optim.dual import DualGaussNewton, DualState

Array = jax.Array


@dataclass(frozen=True)
class PrimalGaussNewton(DualGaussNewton):
    """Gauss-Newton by conjugate gradients in parameter space: no N x N matrix, so for many points and few iterations.

    The line search, damping and rejection are those of `DualGaussNewton`. With momentum the iteration starts from
    m times the previous direction.

    Attributes:
        iterations: conjugate-gradient iterations at most.
        tolerance: relative residual at which they stop.
        memory: MiB granted for the Jacobian's factors, kept through all iterations of a step: these then cost half.
            Factors that need more are computed in every iteration, as with 0.

    Raises:
        ConfigError: a value out of range.
    """

    iterations: int = 50
    tolerance: float = 1e-4
    memory: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.iterations < 1:
            raise ConfigError(f"iterations: expected at least 1; got {self.iterations}")
        if not 0 < self.tolerance < 1:
            raise ConfigError(f"tolerance: expected a number between 0 and 1; got {self.tolerance}")
        if not self.memory >= 0:
            raise ConfigError(f"memory: expected 0 or more MiB; got {self.memory}")

    def _direction(self, lin: Linearization, state: DualState, roots: Array) -> Params:
        weights = roots * roots / lin.residual.shape[0]
        factors = lin.factors(self.memory * 2**20) if self.memory else None

        def damped(v: Params) -> Params:
            return add_scaled(lin.gauss_newton(v, weights, factors), state.damping, v)

        # SPRING minimises |O delta - e|^2 + lambda |delta - m phi|^2; CG starts from m phi.
        start = jax.tree.map(lambda a: self.momentum * a, state.direction)
        rhs = add_scaled(lin.vjp(weights * lin.residual), state.damping, start)
        direction, _ = jax.scipy.sparse.linalg.cg(damped, rhs, start, tol=self.tolerance, maxiter=self.iterations)
        # Conjugate gradients stop at once where the right-hand side is not finite, as if there were nothing to solve.
        return where(all_finite(rhs), direction, rhs)
