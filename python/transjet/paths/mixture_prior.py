"""A prior that knows roughly where the target is: a mixture of Gaussians, or of Student's t distributions."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln, logsumexp

from transjet.paths.prior import GaussianPrior

Array = jax.Array
_TRIALS = 6


class MixturePrior(NamedTuple):
    """sum_k w_k f(L_k^-1 (x - m_k)) / det L_k with f the density of N(0, I), or of Student's t.

    Attributes:
        log_weights: log w_k, (k,); -inf switches a component off.
        means: m_k, (k, d).
        factors: L_k, lower triangular, (k, d, d).
        inverses: their inverses, (k, d, d).
        dof: degrees of freedom of all components, scalar; inf: Gaussians.
    """

    log_weights: Array
    means: Array
    factors: Array
    inverses: Array
    dof: Array

    @property
    def dim(self) -> int:
        """d."""
        return int(self.means.shape[1])

    @property
    def std(self) -> float:
        """The length in units of which others measure: mixtures live in coordinates where the target's is about 1."""
        return 1.0

    def widened(self, factor: float) -> MixturePrior:
        """The same centres, with components wider by a factor."""
        return self._replace(factors=self.factors * factor, inverses=self.inverses / factor)

    def components(self, x: Array) -> tuple[Array, Array]:
        """log(w_k f_k) and the squared Mahalanobis distance to every component at x (n, d), both (n, k)."""
        z = jnp.einsum("kij,nkj->nki", self.inverses, x[:, None] - self.means)
        square = jnp.sum(z * z, axis=2)
        log_det = jnp.sum(jnp.log(jnp.diagonal(self.inverses, axis1=1, axis2=2)), axis=1)
        return self.log_weights + log_det + _log_kernel(square, self.dof, self.dim), square

    def log_density(self, x: Array) -> Array:
        """At x (..., d), shape (...,)."""
        flat = x.reshape(-1, self.dim)
        return logsumexp(self.components(flat)[0], axis=1).reshape(x.shape[:-1])

    def grad(self, x: Array) -> Array:
        """Gradient of the log density at x (n, d)."""
        return jax.grad(lambda y: jnp.sum(self.log_density(y)))(x)

    def laplacian(self, x: Array) -> Array:
        """Laplacian of the log density at x (n, d), shape (n,)."""

        def along(v: Array) -> Array:
            return jax.jvp(self.grad, (x,), (jnp.broadcast_to(v, x.shape),))[1] @ v

        return jnp.sum(jax.lax.map(along, jnp.eye(self.dim, dtype=x.dtype)), axis=0)

    def assigned(self, x: Array) -> Array:
        """The component with the largest share of the density at each of x (n, d), shape (n,)."""
        return jnp.argmax(self.components(x)[0], axis=1)

    def sample(self, key: Array, n: int, dtype: Any = jnp.float32, *, antithetic: bool = False) -> Array:
        """n draws, (n, d): independent ones, or in pairs on both sides of the same centre."""
        key_component, key_normal, key_scale = jax.random.split(key, 3)
        m = (n + 1) // 2 if antithetic else n
        k = jax.random.categorical(key_component, self.log_weights, shape=(m,))
        z = jax.random.normal(key_normal, (m, self.dim), dtype)
        finite = jnp.isfinite(self.dof)
        dof = jnp.where(finite, self.dof, 1)
        scale = jnp.where(finite, jnp.sqrt(dof / (2 * _gamma(key_scale, dof / 2, m, dtype))), 1)
        away = jnp.einsum("nij,nj->ni", self.factors[k], scale[:, None] * z).astype(dtype)
        means = self.means[k].astype(dtype)
        return jnp.concatenate([means + away, means - away])[:n] if antithetic else means + away


Prior = GaussianPrior | MixturePrior
"""Where flows start."""


def _gamma(key: Array, shape: Array, n: int, dtype: Any) -> Array:
    """n Gamma variates by the method of Marsaglia and Tsang (2000) with a fixed number of trials: no loop to compile.

    One in ten million is not accepted by any trial. `jax.random.gamma` costs a second of every program that it is in.
    """
    keys = jax.random.split(key, 3)
    z = jax.random.normal(keys[0], (_TRIALS, n), dtype)
    u = jax.random.uniform(keys[1], (_TRIALS, n), dtype)
    a = shape + 1 - 1 / 3  # of a variate of shape + 1, which u^(1 / shape) turns into one of `shape`
    v = jnp.maximum(1 + z / jnp.sqrt(9 * a), 0) ** 3
    accepted = (v > 0) & (jnp.log(u) < 0.5 * z * z + a * (1 - v + jnp.log(v)))
    found = jnp.take_along_axis(v, jnp.argmax(accepted, axis=0)[None], axis=0)[0]
    lowered: Array = a * found * jax.random.uniform(keys[2], (n,), dtype, jnp.finfo(dtype).tiny) ** (1 / shape)
    return lowered.astype(dtype)


def _log_kernel(square: Array, dof: Array, d: int) -> Array:
    finite = jnp.isfinite(dof)
    nu = jnp.where(finite, dof, 1)
    constant = gammaln((nu + d) / 2) - gammaln(nu / 2) - 0.5 * d * jnp.log(nu * math.pi)
    student = constant - (nu + d) / 2 * jnp.log1p(square / nu)
    return jnp.where(finite, student, -0.5 * square - 0.5 * d * math.log(2 * math.pi))
