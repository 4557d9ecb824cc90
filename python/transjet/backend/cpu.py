"""The cpu backend: which operations the compiled core accelerates, and on what.

A row is an operation's stem and a role. The jets share the core's three handlers of their roles; every other operation
has a handler of its own name with the prefix "transjet_". The core differentiates jets with respect to weights and
biases; with respect to points and directions the reference does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from transjet.backend import ffi, reference
from transjet.backend.reference import pick
from transjet.backend.registry import Kernel, Request, register_kernel, register_probe

JETS = ("gradient_jet", "laplacian_jet", "divergence_jet")
_DTYPES = ("float32", "float64")


def _probe() -> tuple[bool, str]:
    status = ffi.core_status()
    return status.available, status.reason


def _refuses(request: Request) -> str | None:
    served = (*_DTYPES, "uint8")  # opaque operands are of bytes
    wrong = [str(aval.dtype) for aval in request.avals if str(aval.dtype) not in served]
    return f"serves {' and '.join(_DTYPES)}, got {', '.join(wrong)}" if wrong else None


def _like(arrays: Sequence[Any]) -> list[jax.ShapeDtypeStruct]:
    return [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in arrays]


def _null(request: Request, *operands: Any) -> list[Any]:
    """The identity is its own tangent and cotangent: every role copies its last operand."""
    x = operands[-1]
    return [ffi.call("transjet_null", jax.ShapeDtypeStruct(x.shape, x.dtype), x)]


# --- jets: flat operands x, tau, dtau, [directions], W_1, b_1, ... ----------------------------------------------------


def _head(static: Any) -> int:
    """How many operands come before the layers."""
    return 3 if static.directions is None else 4


def deepen(static: Any, points: Sequence[Any], layers: Sequence[Any]) -> tuple[str, list[Any]]:
    """Activations and layers as the core takes them: with a hidden layer, if need be one that changes nothing."""
    if static.activation:
        return ",".join(static.activation), list(layers)
    width, dtype = points[0].shape[1] + points[1].shape[1], points[0].dtype
    return "frozen", [jnp.eye(width, dtype=dtype), jnp.zeros(width, dtype), *layers]


def _still(static: Any, layers: Sequence[Any]) -> list[Any]:
    """Zeros for the layer that `deepen` put in front of these, if it did."""
    if static.activation:
        return []
    width = layers[0].shape[0]
    return [jnp.zeros((width, width), layers[0].dtype), jnp.zeros(width, layers[0].dtype)]


def _settings(request: Request, activation: str) -> dict[str, str]:
    return {"jet": request.op, "activation": activation, "directions": request.static.directions or "none"}


def _fields(op: str, x: Any) -> list[jax.ShapeDtypeStruct]:
    scalar, vector = (jax.ShapeDtypeStruct(shape, x.dtype) for shape in (x.shape[:1], x.shape))
    return {"gradient_jet": [scalar, scalar, vector], "divergence_jet": [vector, scalar]}.get(
        op, [scalar, scalar, vector, scalar]
    )


def _forward(request: Request, *operands: Any) -> list[Any]:
    head = _head(request.static)
    activation, layers = deepen(request.static, operands, operands[head:])
    results = _fields(request.op, operands[0])
    return ffi.call("transjet_jet_forward", results, *operands[:head], *layers, **_settings(request, activation))


def _split(request: Request) -> tuple[tuple[bool, ...], tuple[bool, ...]]:
    """Of the operands differentiated: the layers, which are the kernels' business, and the rest, the reference's."""
    head = _head(request.static)
    still = (False,) * head
    return still + request.wrt[head:], request.wrt[:head] + (False,) * (len(request.wrt) - head)


def _tangent(request: Request, *operands: Any) -> list[Any]:
    head, count = _head(request.static), len(request.wrt)
    primals, tangents = operands[:count], operands[count:]
    layers_moving, points_moving = _split(request)
    results = []
    if any(layers_moving):
        moving = iter(pick(tangents, pick(layers_moving, request.wrt)))
        activation, layers = deepen(request.static, primals, primals[head:])
        vector = _still(request.static, primals[head:])
        for primal, along in zip(primals[head:], request.wrt[head:], strict=True):
            vector.append(next(moving) if along else jnp.zeros_like(primal))
        fields = _fields(request.op, operands[0])
        settings = _settings(request, activation)
        results.append(ffi.call("transjet_jet_tangent", fields, *primals[:head], *layers, *vector, **settings))
    if any(points_moving):
        points_tangents = pick(tangents, pick(points_moving, request.wrt))
        results.append(reference.tangent(request.operation, request.static, points_moving, primals, points_tangents))
    return [jnp.add(*parts) if len(parts) == 2 else parts[0] for parts in zip(*results, strict=True)]


def _cotangent(request: Request, *operands: Any) -> list[Any]:
    head, count = _head(request.static), len(request.wrt)
    primals, cotangents = operands[:count], operands[count:]
    layers_moving, points_moving = _split(request)
    gradient = []
    if any(points_moving):
        gradient += reference.cotangent(request.operation, request.static, points_moving, primals, cotangents)
    if any(layers_moving):
        activation, layers = deepen(request.static, primals, primals[head:])
        settings = _settings(request, activation)
        full = ffi.call("transjet_jet_cotangent", _like(layers), *primals[:head], *layers, *cotangents, **settings)
        gradient += pick(full[len(layers) - (count - head) :], request.wrt[head:])
    return gradient


# --- products: terms in flat order, each a jet's operands and its coefficients ----------------------------------------


def _deepened(static: Any, operands: Sequence[Any]) -> tuple[dict[str, str], list[Any], int, list[list[Any]]]:
    """The terms as the core takes them: settings; operands; how many came in; and per term zeros for a layer added."""
    activations, flat, still, at = [], [], [], 0
    for index, (jet, settings) in enumerate(zip(static.jets, static.settings, strict=True)):
        head, leaves = _head(settings), 2 * static.depth(index)
        points, layers = operands[at : at + head], operands[at + head : at + head + leaves]
        at += head + leaves
        fields = len(_fields(jet, points[0]))
        activation, deep = deepen(settings, points, layers)
        activations.append(activation)
        flat += [*points, *deep, *operands[at : at + fields]]
        still.append(_still(settings, layers))
        at += fields
    directions = ";".join(s.directions or "none" for s in static.settings)
    words = {"jets": ";".join(static.jets), "activations": ";".join(activations), "directions": directions}
    return words, flat, at, still


def _gauss_newton(request: Request, *operands: Any) -> list[Any]:
    static = request.static
    words, flat, used, still = _deepened(static, operands)
    vectors, at, results, kept = operands[used].shape[0], used, [], []
    for index, zeros in enumerate(still):
        leaves = [jnp.zeros((vectors, *z.shape), z.dtype) for z in zeros]
        kept += [False] * len(leaves) + [True] * (2 * static.depth(index))
        leaves += operands[at : at + 2 * static.depth(index)]
        at += 2 * static.depth(index)
        flat += leaves
        results += _like(leaves)
    results.append(jax.ShapeDtypeStruct((vectors, operands[0].shape[0]), operands[0].dtype))
    options: dict[str, Any] = {"vectors": vectors, "weighted": static.weighted, "shifted": static.shifted}
    options["factor_bytes"] = operands[-1].shape[0] if static.cached else 0
    out = ffi.call("transjet_gauss_newton", results, *flat, *operands[at:], **words, **options)
    return [*pick(out[:-1], kept), out[-1]]


def _factor_bytes(request: Request) -> int:
    static, rows, at = request.static, [], 0
    for index, (jet, settings) in enumerate(zip(static.jets, static.settings, strict=True)):
        head, leaves = _head(settings), 2 * static.depth(index)
        x, tau = request.avals[at : at + 2]
        inputs = x.shape[1] + tau.shape[1]
        outputs = [w.shape[1] for w in request.avals[at + head : at + head + leaves : 2]]
        widths = [inputs, *([] if settings.activation else [inputs]), *outputs]
        count = x.shape[1] if settings.directions is None else request.avals[at + 3].shape[-2]
        rows.append((jet, settings.directions or "none", widths, x.shape[1], count))
        at += head + leaves + len(_fields(jet, x))
    return ffi.factor_bytes(str(request.avals[0].dtype), request.avals[0].shape[0], rows)


def _jacobian_factors(request: Request, *operands: Any) -> list[Any]:
    words, flat, _, _ = _deepened(request.static, operands)
    size = request.static.size
    result = jax.ShapeDtypeStruct((size,), jnp.uint8)
    return [ffi.call("transjet_jacobian_factors", result, *flat, **words, factor_bytes=size)]


def _gram(request: Request, *operands: Any) -> list[Any]:
    words, flat, _, _ = _deepened(request.static, operands)
    n = operands[0].shape[0]
    precise = request.static.precise
    result = jax.ShapeDtypeStruct((n, n), jnp.float64 if precise else operands[0].dtype)
    return [ffi.call("transjet_gram", result, *flat, **words, precise=precise)]


def _ode_transport(request: Request, *operands: Any) -> list[Any]:
    x, tau, layers = operands[1], operands[2], operands[3:]
    activation, deep = deepen(request.static, (x, tau), layers)
    results = [*_like((x,)), jax.ShapeDtypeStruct(x.shape[:1], x.dtype)]
    return ffi.call("transjet_ode_transport", results, *operands[:3], *deep, activation=activation)


def _cholesky_solve(request: Request, *operands: Any) -> list[Any]:
    return [ffi.call("transjet_cholesky_solve", _like(operands[-1:])[0], *operands)]


register_probe("cpu", _probe)
register_kernel(Kernel("ode_transport", "forward", "cpu", _ode_transport, _refuses))
register_kernel(Kernel("cholesky_solve", "forward", "cpu", _cholesky_solve, _refuses))
register_kernel(Kernel("gauss_newton", "forward", "cpu", _gauss_newton, _refuses))
register_kernel(Kernel("jacobian_factors", "forward", "cpu", _jacobian_factors, _refuses, _factor_bytes))
register_kernel(Kernel("gram", "forward", "cpu", _gram, _refuses))
for _role in ("forward", "tangent", "cotangent"):
    register_kernel(Kernel("null", _role, "cpu", _null, _refuses))
for _jet in JETS:
    for _role, _run in (("forward", _forward), ("tangent", _tangent), ("cotangent", _cotangent)):
        register_kernel(Kernel(_jet, _role, "cpu", _run, _refuses))
