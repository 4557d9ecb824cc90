"""What the jets are, in JAX's own derivatives of a plain network at one point: the oracle of this folder's tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from transjet import ops
from transjet.backend import BACKENDS, availability, kernels
from transjet.backend.registry import PLATFORMS

Array = Any

JETS = ("gradient_jet", "laplacian_jet", "divergence_jet")
FIELDS = {
    "gradient_jet": ("value", "dt", "grad"),
    "laplacian_jet": ("value", "dt", "grad", "laplacian"),
    "divergence_jet": ("value", "divergence"),
}
FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": jnp.tanh,
    "sin": jnp.sin,
    "gelu": jax.nn.gelu,
    "silu": jax.nn.silu,
    "softplus": jax.nn.softplus,
    "identity": lambda z: z,
}
TOLERANCE = {"float32": 3e-5, "float64": 1e-12}

# Compilation is most of these tests' time, and its optimisations are not what they are about.
quick_jit = partial(
    jax.jit, compiler_options={"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}
)


class Operands(NamedTuple):
    """A jet's operands."""

    layers: Any
    x: Array
    tau: Array
    dtau: Array
    directions: Array = None


class Case(NamedTuple):
    """Sizes and settings: points, coordinates, time features, activation and width of every hidden layer."""

    n: int
    d: int
    f: int
    hidden: tuple[tuple[str, int], ...] = ()
    directions: tuple[str, int] | None = None  # ("shared" or "point", how many)

    @property
    def activation(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.hidden)


def operands(case: Case, outputs: int, seed: int = 0, dtype: str = "float32") -> Operands:
    """Random operands, whose numbers are the same in either dtype."""
    rng = np.random.default_rng(seed)

    def draw(*shape: int, scale: float = 1.0) -> Array:
        return jnp.asarray((scale * rng.standard_normal(shape)).astype(np.float32), dtype)

    sizes = (case.d + case.f, *(width for _, width in case.hidden), outputs)
    layers = tuple((draw(a, b, scale=max(a, 1) ** -0.5), draw(b, scale=0.3)) for a, b in pairwise(sizes))
    n, d = case.n, case.d
    directions = None
    if case.directions:
        kind, k = case.directions
        directions = draw(*(() if kind == "shared" else (n,)), k, d)
    return Operands(layers, draw(n, d), draw(n, case.f), draw(n, case.f), directions)


def outputs_of(name: str, d: int) -> int:
    """How many outputs a jet's network has."""
    return d if name == "divergence_jet" else 1


def network(layers: Any, activation: Sequence[str], z: Array) -> Array:
    """The network at one point."""
    for name, (weight, bias) in zip(activation, layers[:-1], strict=True):
        z = FUNCTIONS[name](z @ weight + bias)
    return z @ layers[-1][0] + layers[-1][1]


def oracle(name: str, activation: Sequence[str], args: Operands) -> tuple[Array, ...]:
    """The jet's fields, point by point."""
    n, d = args.x.shape
    along = jnp.eye(d, dtype=args.x.dtype) if args.directions is None else args.directions
    along = jnp.broadcast_to(along, (n, *along.shape[-2:]))

    def vector(x: Array, tau: Array) -> Array:
        return network(args.layers, activation, jnp.concatenate([x, tau]))

    def scalar(x: Array, tau: Array) -> Array:
        return vector(x, tau)[0]

    def point(x: Array, tau: Array, dtau: Array, v: Array) -> tuple[Array, ...]:
        if name == "divergence_jet":
            return vector(x, tau), jnp.einsum("ki,ij,kj->", v, jax.jacfwd(vector)(x, tau), v)
        first = (scalar(x, tau), jax.grad(scalar, 1)(x, tau) @ dtau, jax.grad(scalar)(x, tau))
        if name == "gradient_jet":
            return first
        return (*first, jnp.einsum("ki,ij,kj->", v, jax.hessian(scalar)(x, tau), v))

    return jax.vmap(point)(args.x, args.tau, args.dtau, along)


def operation(name: str, activation: Any, args: Operands, backend: str = "auto") -> tuple[Array, ...]:
    """The same by the operation under test."""
    options = {} if name == "gradient_jet" else {"directions": args.directions}
    jet = getattr(ops, name)(*args[:4], activation=activation, backend=backend, **options)
    assert jet._fields == FIELDS[name]
    return tuple(jet)


def served_by(name: str) -> tuple[str, ...]:
    """The backends that can run an operation on this machine's default platform."""
    platform = {"gpu": "cuda"}.get(jax.default_backend(), jax.default_backend())
    rows = {(row.op, row.backend) for row in kernels()}
    able = [b for b in BACKENDS if platform in PLATFORMS[b] and availability(b).available]
    return tuple(b for b in able if b == "xla" or (name, b) in rows)


def close(actual: Any, expected: Any, dtype: str, factor: float = 1.0) -> None:
    """Check every leaf's structure, shape, dtype and error, the latter relative to the leaf's largest number."""
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for a, e in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        assert (a.shape, str(a.dtype)) == (e.shape, dtype)
        scale = 1 + np.max(np.abs(e), initial=0)
        np.testing.assert_allclose(np.asarray(a) / scale, np.asarray(e) / scale, rtol=0, atol=factor * TOLERANCE[dtype])
