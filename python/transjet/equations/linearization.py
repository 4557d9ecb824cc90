"""A residual linearised at given parameters: J v, J^T u, J^T W J v and J J^T, without ever storing J."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from transjet import ops
from transjet.errors import ConfigError
from transjet.models import plain_layers
from transjet.ops import Term

Array = jax.Array
Params = dict[str, Any]


def centre(values: Array, slices: int, axis: int = 0) -> Array:
    """Take away the mean over every one of `slices` equal parts of an axis; 0 slices: nothing.

    This is multiplication by a symmetric projection P.
    """
    if not slices:
        return values
    shape = values.shape
    parts = values.reshape(*shape[:axis], slices, shape[axis] // slices, *shape[axis + 1 :])
    return (parts - jnp.mean(parts, axis=axis + 1, keepdims=True)).reshape(shape)


class Linearization(NamedTuple):
    """R and its Jacobian J with respect to the parameters; n rows, one for each residual of each point.

    Attributes:
        residual: R, (n,), centred already.
        terms: per network its jet with the coefficients dR/d(jet), before centring.
        columns: per scalar unknown the column of its parameter, (n,), before centring.
        scalars: the scalar unknowns' parameters.
        factorised: per network with factorised weights its parameters (V, b, s), of which the term's layers are a
            function; J is the Jacobian with respect to them.
        slices: parts within which rows are centred, R = P R0 and J = P J0 with P as in `centre`; 0: P = I.
    """

    residual: Array
    terms: dict[str, Term]
    columns: dict[str, Array]
    scalars: Params
    factorised: Params = {}  # noqa: RUF012
    slices: int = 0

    def _push(self, v: Params) -> list[Any]:
        """v as a change of the terms' layers, D v."""
        fixed = self.factorised
        return [jax.jvp(plain_layers, (fixed[n],), (v[n],))[1] if n in fixed else v[n] for n in self.terms]

    def _pull(self, changes: Any) -> Params:
        """D^T of changes of the terms' layers, by name."""
        fixed, named = self.factorised, zip(self.terms, changes, strict=True)
        return {n: jax.vjp(plain_layers, fixed[n])[1](c)[0] if n in fixed else c for n, c in named}

    def jvp(self, v: Params) -> Array:
        """J v, (n,), for v of the structure of the parameters."""
        product = ops.jacobian_product(tuple(self.terms.values()), self._push(v))
        return centre(product + sum(column * v[name] for name, column in self.columns.items()), self.slices)

    def vjp(self, u: Array) -> Params:
        """J^T u, of the structure of the parameters, for u (n,)."""
        u = centre(u, self.slices)
        grads = ops.jacobian_transpose_product(tuple(self.terms.values()), u)
        return self._pull(grads) | self._scalar_gradients(u)

    def _scalar_gradients(self, u: Array) -> Params:
        # Pulled back like the networks' parameters, so that on a mesh both are summed over devices alike.
        return {n: jax.vjp(lambda s, c=c: c * s, self.scalars[n])[1](u)[0] for n, c in self.columns.items()}

    def factors(self, memory: float) -> Array | None:
        """What several products `gauss_newton` have in common, if it fits in `memory` bytes; see the op."""
        return ops.jacobian_factors(tuple(self.terms.values()), memory=memory)

    def gauss_newton(self, v: Params, weights: Array | None = None, factors: Array | None = None) -> Params:
        """J^T W J v with W = diag(weights), or without W; cheaper with `factors`."""
        if self.slices:  # P W P is not diagonal, which the fused product asks for
            product = self.jvp(v)
            return self.vjp(product if weights is None else weights * product)
        offset = sum(column * v[name] for name, column in self.columns.items()) if self.columns else None
        grads, u = ops.gauss_newton_with_product(tuple(self.terms.values()), self._push(v), weights, offset, factors)
        return self._pull(grads) | self._scalar_gradients(u)

    def gram(self) -> Array:
        """J J^T, (n, n).

        Raises:
            ConfigError: a network's weights are factorised; there is no Gram matrix with respect to the factors.
        """
        if self.factorised:
            raise ConfigError(
                f"gram: expected networks without factorised weights; got {', '.join(self.factorised)}; use "
                "gauss-newton-cg (PrimalGaussNewton) or adam, or leave the factors out"
            )
        total = ops.gram(tuple(self.terms.values()))
        for column in self.columns.values():
            total = total + column[:, None] * column[None, :]
        return centre(centre(total, self.slices), self.slices, axis=1)
