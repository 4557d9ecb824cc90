"""Seeds: logistic regression with a random effect on every plate."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from transjet.targets.base import Target, pointwise

# Germination on 21 plates, Crowder (1978), table 3: seeds, germinated ones, kind of seed, root extract.
_SEEDS = np.array([39, 62, 81, 51, 39, 6, 74, 72, 51, 79, 13, 16, 30, 28, 45, 4, 12, 41, 30, 51, 7], float)
_GERMINATED = np.array([10, 23, 23, 26, 17, 5, 53, 55, 32, 46, 10, 8, 10, 8, 23, 0, 3, 22, 15, 32, 3], float)
_KIND = np.array([0] * 11 + [1] * 10, float)
_EXTRACT = np.array([0] * 5 + [1] * 6 + [0] * 5 + [1] * 5, float)
_PRIOR_STD, _SHAPE, _RATE = 10.0, 0.01, 0.01


def seeds(*, name: str = "seeds") -> Target:
    """Build the posterior of the random-effects logistic regression "seeds", d = 26.

    r_i ~ Binomial(N_i, s(a0 + a1 kind_i + a2 extract_i + a12 kind_i extract_i + b_i)) on 21 plates, b_i ~ N(0, 1/tau),
    a ~ N(0, 10^2), tau ~ Gamma(0.01, rate 0.01); binomial coefficients, all normalisers and the Jacobian of log tau
    are included. Coordinates (a0, a1, a12, a2, b_1..b_21, log tau). The model of the OpenBUGS examples, volume 1,
    with the data of Crowder (1978).

    log Z = -73.406180, with an error of 1e-6, by nested quadrature: over every b_i, over the four groups' intercepts
    and over log tau. Variational bounds published for it are below, such as -73.45 in arXiv 2506.10982.

    Args:
        name: name of the target.

    Returns:
        The target, with log_z.
    """
    binomial = sum(
        math.lgamma(n + 1) - math.lgamma(r + 1) - math.lgamma(n - r + 1)
        for n, r in zip(_SEEDS, _GERMINATED, strict=True)
    )
    constant = binomial - 4 * math.log(_PRIOR_STD) - 12.5 * math.log(2 * math.pi)
    constant += _SHAPE * math.log(_RATE) - math.lgamma(_SHAPE)
    design = np.stack([np.ones(21), _KIND, _KIND * _EXTRACT, _EXTRACT])

    def log_density(x: jax.Array) -> jax.Array:
        a, b, log_tau = x[:4], x[4:25], x[25]
        total, germinated = jnp.asarray(_SEEDS, x.dtype), jnp.asarray(_GERMINATED, x.dtype)
        logits = jnp.sum(a[:, None] * jnp.asarray(design, x.dtype), axis=0) + b
        likelihood = jnp.sum(germinated * logits - total * jax.nn.softplus(logits))
        tau = jnp.exp(log_tau)
        effects = 10.5 * log_tau - 0.5 * tau * jnp.sum(b**2)
        prior = _SHAPE * log_tau - _RATE * tau - 0.5 * jnp.sum((a / _PRIOR_STD) ** 2)
        return constant + likelihood + effects + prior

    return Target(
        name=name,
        dim=26,
        log_density=pointwise(log_density, 26),
        log_z=-73.406180,
        prior_std=1.0,
        description="random-effects logistic regression of 21 plates of seeds",
    )
