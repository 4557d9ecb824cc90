"""The primitive factory: every operation's JVP, transpose, batching, sharding and lowering, written once.

An operation becomes three JAX primitives: forward, tangent (linear in the tangents) and cotangent (linear in the
cotangents); tangent and cotangent are each other's transposes. Kernels registered for a backend replace any of the
three; derivatives of second order and beyond go through the reference. `custom_jvp` and `custom_vjp` are not enough:
the one has no transpose of its own, the other no forward mode.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import jax.extend.backend
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from transjet.backend import reference
from transjet.backend.precision import requested_precision
from transjet.backend.reference import Operation, merge, negate, pick
from transjet.backend.registry import Request
from transjet.backend.select import Choice, choose, requested
from transjet.errors import ConfigError, ShardingError

Array = jax.Array
T = TypeVar("T")
_KERNEL_PLATFORMS = ("cpu", "cuda")
_ROLES = ("forward", "tangent", "cotangent")


def _avals(operands: Sequence[Any]) -> tuple[jax.ShapeDtypeStruct, ...]:
    return tuple(jax.ShapeDtypeStruct(a.shape, a.dtype) for a in operands)


def _default_platform() -> str:
    """The default platform by the name that lowering rules go by, which for JAX's "gpu" is cuda or rocm."""
    platform = jax.default_backend()
    if platform != "gpu":
        return platform
    return "rocm" if "rocm" in jax.extend.backend.get_backend().platform_version.lower() else "cuda"


def _instantiate(values: Sequence[Any]) -> tuple[Array, ...]:
    return tuple(ad.instantiate_zeros(v) if isinstance(v, ad.Zero) else v for v in values)


def make_varying(operands: Sequence[Array]) -> list[Array]:
    """Give all operands the same varying mesh axes, so that gradients of replicated ones are summed over devices."""
    axes = frozenset[str]().union(*(jax.typeof(a).mat.varying for a in operands))

    def cast(a: Array) -> Array:
        missing = tuple(axes - jax.typeof(a).mat.varying)
        return jax.lax.pcast(a, missing, to="varying") if missing else a

    return [cast(a) for a in operands]


def sum_like(values: T, operands: T) -> T:
    """Sum each value over the mesh axes over which the operand in its place does not vary, as a gradient must be."""

    def summed(value: Array, operand: Array) -> Array:
        axes = tuple(jax.typeof(value).mat.varying - jax.typeof(operand).mat.varying)
        return jax.lax.psum(value, axes) if axes else value

    return jax.tree.map(summed, values, operands)


def _refuse_explicit_sharding(name: str, operands: Sequence[Array]) -> None:
    """A primitive does not know how a mesh with explicit axes would shard its gradients.

    Raises:
        ShardingError: an operand is sharded over explicit mesh axes.
    """
    for operand in operands:
        spec = jax.typeof(operand).sharding.spec
        if any(axis is not None for axis in spec):
            raise ShardingError(
                f"{name}: expected operands without explicit sharding; got one sharded as {spec}. Call it inside "
                "jax.shard_map, or make the mesh with axis_types=(jax.sharding.AxisType.Auto,)"
            )


def full_precision(function: Callable[..., T]) -> Callable[..., T]:
    """Make every matrix product traced inside full float32: a GPU's default would round operands to tf32."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> T:
        with jax.default_matmul_precision("highest"):
            return function(*args, **kwargs)

    return wrapped


class BoundOperation:
    """An operation bound to JAX. Call it with its static settings and operands.

    Args:
        op: the specification.
    """

    def __init__(self, op: Operation) -> None:
        self.op = dataclasses.replace(op, reference=full_precision(op.reference))
        self.forward = self._primitive("forward", self._run_forward)
        self.tangent = self._primitive("tangent", self._run_tangent)
        self.cotangent = self._primitive("cotangent", self._run_cotangent)
        ad.primitive_jvps[self.forward] = self._forward_jvp
        ad.primitive_jvps[self.tangent] = self._through_reference(self._run_tangent)
        ad.primitive_jvps[self.cotangent] = self._through_reference(self._run_cotangent)
        ad.primitive_transposes[self.tangent] = self._tangent_transpose
        ad.primitive_transposes[self.cotangent] = self._cotangent_transpose

    def __call__(self, static: Any, operands: Sequence[Array], backend: str) -> list[Array]:
        """Run on the backend that `backend` ("auto" or a name) resolves to."""
        name = requested(backend)
        _refuse_explicit_sharding(self.op.name, operands)
        if name not in ("auto", "xla"):
            self.explain(static, operands, name)  # raises with the reasons now, not inside the compiler
        settings = {"static": static, "backend": name, "precision": requested_precision()}
        return self.forward.bind(*make_varying(operands), wrt=(), **settings)

    def explain(self, static: Any, operands: Sequence[Any], backend: str, role: str = "forward") -> Choice:
        """What would run for these operands on the default platform, and why."""
        if role not in _ROLES:
            raise ConfigError(f"explain: role: expected {', '.join(_ROLES[:-1])} or {_ROLES[-1]}; got {role!r}")
        wrt = () if role == "forward" else (True,) * len(operands)
        avals, precision = _avals(operands), requested_precision()
        request = Request(self.op.name, role, _default_platform(), static, wrt, avals, self.op, precision)
        return choose(request, requested(backend))

    def opaque_bytes(self, static: Any, operands: Sequence[Any], backend: str) -> int:
        """Size of the opaque result of the kernel that would run on the default platform; 0 where there is none."""
        kernel = self.explain(static, operands, backend).kernel
        if kernel is None or kernel.opaque_bytes is None:
            return 0
        platform, avals = _default_platform(), _avals(operands)
        return kernel.opaque_bytes(Request(self.op.name, "forward", platform, static, (), avals, self.op))

    # --- what each role computes on the reference; `wrt` selects the differentiated operands -------------------------

    def _run_forward(self, *operands: Array, static: Any, wrt: tuple[bool, ...]) -> list[Array]:
        return reference.forward(self.op, static, operands)

    def _run_tangent(self, *operands: Array, static: Any, wrt: tuple[bool, ...]) -> list[Array]:
        return reference.tangent(self.op, static, wrt, operands[: len(wrt)], operands[len(wrt) :])

    def _run_cotangent(self, *operands: Array, static: Any, wrt: tuple[bool, ...]) -> list[Array]:
        return reference.cotangent(self.op, static, wrt, operands[: len(wrt)], operands[len(wrt) :])

    # --- registration ------------------------------------------------------------------------------------------------

    def _primitive(self, role: str, run: Callable[..., list[Array]]) -> Primitive:
        suffix = "" if role == "forward" else f"_{role}"
        primitive = Primitive(f"transjet_{self.op.name}{suffix}")
        primitive.multiple_results = True

        @functools.cache
        def compiled(**params: Any) -> Callable[..., list[Array]]:
            return jax.jit(lambda *a: primitive.bind(*a, **params))

        def abstract(*avals: Any, static: Any, wrt: tuple[bool, ...], backend: str, precision: str) -> list[Any]:
            out = jax.eval_shape(lambda *a: run(*a, static=static, wrt=wrt), *_avals(avals))
            return [avals[0].update(shape=o.shape, dtype=o.dtype, weak_type=False) for o in out]

        primitive.def_impl(lambda *a, **params: compiled(**params)(*a))
        primitive.def_abstract_eval(abstract)
        for platform in _KERNEL_PLATFORMS:
            rule = mlir.lower_fun(self._dispatch(role, run, platform), multiple_results=True)
            mlir.register_lowering(primitive, rule, platform=platform)
        mlir.register_lowering(primitive, mlir.lower_fun(self._dispatch(role, run, "other"), multiple_results=True))
        batching.primitive_batchers[primitive] = self._batcher(primitive, role)
        return primitive

    def _dispatch(self, role: str, run: Callable[..., list[Array]], platform: str) -> Callable[..., list[Array]]:
        def dispatched(
            *operands: Array, static: Any, wrt: tuple[bool, ...], backend: str, precision: str
        ) -> list[Array]:
            request = Request(self.op.name, role, platform, static, wrt, _avals(operands), self.op, precision)
            choice = choose(request, backend)
            if choice.kernel is None:
                return run(*operands, static=static, wrt=wrt)
            return choice.kernel.run(request, *operands)

        return dispatched

    # --- differentiation ---------------------------------------------------------------------------------------------

    def _forward_jvp(self, primals: Any, tangents: Any, *, wrt: Any, **settings: Any) -> Any:
        mask = tuple(not isinstance(t, ad.Zero) for t in tangents)
        out = self.forward.bind(*primals, wrt=(), **settings)
        return out, self.tangent.bind(*primals, *make_varying(pick(tangents, mask)), wrt=mask, **settings)

    @staticmethod
    def _through_reference(run: Callable[..., list[Array]]) -> Callable[..., Any]:
        def rule(primals: Any, tangents: Any, *, static: Any, wrt: Any, **settings: Any) -> Any:
            return jax.jvp(lambda *a: run(*a, static=static, wrt=wrt), tuple(primals), _instantiate(tangents))

        return rule

    def _tangent_transpose(self, cts: Any, *operands: Any, wrt: Any, **settings: Any) -> list[Any]:
        primals, tangents = operands[: len(wrt)], operands[len(wrt) :]
        grads = self.cotangent.bind(*primals, *_instantiate(cts), wrt=wrt, **settings)
        wanted = [g if ad.is_undefined_primal(t) else None for g, t in zip(grads, tangents, strict=True)]
        return [None] * len(primals) + wanted

    def _cotangent_transpose(self, cts: Any, *operands: Any, wrt: Any, **settings: Any) -> list[Any]:
        primals, incoming = operands[: len(wrt)], operands[len(wrt) :]
        out = self.tangent.bind(*primals, *_instantiate(cts), wrt=wrt, **settings)
        wanted = [o if ad.is_undefined_primal(t) else None for o, t in zip(out, incoming, strict=True)]
        return [None] * len(primals) + wanted

    # --- batching ----------------------------------------------------------------------------------------------------

    def _batcher(self, primitive: Primitive, role: str) -> Callable[..., Any]:
        def batch(args: Sequence[Array], dims: Sequence[Any], **params: Any) -> tuple[list[Array], list[int]]:
            is_batched = [d is not None for d in dims]
            moved = [jnp.moveaxis(a, d, 0) if b else a for a, d, b in zip(args, dims, is_batched, strict=True)]
            axes, results = self._shared_axes(role, len(args), params["static"], params["wrt"])
            if axes and all(p or not b for p, b in zip(axes, is_batched, strict=True)) and all(results):
                out = _fold(primitive, moved, is_batched, axes, params)
            else:
                out = _map(primitive, moved, is_batched, params)
            return out, [0] * len(out)

        return batch

    def _shared_axes(self, role: str, count: int, static: Any, wrt: tuple[bool, ...]) -> tuple[Any, Any]:
        """For a role: which operands have a leading axis of points or vectors, and whether every result has one."""
        if role == "forward" and self.op.stacked is not None:
            return self.op.stacked(static, count), (True,)
        if self.op.points is None:
            return (), ()
        if role == "forward":
            return self.op.mask(static, count), (True,)
        mask = self.op.mask(static, len(wrt))
        if role == "tangent":
            return mask + pick(mask, wrt), (True,)
        return mask + (True,) * (count - len(mask)), pick(mask, wrt)


def _fold(
    primitive: Primitive, args: list[Array], batched: list[bool], axes: Sequence[bool], params: Any
) -> list[Array]:
    """A batch of independent points is just more points: merge the two axes, run once, split again."""
    size = next(a.shape[0] for a, b in zip(args, batched, strict=True) if b)
    pointwise, shared = pick(args, axes), pick(args, negate(axes))
    wide = [
        a if b else jnp.broadcast_to(a, (size, *a.shape)) for a, b in zip(pointwise, pick(batched, axes), strict=True)
    ]
    flat = [a.reshape((a.shape[0] * a.shape[1], *a.shape[2:])) for a in wide]
    out = primitive.bind(*merge(axes, flat, shared), **params)
    return [o.reshape((size, wide[0].shape[1], *o.shape[1:])) for o in out]


def _map(primitive: Primitive, args: list[Array], batched: list[bool], params: Any) -> list[Array]:
    """One call per batch element, in sequence: memory stays that of one."""
    fixed = pick(args, negate(batched))
    return list(
        jax.lax.map(lambda moving: primitive.bind(*merge(batched, moving, fixed), **params), pick(args, batched))
    )
