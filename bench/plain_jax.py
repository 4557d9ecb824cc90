"""The rival of `bench_gauss_newton`: what one writes in plain JAX, a dense Jacobian by vmap of grad."""

import math

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree


def mlp(layers, z):
    for weight, bias in layers[:-1]:
        z = jnp.tanh(z @ weight + bias)
    return z @ layers[-1][0] + layers[-1][1]


def continuity_residual(prior, log_rho, scale):
    """Residual of logCE at one point, from values of V and mu by automatic differentiation."""

    def inputs(x, t):
        return jnp.concatenate([x / scale, jnp.array([2 * t - 1])])

    def potential(params, x, t):
        phi = mlp(params["potential"], inputs(x, t))[0]
        return (1 - t) * prior.log_density(x) + t * (log_rho(x) - params["log_z"]) + t * (1 - t) * phi

    def residual(params, x, t):
        grad_x, grad_t = jax.grad(lambda x, t: potential(params, x, t), argnums=(0, 1))(x, t)
        drift = mlp(params["drift"], inputs(x, t))
        jacobian = jax.jacfwd(lambda x: mlp(params["drift"], inputs(x, t)))(x)
        return grad_t + jnp.trace(jacobian) + grad_x @ drift

    return residual


def dual_step(residual, params, damping, steps):
    """A whole dual Gauss-Newton step with the dense Jacobian: `(flat, x, t) -> flat`."""
    _, unravel = ravel_pytree(params)

    def at(flat, x, t):
        return residual(unravel(flat), x, t)

    def step(flat, x, t):
        n = x.shape[0]
        r = jax.vmap(at, (None, 0, 0))(flat, x, t) / math.sqrt(n)
        jacobian = jax.vmap(jax.grad(at), (None, 0, 0))(flat, x, t) / math.sqrt(n)
        dual = jnp.linalg.solve(jacobian @ jacobian.T + damping * jnp.eye(n, dtype=x.dtype), r)
        direction = jacobian.T @ dual
        grid = jnp.asarray(steps, x.dtype)
        losses = jax.lax.map(lambda s: jnp.mean(jax.vmap(at, (None, 0, 0))(flat - s * direction, x, t) ** 2), grid)
        return flat - grid[jnp.argmin(losses)] * direction

    return step
