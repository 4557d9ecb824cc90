"""Mixtures of Gaussians or multivariate Student-t's with full covariances."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from transjet.targets.base import Sampler
from transjet.targets.families.core import Core

# Variance over squared scale that stands for the infinite one of two degrees of freedom: that of three.
_HEAVY = 3.0


def elliptical_mixture(
    means: np.ndarray,
    bases: np.ndarray,
    scales: np.ndarray,
    weights: np.ndarray,
    df: int | None = None,
    *,
    description: str,
) -> Core:
    """Build a normalised mixture of components with scale matrices basis diag(scales^2) basis^T.

    The probability that a point belongs to a mode is that of the component given the point, so that shares of samples
    have the components' weights as their exact means, however much components overlap.

    Args:
        means: (m, d) centres.
        bases: (m, d, d) orthogonal matrices, axes of the components in their columns.
        scales: (m, d) standard deviations along the axes; of t's, scales.
        weights: (m,) weights of the components, sum one.
        df: degrees of freedom of t's, at least 2; None: Gaussians.
        description: one line.

    Returns:
        The core, of log_z 0, with the moments that exist.
    """
    count, dim = means.shape
    whiten = np.swapaxes(bases / scales[:, None, :], 1, 2)
    constants = np.log(weights) - np.log(scales).sum(axis=1) + _log_constant(dim, df)
    mean = weights @ means
    spreads = np.einsum("k,kij,kj,klj->il", weights, bases, scales**2, bases)
    between = np.einsum("k,ki,kj->ij", weights, means - mean, means - mean)
    inflation = 1.0 if df is None else df / (df - 2) if df > 2 else _HEAVY
    covariance = inflation * spreads + between

    def log_density(z: jax.Array) -> jax.Array:
        # Differences first: expanding the square would cancel digits in float32.
        apart = z[None, :] - jnp.asarray(means, z.dtype)
        white = jnp.einsum("kij,kj->ki", jnp.asarray(whiten, z.dtype), apart, precision="highest")
        squares = jnp.sum(white**2, axis=1)
        parts = -0.5 * squares if df is None else -0.5 * (df + dim) * jnp.log1p(squares / df)
        return jax.nn.logsumexp(jnp.asarray(constants, z.dtype) + parts)

    def membership(z: np.ndarray) -> np.ndarray:
        squares = np.stack([(((z - m) @ w.T) ** 2).sum(axis=1) for m, w in zip(means, whiten, strict=True)], axis=1)
        parts = constants + (-0.5 * squares if df is None else -0.5 * (df + dim) * np.log1p(squares / df))
        parts = np.exp(parts - parts.max(axis=1, keepdims=True))
        return parts / parts.sum(axis=1, keepdims=True)

    return Core(
        dim=dim,
        log_density=log_density,
        log_z=0.0,
        sample=_sampler(means, bases * scales[:, None, :], weights, df),
        description=description,
        mean=mean,
        covariance=covariance if df is None or df > 2 else None,
        spread=math.sqrt(float(np.mean(np.diag(covariance) + mean**2))),
        modes=means,
        mode_weights=weights,
        membership=membership if count > 1 else None,
    )


def _log_constant(dim: int, df: int | None) -> float:
    """Log of the normaliser of the component with the identity as scale matrix."""
    if df is None:
        return -0.5 * dim * math.log(2.0 * math.pi)
    return math.lgamma(0.5 * (df + dim)) - math.lgamma(0.5 * df) - 0.5 * dim * math.log(df * math.pi)


def _sampler(means: np.ndarray, roots: np.ndarray, weights: np.ndarray, df: int | None) -> Sampler:
    def sample(key: jax.Array, n: int) -> jax.Array:
        key_component, key_noise, key_tail = jax.random.split(key, 3)
        noise = jax.random.normal(key_noise, (n, means.shape[1]))
        if df is not None:
            # Chi-squares as sums of squared normals: gamma variates take seconds to compile.
            noise /= jnp.sqrt(jnp.mean(jax.random.normal(key_tail, (n, df), noise.dtype) ** 2, axis=1, keepdims=True))
        component = jax.random.categorical(key_component, jnp.asarray(np.log(weights), noise.dtype), shape=(n,))

        def fill(x: jax.Array, part: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, None]:
            k, mean, root = part
            drawn = mean + jnp.matmul(noise, root.T, precision="highest")
            return jnp.where((component == k)[:, None], drawn, x), None

        parts = (jnp.arange(len(means)), jnp.asarray(means, noise.dtype), jnp.asarray(roots, noise.dtype))
        return jax.lax.scan(fill, jnp.zeros_like(noise), parts)[0]

    return sample
