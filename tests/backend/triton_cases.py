"""Requests for the kernels of Triton: small networks, points and everything else that the operations take."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from transjet import ops

N, D, F = 7, 2, 1
JETS = ("gradient_jet", "laplacian_jet", "divergence_jet")


def array(seed: int, *shape: int) -> jax.Array:
    """Repeatable numbers of order one."""
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), jnp.float32)


def network(outputs: int, widths: tuple[int, ...] = (16, 12), d: int = D) -> tuple[tuple[jax.Array, jax.Array], ...]:
    """A network of d + F inputs."""
    sizes = (d + F, *widths, outputs)
    pairs = list(itertools.pairwise(sizes))
    return tuple((array(i, *pair) / pair[0] ** 0.5, array(10 + i, pair[1])) for i, pair in enumerate(pairs))


def jet(name: str, directions: str | None = None, n: int = N) -> tuple[Callable[..., Any], Any, tuple[Any, ...]]:
    """The jet as a function of layers, x, tau, dtau; the layers; and the other operands."""
    given = {None: None, "shared": array(5, 3, D), "point": array(6, n, 3, D)}[directions]
    options = {} if given is None else {"directions": given}

    def run(layers: Any, x: Any, tau: Any, dtau: Any) -> Any:
        return getattr(ops, name)(layers, x, tau, dtau, activation=("tanh", "softplus"), **options)

    return run, network(D if name == "divergence_jet" else 1), (array(1, n, D), array(2, n, F), array(3, n, F))


def coefficients(name: str, n: int = N) -> Any:
    """dR/d(jet)."""
    scalar, vector = array(21, n), array(22, n, D)
    if name == "divergence_jet":
        return ops.DivergenceJet(vector, scalar)
    if name == "gradient_jet":
        return ops.GradientJet(scalar, array(23, n), vector)
    return ops.LaplacianJet(scalar, array(23, n), vector, array(24, n))


def terms(names: tuple[str, ...] = ("divergence_jet", "laplacian_jet"), n: int = N) -> list[ops.Term]:
    """A residual of several networks."""
    points = array(1, n, D), array(2, n, F), array(3, n, F)
    outputs = [D if name == "divergence_jet" else 1 for name in names]
    return [
        ops.Term(name, network(count), *points, coefficients(name, n))
        for name, count in zip(names, outputs, strict=True)
    ]
