"""Gaussian problems whose exact discrete solution is known: the prior, moved by MEAN, times Z."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from transjet.path_losses import METHODS, Parts, PathProcess
from transjet.paths import GaussianPrior

D, STD, LOG_Z, SIGMA = 2, 1.2, 0.7, 0.9
MEAN = np.array([1.5, -0.8])
PRIOR = GaussianPrior(D, STD)


class Function(NamedTuple):
    """A network that is a known function plus its parameters, a constant vector that is zero at the solution."""

    function: Callable[[Any, Any], Any]
    outputs: int = D

    def init(self, key: Any, dtype: Any = jnp.float32) -> Any:
        return jnp.zeros(self.outputs, dtype)

    def apply(self, layers: Any, x: Any, t: Any) -> Any:
        return self.function(x, t[:, None]) + layers


def target(std: float = STD) -> Any:
    return lambda x: GaussianPrior(D, std).log_density(x - jnp.asarray(MEAN, x.dtype)) + LOG_Z


def phi(centre: Any, variance: Any, reference: Any, std: float) -> Function:
    """phi with (1 - t) reference + t (log rho - log Z) + t (1 - t) phi = log N(centre(t), variance(t))."""

    def gaussian(x: Any, mean: Any, var: Any) -> Any:
        return -0.5 * jnp.sum((x - mean) ** 2, axis=1, keepdims=True) / var - 0.5 * D * jnp.log(2 * jnp.pi * var)

    def value(x: Any, t: Any) -> Any:
        inside = jnp.clip(t, 1e-6, 1 - 1e-6)
        v = gaussian(x, centre(inside), variance(inside)) - (1 - inside) * gaussian(x, 0.0, reference(inside))
        return (v - inside * gaussian(x, MEAN, std**2)) / (inside * (1 - inside))

    return Function(value, 1)


def exact(method: str, steps: int = 16) -> PathProcess:
    """The method with its exact solution; approximate only where a comment says so."""
    return METHODS[method](_PARTS[method](steps))


def _pis(steps: int) -> Parts:
    variance = lambda t: t * SIGMA**2  # noqa: E731
    potential = phi(lambda t: t * MEAN, variance, variance, SIGMA)
    control = Function(lambda x, t: MEAN / SIGMA + 0 * x)
    return Parts(
        PRIOR, target(SIGMA), control, potential=potential, steps=steps, sigma=SIGMA, narrowing=1.0, guidance=False
    )


def _dds(steps: int) -> Parts:
    beta = 60.0  # over the unit time, so that the mean at the start is exp(-30) of MEAN
    a = np.exp(-beta / steps / 2)
    centre = lambda t: a ** ((1 - t) * steps) * MEAN  # noqa: E731
    control = Function(lambda x, t: centre(t + 1 / steps) * (1 + a) * np.sqrt(beta) / (2 * STD) + 0 * x)
    potential = phi(centre, lambda t: STD**2, lambda t: STD**2, STD)
    return Parts(PRIOR, target(), control, potential=potential, steps=steps, beta=beta, narrowing=1.0, guidance=False)


def _dis(steps: int) -> Parts:
    beta = 30.0  # exact in continuous time alone
    centre = lambda t: jnp.exp(-beta * (1 - t) / 2) * MEAN  # noqa: E731
    control = Function(lambda x, t: np.sqrt(beta) / STD * (centre(t) - x))
    potential = phi(centre, lambda t: STD**2, lambda t: STD**2, STD)
    return Parts(PRIOR, target(), control, potential=potential, steps=steps, beta=beta, narrowing=1.0, guidance=False)


def _cmcd(steps: int) -> Parts:
    return Parts(PRIOR, target(), Function(lambda x, t: MEAN / STD + 0 * x), steps=steps, sigma=SIGMA, narrowing=1.0)


def _dbs(steps: int) -> Parts:
    pull = (1 - np.sqrt(1 - SIGMA**2 / STD**2 / steps)) * steps
    control = Function(lambda x, t: (MEAN - pull * (x - t * MEAN)) / SIGMA)
    second = Function(lambda x, t: (-MEAN - pull * (x - t * MEAN)) / SIGMA)
    potential = phi(lambda t: t * MEAN, lambda t: STD**2, lambda t: STD**2, STD)
    return Parts(PRIOR, target(), control, second, potential, steps=steps, sigma=SIGMA, narrowing=1.0, guidance=False)


_PARTS = {"pis": _pis, "dds": _dds, "dis": _dis, "cmcd": _cmcd, "dbs": _dbs}
