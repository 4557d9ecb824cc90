"""Random problems for the GPU backends, their results in every role, and the errors that are allowed."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jet_oracle import Case, operands, oracle, outputs_of

from transjet import ops

SIZES = {
    "odd": Case(37, 3, 1, (("tanh", 33), ("gelu", 20))),
    "even": Case(128, 2, 1, (("tanh", 64), ("tanh", 64), ("tanh", 64))),
    "wide": Case(19, 5, 2, (("silu", 200), ("sin", 130))),
    "one point": Case(1, 1, 0, (("softplus", 5),)),
    "directions": Case(21, 4, 1, (("tanh", 24), ("sin", 17)), ("shared", 2)),
    "each point's directions": Case(21, 4, 1, (("tanh", 24), ("sin", 17)), ("point", 2)),
}
JET_ROLES = ("forward", "tangent", "cotangent")
PRODUCTS = ("gauss_newton", "jacobian_product", "jacobian_transpose_product", "gram")
# Where the reference happens to be exact, twice its error is nothing. In units of a rounding.
ROUNDINGS = 8


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
    vectors = [jax.tree.map(jnp.cos, t.layers) for t in terms]
    weights = jnp.abs(array(7, (n,), dtype))
    run = {
        "gauss_newton": lambda: ops.gauss_newton(terms, vectors, weights),
        "jacobian_product": lambda: ops.jacobian_product(terms, vectors),
        "jacobian_transpose_product": lambda: ops.jacobian_transpose_product(terms, weights),
        "gram": lambda: ops.gram(terms),
    }
    return jax.jit(run[role])()


def residual(case: Case, dtype: str, backend: str) -> list[ops.Term]:
    """Two networks at the same points, as in the continuity equation."""
    drift = term("divergence_jet", case, dtype, backend)
    shared = {"x": drift.x, "tau": drift.tau, "dtau": drift.dtau}
    return [drift, term("gradient_jet", case._replace(directions=None), dtype, backend, seed=1)._replace(**shared)]


def compute(name: str, role: str, size: str, dtype: str, backend: str) -> Any:
    """A jet's role, or a product of the residual where the name is "residual"."""
    case = SIZES[size]
    with jax.enable_x64(dtype == "float64"), jax.default_matmul_precision("highest"):
        if name == "residual":
            found = product(residual(case, dtype, backend), role)
        else:
            found = jet_role(term(name, case, dtype, backend), role)
        return jax.tree.map(np.asarray, found)


@functools.cache
def reference(name: str, role: str, size: str, dtype: str) -> Any:
    """The same by the reference."""
    return compute(name, role, size, dtype, "xla")


def error(one: Any, other: Any) -> float:
    """Root mean square of the difference of two results over that of the other, for the worst leaf."""
    assert jax.tree.structure(one) == jax.tree.structure(other)
    worst = 0.0
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert a.shape == b.shape
        far = float(np.linalg.norm((a.astype(np.float64) - b).ravel()) / (np.linalg.norm(b.ravel()) or 1.0))
        worst = max(worst, far if np.isfinite(far) else np.inf)
    return worst


def check(found: Any, name: str, role: str, size: str, dtype: str) -> None:
    """No further from the reference in float64 than twice the reference in the same dtype, or some roundings."""
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(found)} == {dtype}
    exact = reference(name, role, size, "float64")
    allowed = 2 * error(reference(name, role, size, dtype), exact)
    few = ROUNDINGS * float(np.finfo(dtype).eps)
    # In float64 the exact results are the reference's own, so that its error is not to be had this way.
    allowed = max(allowed, few if dtype == "float32" else 100 * few)
    assert error(found, exact) <= allowed
