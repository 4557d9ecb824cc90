"""Gauss-Newton in dual form, with Levenberg-Marquardt damping, line search, robust weights and SPRING momentum.

With O = J / sqrt N and e = R / sqrt N, the damped Gauss-Newton step solves a system in the N points, not in the P
parameters (Woodbury; "ENGD-W"):

    delta = O^T (O O^T + lambda I)^-1 e,      theta <- theta - eta delta.

With momentum m (SPRING) the previous direction phi is kept where the new points say nothing against it:

    zeta = e - m O phi,      delta = m phi + O^T (O O^T + lambda I)^-1 zeta.

Robust weights (see `robust`) scale the rows of O and e.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from transjet.equations import Batch, Equation, Linearization, Params
from transjet.errors import ConfigError
from transjet.optim.base import Outcome, StepInfo, add_scaled, all_finite, root_mean_square, where
from transjet.optim.line_search import grid_search
from transjet.optim.robust import huber_loss, huber_roots, huber_scale, row_weights
from transjet.optim.solve import damped_solve

Array = jax.Array


_CAREFUL = 1.0  # damping beyond which a restart does not go: steps would lead nowhere


class DualState(NamedTuple):
    """Damping lambda (scalar) and last direction (of the structure of the parameters)."""

    damping: Array
    direction: Params


@dataclass(frozen=True)
class DualGaussNewton:
    """Gauss-Newton through the Gram matrix of the residual's Jacobian; cost N^2 P + N^3 a step.

    Attributes:
        damping: initial lambda.
        damping_range: bounds that its adaptation keeps to.
        adapt: factor by which lambda falls after a full step and rises after a rejected or short one; 1: constant.
        steps: step sizes of the line search.
        momentum: m of SPRING; 0 is plain Gauss-Newton.
        robust: residuals beyond this many times their median size count linearly, not quadratically; 0: all count
            quadratically.

    Raises:
        ConfigError: a value out of range.
    """

    damping: float = 1e-3
    damping_range: tuple[float, float] = (1e-8, 1e4)
    adapt: float = 1.0
    steps: tuple[float, ...] = (1.0, 0.5, 0.25, 0.1, 0.03, 0.01, 0.003)
    momentum: float = 0.0
    robust: float = 0.0

    def __post_init__(self) -> None:
        if not (self.damping > 0 and math.isfinite(self.damping)):
            raise ConfigError(f"damping: expected a positive number; got {self.damping}")
        if not 0 < self.damping_range[0] <= self.damping <= self.damping_range[1]:
            raise ConfigError(
                f"damping_range: expected positive bounds around {self.damping}; got {self.damping_range}"
            )
        if not 1 <= self.adapt < math.inf:
            raise ConfigError(f"adapt: expected 1 or more; got {self.adapt}")
        if not self.steps or not all(0 < s <= 1 for s in self.steps):
            raise ConfigError(f"steps: expected step sizes in (0, 1]; got {self.steps}")
        if not 0 <= self.momentum < 1:
            raise ConfigError(f"momentum: expected 0 <= m < 1; got {self.momentum}")
        if not (self.robust >= 0 and math.isfinite(self.robust)):
            raise ConfigError(f"robust: expected 0 or a positive number; got {self.robust}")

    def init(self, params: Params) -> DualState:
        """Initial damping and no direction."""
        dtype = jax.tree.leaves(params)[0].dtype
        return DualState(jnp.asarray(self.damping, dtype), jax.tree.map(jnp.zeros_like, params))

    def careful(self, params: Params, state: DualState) -> DualState:
        """For a restart where a run went astray: more damping, and no direction of before."""
        most = max(self.damping, min(_CAREFUL, self.damping_range[1]))
        damping = jnp.minimum(4 * state.damping, most).astype(state.damping.dtype)
        return DualState(damping, jax.tree.map(jnp.zeros_like, params))

    def step(
        self, equation: Equation, params: Params, state: DualState, batch: Batch
    ) -> tuple[Params, DualState, StepInfo]:
        """One step on one batch; a step that fails leaves the parameters alone."""
        lin = equation.linearize(params, batch)
        weights = row_weights(batch.weights, lin.residual)
        scale = huber_scale(lin.residual, self.robust, weights)
        loss = huber_loss(lin.residual, scale, weights)
        direction = self._direction(lin, state, huber_roots(lin.residual, scale, weights))
        size, loss_after = grid_search(
            equation, params, direction, batch, self.steps, lambda residual: huber_loss(residual, scale, weights)
        )
        outcome = jnp.select(
            [~jnp.isfinite(loss), ~all_finite(direction), ~(loss_after < loss)],
            [int(Outcome.NONFINITE_RESIDUAL), int(Outcome.NONFINITE_DIRECTION), int(Outcome.NO_DESCENT)],
            int(Outcome.ACCEPTED),
        )
        accepted = outcome == Outcome.ACCEPTED
        size = jnp.where(accepted, size, 0)
        info = StepInfo(loss, loss_after, root_mean_square(lin.residual, weights), size, state.damping, outcome)
        new_params = where(accepted, add_scaled(params, -size, direction), params)
        # A rejected direction is forgotten: the next step starts from its own points alone.
        kept = where(accepted, direction, jax.tree.map(jnp.zeros_like, direction))
        return new_params, DualState(self._adapted(state.damping, accepted, size), kept), info

    def _direction(self, lin: Linearization, state: DualState, roots: Array) -> Params:
        """The step for rows scaled by `roots` (n,)."""
        n = lin.residual.shape[0]
        scaled = roots / math.sqrt(n)
        rhs = scaled * lin.residual
        if self.momentum:
            rhs = rhs - self.momentum * scaled * lin.jvp(state.direction)
        dual = damped_solve(scaled[:, None] * lin.gram() * scaled[None, :], state.damping, rhs)
        direction = lin.vjp(scaled * dual)
        return add_scaled(direction, self.momentum, state.direction) if self.momentum else direction

    def _adapted(self, damping: Array, accepted: Array, size: Array) -> Array:
        """Levenberg-Marquardt: trust the linear model more after a full step, less after a short or rejected one."""
        if self.adapt == 1:
            return damping
        full = accepted & (size >= 0.5)
        short = ~accepted | (size <= 0.1)
        factor = jnp.where(full, 1 / self.adapt, jnp.where(short, self.adapt, 1.0))
        return jnp.clip(damping * factor.astype(damping.dtype), *self.damping_range)
