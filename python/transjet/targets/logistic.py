"""Bayesian logistic regression on data given as arrays."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from transjet.errors import TargetError
from transjet.targets import _checks
from transjet.targets.base import Target, pointwise


def logistic_regression(
    design: Any,
    labels: Any,
    prior_scale: float | None = 1.0,
    *,
    name: str = "logistic-regression",
    log_z: float | None = None,
    prior_std: float = 1.0,
    description: str = "",
) -> Target:
    """Build the posterior of weights w: labels_i = 1 with probability s(design_i . w), and w ~ N(0, prior_scale^2 I).

    Args:
        design: (n, d) features, with a column of ones where an intercept is wanted.
        labels: (n,) zeros and ones.
        prior_scale: standard deviation of the weights' normal prior, which is normalised; None: a flat prior, whose
            posterior exists only if no hyperplane separates the classes.
        name: name of the target.
        log_z: log evidence, if known.
        prior_std: suggested standard deviation of the transport's Gaussian.
        description: one line for listings.

    Returns:
        The target.

    Raises:
        ShapeError: arrays of other shapes.
        TargetError: labels other than 0 and 1, or values that are not finite.
        ConfigError: ``prior_scale`` is not positive.
    """
    design = _checks.array(design, (None, None), "design")
    count, dim = design.shape
    labels = _checks.array(labels, (count,), "labels")
    if not np.isin(labels, (0.0, 1.0)).all():
        raise TargetError(f"labels must be 0 or 1, got {np.unique(labels)[:5].tolist()}; recode them")
    # log s(z) for label 1 and log s(-z) for label 0 are one function of signed features.
    signed = design * (2.0 * labels - 1.0)[:, None]
    width = None if prior_scale is None else _checks.positive(prior_scale, "prior_scale")
    constant = 0.0 if width is None else -dim * (0.5 * math.log(2.0 * math.pi) + math.log(width))

    def log_density(w: jax.Array) -> jax.Array:
        logits = jnp.matmul(jnp.asarray(signed, w.dtype), w, precision="highest")
        prior = 0.0 if width is None else -0.5 * jnp.sum((w / width) ** 2)
        return prior + constant - jnp.sum(jax.nn.softplus(-logits))

    return Target(
        name=name,
        dim=dim,
        log_density=pointwise(log_density, dim),
        log_z=log_z,
        prior_std=prior_std,
        description=description or f"Bayesian logistic regression of {count} rows",
    )


def design_matrix(features: Any, *, centre: bool = True) -> np.ndarray:
    """Prepend ones to features divided by their population standard deviations.

    Args:
        features: (n, p) finite numbers.
        centre: whether the means are taken off first.

    Returns:
        (n, p + 1) the design. A constant column is not divided.

    Raises:
        ShapeError: ``features`` is not (n, p).
    """
    features = _checks.array(features, (None, None), "features")
    std = features.std(axis=0)
    scaled = (features - features.mean(axis=0) if centre else features) / np.where(std > 0, std, 1.0)
    return np.column_stack([np.ones(len(features)), scaled])
