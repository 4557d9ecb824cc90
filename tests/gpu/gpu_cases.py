"""Random problems for the GPU backends, their results in every role, and the errors that are allowed."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jet_oracle import Case, operands, oracle, outputs_of

from transjet import ops
from transjet.errors import BackendError

SIZES = {
    "odd": Case(37, 3, 1, (("tanh", 33), ("gelu", 20))),
    "even": Case(128, 2, 1, (("tanh", 64), ("tanh", 64), ("tanh", 64))),
    "wide": Case(19, 5, 2, (("silu", 200), ("sin", 130))),
    "128 wide": Case(70, 5, 1, (("tanh", 128), ("gelu", 100))),
    "one point": Case(1, 1, 0, (("softplus", 5),)),
    "directions": Case(21, 4, 1, (("tanh", 24), ("sin", 17)), ("shared", 2)),
    "each point's directions": Case(21, 4, 1, (("tanh", 24), ("sin", 17)), ("point", 2)),
}
ARRAYS = ("layers", "x", "tau", "dtau", "coefficients", "directions")
JET_ROLES = ("forward", "tangent", "cotangent")
PRODUCTS = ("gauss_newton", "jacobian_product", "jacobian_transpose_product", "gram")
# A sum of K products in floating point is off by about sqrt(K) roundings of its largest number, and errors of one layer
# enter the next: as a random walk, sqrt of the sum of all K. This many times that is allowed.
ROUNDINGS = 4
SUMS_OVER_POINTS = ("cotangent", "gauss_newton", "jacobian_transpose_product")


def array(seed: int, shape: tuple[int, ...], dtype: str) -> jax.Array:
    """The same numbers in either dtype."""
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape).astype(np.float32), dtype)


def term(name: str, case: Case, dtype: str, backend: str = "auto", seed: int = 0) -> ops.Term:
    """A jet's term with random coefficients."""
    args = operands(case, outputs_of(name, case.d), seed, dtype)
    shapes = jax.eval_shape(lambda a: oracle(name, case.activation, a), args)
    kind = ops.JETS[name].spec.result
    c = kind(*(array(100 + seed + i, s.shape, dtype) for i, s in enumerate(shapes)))
    return ops.Term(name, *args[:4], c, case.activation, args.directions, backend)


def fields(t: ops.Term, layers: Any, x: Any) -> Any:
    """The jet of a term with these layers and coordinates."""
    options = {} if t.jet == "gradient_jet" else {"directions": t.directions}
    return ops.JETS[t.jet](layers, x, t.tau, t.dtau, activation=t.activation, backend=t.backend, **options)


def jet_role(t: ops.Term, role: str) -> Any:
    """A role of a jet, with respect to parameters and coordinates."""
    if role == "forward":
        return jax.jit(functools.partial(fields, t))(t.layers, t.x)
    if role == "tangent":
        along = jax.tree.map(jnp.cos, (t.layers, t.x))
        return jax.jit(lambda w, v: jax.jvp(functools.partial(fields, t), w, v)[1])((t.layers, t.x), along)
    return jax.jit(lambda w, c: jax.vjp(functools.partial(fields, t), *w)[1](c))((t.layers, t.x), t.coefficients)


def product(terms: list[ops.Term], role: str) -> Any:
    """A product of a residual's Jacobian."""
    n, dtype = terms[0].x.shape[0], str(terms[0].x.dtype)
    run: dict[str, Callable[..., Any]] = {
        "gauss_newton": lambda terms, vectors, weights: ops.gauss_newton(terms, vectors, weights),
        "jacobian_product": lambda terms, vectors, weights: ops.jacobian_product(terms, vectors),
        "jacobian_transpose_product": lambda terms, vectors, weights: ops.jacobian_transpose_product(terms, weights),
        "gram": lambda terms, vectors, weights: ops.gram(terms),
    }

    @jax.jit
    def on(arrays: list[tuple[Any, ...]], *others: Any) -> Any:  # a compiler would work out what depends on nothing
        return run[role]([t._replace(**with_names(a)) for t, a in zip(terms, arrays, strict=True)], *others)

    def with_names(arrays: tuple[Any, ...]) -> dict[str, Any]:
        return dict(zip(ARRAYS, arrays, strict=True))

    vectors = [jax.tree.map(jnp.cos, t.layers) for t in terms]
    arrays = [tuple(getattr(t, name) for name in ARRAYS) for t in terms]
    return on(arrays, vectors, jnp.abs(array(7, (n,), dtype)))


def residual(case: Case, dtype: str, backend: str) -> list[ops.Term]:
    """Two networks at the same points, as in the continuity equation."""
    drift = term("divergence_jet", case, dtype, backend)
    shared = {"x": drift.x, "tau": drift.tau, "dtau": drift.dtau}
    return [drift, term("gradient_jet", case._replace(directions=None), dtype, backend, seed=1)._replace(**shared)]


def compute(name: str, role: str, size: str, dtype: str, backend: str) -> Any:
    """A jet's role, or a product where the name is "residual"; skipped where triton does not serve it."""
    case = SIZES[size]
    with jax.enable_x64(dtype == "float64"), jax.default_matmul_precision("highest"):
        try:
            if name == "residual":
                found = product(residual(case, dtype, backend), role)
            else:
                found = jet_role(term(name, case, dtype, backend), role)
        except BackendError as error:
            if backend != "triton" or ": serves " not in str(error):
                raise
            pytest.skip(str(error))
        return jax.tree.map(np.asarray, found)


@functools.cache
def reference(name: str, role: str, size: str) -> Any:
    """The same by the reference in float64."""
    return compute(name, role, size, "float64", "xla")


def error(one: Any, other: Any) -> float:
    """Largest difference of two results over the largest number of the other, for the worst leaf."""
    assert jax.tree.structure(one) == jax.tree.structure(other)
    worst = 0.0
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert a.shape == b.shape
        far = float(np.max(np.abs(a.astype(np.float64) - b), initial=0.0) / (np.max(np.abs(b), initial=0.0) or 1.0))
        worst = max(worst, far if np.isfinite(far) else np.inf)
    return worst


def bound(role: str, size: str, dtype: str) -> float:
    """The error that is allowed."""
    case = SIZES[size]
    terms = case.d + case.f + sum(width for _, width in case.hidden)
    terms += case.n if role in SUMS_OVER_POINTS else 0
    return ROUNDINGS * math.sqrt(terms) * float(np.finfo(dtype).eps)


def check(found: Any, name: str, role: str, size: str, dtype: str) -> None:
    """As near to the reference in float64 as sums in this dtype can be."""
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(found)} == {dtype}
    assert error(found, reference(name, role, size)) <= bound(role, size, dtype)
