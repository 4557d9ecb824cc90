"""JAX's transforms, each applied to a function and to what its oracle says the result must be.

A transform is `(fun, operands, tangent, cotangent) -> result`. Its expectation is `(truth) -> result`, from a `Truth`
that knows the oracle's values, products and Jacobians.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P
from jet_oracle import quick_jit

Fun = Callable[[Any], tuple[Any, ...]]


def loss(fun: Fun) -> Callable[[Any], Any]:
    """A scalar of the fields whose derivatives of every order are not trivial."""

    def scalar(args: Any) -> Any:
        total: Any = 0
        for index, field in enumerate(fun(args)):
            phase = jnp.arange(field.size, dtype=field.dtype).reshape(field.shape)
            total = total + jnp.sum(jnp.sin(field * (1 + index / 4) + phase))
        return total

    return scalar


class Truth:
    """The oracle's answers at `operands` along `tangent` and `cotangent`."""

    def __init__(self, fun: Fun, operands: Any, tangent: Any, cotangent: Any) -> None:
        self.operands, self.tangent, self.cotangent = operands, tangent, cotangent
        self.fun, self.grad_of = quick_jit(fun), quick_jit(jax.value_and_grad(loss(fun)))
        self.jvp_of = quick_jit(lambda a, v: jax.jvp(fun, (a,), (v,)))
        self.vjp_of = quick_jit(lambda a, ct: jax.vjp(fun, a)[1](ct)[0])
        self.hvp_of = quick_jit(lambda a, v: jax.jvp(jax.grad(loss(fun)), (a,), (v,))[1])
        self.jacobian_of = quick_jit(lambda a: jacobian(jax.jacrev)(fun, a, None, None))

    def value(self) -> Any:
        return self.fun(self.operands)

    def jvp(self) -> Any:
        return self.jvp_of(self.operands, self.tangent)

    def grad(self) -> Any:
        return self.grad_of(self.operands)[1]

    def vjp(self) -> Any:
        return self.vjp_of(self.operands, self.cotangent)

    def hvp(self) -> Any:
        return self.hvp_of(self.operands, self.tangent)

    def jacobian(self) -> Any:
        return self.jacobian_of(self.operands)

    def batch(self, fields: tuple[str, ...], of: Callable[[Any], Any]) -> Any:
        results = [of(element) for element in elements(self.operands, fields)]
        return jax.tree.map(lambda *leaves: np.stack(leaves), *results)

    def scan(self) -> tuple[Any, Any]:
        total, grads = 0.0, jax.tree.map(np.zeros_like, self.operands)
        for factor in (1.0, 0.5, -1.0):
            value, grad = self.grad_of(self.operands._replace(x=factor * self.operands.x))
            grad = grad._replace(x=factor * grad.x)
            total, grads = total + value, jax.tree.map(np.add, grads, grad)
        return total, grads


def elements(operands: Any, fields: tuple[str, ...]) -> list[Any]:
    """Three sets of operands that differ in the named fields."""
    return [
        operands._replace(**{f: jax.tree.map(lambda a: (1 + i / 8) * a - i / 8, getattr(operands, f)) for f in fields})  # noqa: B023
        for i in range(3)
    ]


def batched(operands: Any, fields: tuple[str, ...], axis: int) -> tuple[Any, Any]:
    """Those elements in one batch, along an axis of the arrays, and `in_axes` for them."""
    stacked = jax.tree.map(lambda *a: jnp.stack(a, min(axis, a[0].ndim)), *elements(operands, fields))
    axes = {f: jax.tree.map(lambda a: min(axis, a.ndim), getattr(operands, f)) for f in fields}
    return operands._replace(**{f: getattr(stacked, f) for f in fields}), type(operands)(
        **{f: axes.get(f) for f in operands._fields}
    )


def vmap(fields: tuple[str, ...], axis: int, wrap: Callable[[Fun], Callable[[Any], Any]] = lambda fun: fun) -> Any:
    """vmap of a function of the operands over some of their fields."""

    def transform(fun: Fun, args: Any, v: Any, ct: Any) -> Any:
        batch, axes = batched(args, fields, axis)
        return quick_jit(jax.vmap(wrap(fun), in_axes=(axes,)))(batch)

    return transform


def vmap_jvp(fun: Fun, args: Any, v: Any, ct: Any) -> Any:
    """Push many tangents forward at one point."""
    tangents = jax.tree.map(lambda a: jnp.stack([a, -2 * a, 0 * a]), v)
    return quick_jit(jax.vmap(lambda v: jax.jvp(fun, (args,), (v,))[1]))(tangents)


def linearize(fun: Fun, args: Any, v: Any, ct: Any) -> Any:
    out, push = jax.linearize(fun, args)
    return out, push(v)


def linear_transpose(fun: Fun, args: Any, v: Any, ct: Any) -> Any:
    """Transposes of the tangent, and of the cotangent."""

    def both(args: Any, v: Any, ct: Any) -> Any:
        pulled = jax.linear_transpose(lambda v: jax.jvp(fun, (args,), (v,))[1], args)(ct)[0]
        pull = jax.vjp(fun, args)[1]
        return pulled, jax.linear_transpose(lambda ct: pull(ct)[0], ct)(v)[0]

    return quick_jit(both)(args, v, ct)


def forward_over_reverse(fun: Fun, args: Any, v: Any, ct: Any) -> Any:
    return quick_jit(lambda a, v: jax.jvp(jax.grad(loss(fun)), (a,), (v,))[1])(args, v)


def reverse_over_reverse(fun: Fun, args: Any, v: Any, ct: Any) -> Any:
    def along(a: Any, v: Any) -> Any:
        grads = jax.grad(loss(fun))(a)
        return sum(jnp.sum(g * w) for g, w in zip(jax.tree.leaves(grads), jax.tree.leaves(v), strict=True))

    return quick_jit(jax.grad(along))(args, v)


def jacobian(of: Callable[..., Any]) -> Any:
    """Jacobians with respect to the coordinates and to the first parameter."""

    def transform(fun: Fun, args: Any, v: Any, ct: Any) -> Any:
        leaves, tree = jax.tree.flatten(args.layers)

        def moved(x: Any, leaf: Any) -> Any:
            return fun(args._replace(x=x, layers=jax.tree.unflatten(tree, [leaf, *leaves[1:]])))

        return of(moved, (0, 1))(args.x, leaves[0])

    return transform


def scan(fun: Fun, args: Any, v: Any, ct: Any) -> Any:
    def total(args: Any) -> Any:
        def step(carry: Any, factor: Any) -> Any:
            return carry + loss(fun)(args._replace(x=factor * args.x)), None

        factors = jnp.array([1.0, 0.5, -1.0], args.x.dtype)
        return jax.lax.scan(step, jnp.zeros((), args.x.dtype), factors)[0]

    return quick_jit(jax.value_and_grad(total))(args)


def checkpoint(fun: Fun, args: Any, v: Any, ct: Any) -> Any:
    return quick_jit(jax.grad(loss(jax.checkpoint(fun))))(args)


def _sharded(args: Any) -> tuple[Mesh, Any]:
    """Four devices; the points are split over them, the parameters replicated."""
    mesh = Mesh(np.array(jax.devices("cpu")[:4]), ("points",))
    return mesh, type(args)(*(P() if name == "layers" else P("points") for name in args._fields))


def shard_map(fun: Fun, args: Any, v: Any, ct: Any) -> Any:
    mesh, spec = _sharded(args)
    return quick_jit(jax.shard_map(fun, mesh=mesh, in_specs=(spec,), out_specs=P("points")))(args)


def shard_map_grad(fun: Fun, args: Any, v: Any, ct: Any) -> Any:
    """The gradient with respect to replicated parameters, taken outside of the map and inside of it."""
    mesh, spec = _sharded(args)

    def weighed(args: Any, ct: Any) -> Any:
        return sum(jnp.sum(field * c) for field, c in zip(fun(args), ct, strict=True))

    def inside(args: Any, ct: Any) -> Any:
        return jax.grad(lambda layers: jax.lax.psum(weighed(args._replace(layers=layers), ct), "points"))(args.layers)

    within = jax.shard_map(inside, mesh=mesh, in_specs=(spec, P("points")), out_specs=P())
    mapped = jax.shard_map(fun, mesh=mesh, in_specs=(spec,), out_specs=P("points"))
    without = jax.grad(lambda args, ct: sum(jnp.sum(a * b) for a, b in zip(mapped(args), ct, strict=True)))
    return quick_jit(lambda args, ct: (within(args, ct), without(args, ct)))(args, ct)


POINTS, PARAMETERS = ("x",), ("layers",)

TRANSFORMS: dict[str, tuple[Any, Callable[[Truth], Any]]] = {
    "eager": (lambda fun, args, v, ct: fun(args), Truth.value),
    "jit": (lambda fun, args, v, ct: jax.jit(fun)(args), Truth.value),
    "jvp": (lambda fun, args, v, ct: jax.jvp(fun, (args,), (v,)), Truth.jvp),
    "jit of jvp": (lambda fun, args, v, ct: quick_jit(lambda a, v: jax.jvp(fun, (a,), (v,)))(args, v), Truth.jvp),
    "grad": (lambda fun, args, v, ct: jax.grad(loss(fun))(args), Truth.grad),
    "jit of grad": (lambda fun, args, v, ct: quick_jit(jax.grad(loss(fun)))(args), Truth.grad),
    "vmap over points": (vmap(POINTS, 1), lambda truth: truth.batch(POINTS, truth.fun)),
    "vmap over parameters": (vmap(PARAMETERS, 0), lambda truth: truth.batch(PARAMETERS, truth.fun)),
    "vmap of jvp": (
        vmap_jvp,
        lambda truth: jax.tree.map(lambda a: np.stack([a, -2 * a, 0 * a]), truth.jvp()[1]),
    ),
    "vmap of grad": (
        vmap(POINTS + PARAMETERS, 0, lambda fun: jax.grad(loss(fun))),
        lambda truth: truth.batch(POINTS + PARAMETERS, lambda a: truth.grad_of(a)[1]),
    ),
    "linearize": (linearize, Truth.jvp),
    "linear_transpose": (linear_transpose, lambda truth: (truth.vjp(), truth.jvp()[1])),
    "forward over reverse": (forward_over_reverse, Truth.hvp),
    "reverse over reverse": (reverse_over_reverse, Truth.hvp),
    "jacfwd": (jacobian(lambda f, n: quick_jit(jax.jacfwd(f, n))), Truth.jacobian),
    "jacrev": (jacobian(lambda f, n: quick_jit(jax.jacrev(f, n))), Truth.jacobian),
    "scan": (scan, Truth.scan),
    "checkpoint": (checkpoint, Truth.grad),
    "shard_map": (shard_map, Truth.value),
    "shard_map of grad": (shard_map_grad, lambda truth: (truth.vjp().layers, truth.vjp())),
}
