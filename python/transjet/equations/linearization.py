"""A residual linearised at given parameters: J v, J^T u, J^T W J v and J J^T, without ever storing J."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax

from transjet import ops
from transjet.ops import Term

Array = jax.Array
Params = dict[str, Any]


class Linearization(NamedTuple):
    """R and its Jacobian J with respect to the parameters, at n points.

    Attributes:
        residual: R, (n,).
        terms: per network its jet with the coefficients dR/d(jet).
        columns: per scalar unknown the column of its parameter, (n,).
        scalars: the scalar unknowns' parameters.
    """

    residual: Array
    terms: dict[str, Term]
    columns: dict[str, Array]
    scalars: Params

    def jvp(self, v: Params) -> Array:
        """J v, (n,), for v of the structure of the parameters."""
        product = ops.jacobian_product(tuple(self.terms.values()), [v[name] for name in self.terms])
        return product + sum(column * v[name] for name, column in self.columns.items())

    def vjp(self, u: Array) -> Params:
        """J^T u, of the structure of the parameters, for u (n,)."""
        grads = ops.jacobian_transpose_product(tuple(self.terms.values()), u)
        return dict(zip(self.terms, grads, strict=True)) | self._scalar_gradients(u)

    def _scalar_gradients(self, u: Array) -> Params:
        # Pulled back like the networks' parameters, so that on a mesh both are summed over devices alike.
        return {n: jax.vjp(lambda s, c=c: c * s, self.scalars[n])[1](u)[0] for n, c in self.columns.items()}

    def factors(self, memory: float) -> Array | None:
        """What several products `gauss_newton` have in common, if it fits in `memory` bytes; see the op."""
        return ops.jacobian_factors(tuple(self.terms.values()), memory=memory)

    def gauss_newton(self, v: Params, weights: Array | None = None, factors: Array | None = None) -> Params:
        """J^T W J v with W = diag(weights), or without W; cheaper with `factors`."""
        offset = sum(column * v[name] for name, column in self.columns.items()) if self.columns else None
        vectors = [v[name] for name in self.terms]
        grads, u = ops.gauss_newton_with_product(tuple(self.terms.values()), vectors, weights, offset, factors)
        return dict(zip(self.terms, grads, strict=True)) | self._scalar_gradients(u)

    def gram(self) -> Array:
        """J J^T, (n, n)."""
        total = ops.gram(tuple(self.terms.values()))
        for column in self.columns.values():
            total = total + column[:, None] * column[None, :]
        return total
