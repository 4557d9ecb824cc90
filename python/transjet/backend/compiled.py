"""From an operation's flat operands to calls of the core's handlers, which are the same for the CPU and for CUDA.

The jets share three handlers, those of their roles; every other operation has a handler of its own name with the prefix
"transjet_". The core differentiates jets with respect to weights and biases; with respect to points and directions the
reference does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from transjet.backend import reference
from transjet.backend.reference import pick
from transjet.backend.registry import Request

JETS = ("gradient_jet", "laplacian_jet", "divergence_jet")
DTYPES = ("float32", "float64")
Invoke = Callable[[Request, str, list[Any], Sequence[Any], dict[str, Any]], list[Any]]
"""(request, target, shapes of the results, operands, attributes) -> results."""


def refuses_dtypes(request: Request) -> str | None:
    """Why operands of these dtypes cannot be served; None if they can."""
    served = (*DTYPES, "uint8")  # opaque operands are of bytes
    wrong = [str(aval.dtype) for aval in request.avals if str(aval.dtype) not in served]
    return f"serves {' and '.join(DTYPES)}, got {', '.join(wrong)}" if wrong else None


def like(arrays: Sequence[Any]) -> list[jax.ShapeDtypeStruct]:
    """Shapes and dtypes."""
    return [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in arrays]


# --- sizes ------------------------------------------------------------------------------------------------------------


def head_of(static: Any) -> int:
    """How many operands come before the layers: x, tau, dtau, [directions]."""
    return 3 if static.directions is None else 4


def fields_of(op: str, x: Any) -> list[jax.ShapeDtypeStruct]:
    """Shapes of a jet's fields."""
    scalar, vector = (jax.ShapeDtypeStruct(shape, x.dtype) for shape in (x.shape[:1], x.shape))
    return {"gradient_jet": [scalar, scalar, vector], "divergence_jet": [vector, scalar]}.get(
        op, [scalar, scalar, vector, scalar]
    )


def term_sizes(request: Request) -> list[tuple[Any, ...]]:
    """Of each term: (jet, directions, widths, coordinates, count of directions, whether the first layer is frozen)."""
    if request.op in JETS:
        terms, coefficients = [(request.op, request.static)], False
    else:
        terms, coefficients = list(zip(request.static.jets, request.static.settings, strict=True)), True
    rows: list[tuple[Any, ...]] = []
    at = 0
    for jet, settings in terms:
        head, leaves = head_of(settings), 2 * len(settings.activation) + 2
        x, tau = request.avals[at : at + 2]
        inputs = x.shape[1] + tau.shape[1]
        outputs = [w.shape[1] for w in request.avals[at + head : at + head + leaves : 2]]
        frozen = not settings.activation
        widths = [inputs, *([inputs] if frozen else []), *outputs]
        count = x.shape[1] if settings.directions is None else request.avals[at + 3].shape[-2]
        rows.append((jet, settings.directions or "none", widths, x.shape[1], count, frozen))
        at += head + leaves + (len(fields_of(jet, x)) if coefficients else 0)
    return rows


# --- jets: flat operands x, tau, dtau, [directions], W_1, b_1, ... ----------------------------------------------------


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


def _settings(request: Request, activation: str) -> dict[str, Any]:
    return {"jet": request.op, "activation": activation, "directions": request.static.directions or "none"}


def _split(request: Request) -> tuple[tuple[bool, ...], tuple[bool, ...]]:
    """Of the operands differentiated: the layers, which are the kernels' business, and the rest, the reference's."""
    head = head_of(request.static)
    still = (False,) * head
    return still + request.wrt[head:], request.wrt[:head] + (False,) * (len(request.wrt) - head)


def deepened(static: Any, operands: Sequence[Any]) -> tuple[dict[str, Any], list[Any], int, list[list[Any]]]:
    """The terms as the core takes them: settings; operands; how many came in; and per term zeros for a layer added."""
    activations, flat, still, at = [], [], [], 0
    for index, (jet, settings) in enumerate(zip(static.jets, static.settings, strict=True)):
        head, leaves = head_of(settings), 2 * static.depth(index)
        points, layers = operands[at : at + head], operands[at + head : at + head + leaves]
        at += head + leaves
        fields = len(fields_of(jet, points[0]))
        activation, deep = deepen(settings, points, layers)
        activations.append(activation)
        flat += [*points, *deep, *operands[at : at + fields]]
        still.append(_still(settings, layers))
        at += fields
    directions = ";".join(s.directions or "none" for s in static.settings)
    words = {"jets": ";".join(static.jets), "activations": ";".join(activations), "directions": directions}
    return words, flat, at, still


class Calls:
    """Runs requests by calls of handlers.

    Args:
        invoke: makes one call.
    """

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    def forward(self, request: Request, *operands: Any) -> list[Any]:
        """The fields of a jet."""
        head = head_of(request.static)
        activation, layers = deepen(request.static, operands, operands[head:])
        results, settings = fields_of(request.op, operands[0]), _settings(request, activation)
        return self._invoke(request, "transjet_jet_forward", [*results], [*operands[:head], *layers], settings)

    def tangent(self, request: Request, *operands: Any) -> list[Any]:
        """The change of a jet's fields along a change of its operands."""
        count = len(request.wrt)
        primals, tangents = operands[:count], operands[count:]
        layers_moving, points_moving = _split(request)
        results = []
        if any(layers_moving):
            results.append(self._push(request, primals, pick(tangents, pick(layers_moving, request.wrt))))
        if any(points_moving):
            along = pick(tangents, pick(points_moving, request.wrt))
            results.append(reference.tangent(request.operation, request.static, points_moving, primals, along))
        return [jnp.add(*parts) if len(parts) == 2 else parts[0] for parts in zip(*results, strict=True)]

    def _push(self, request: Request, primals: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
        """Along a change of some of the weights and biases."""
        head, moving = head_of(request.static), iter(tangents)
        activation, layers = deepen(request.static, primals, primals[head:])
        vector = _still(request.static, primals[head:])
        for primal, along in zip(primals[head:], request.wrt[head:], strict=True):
            vector.append(next(moving) if along else jnp.zeros_like(primal))
        results, settings = fields_of(request.op, primals[0]), _settings(request, activation)
        operands = [*primals[:head], *layers, *vector]
        return self._invoke(request, "transjet_jet_tangent", [*results], operands, settings)

    def cotangent(self, request: Request, *operands: Any) -> list[Any]:
        """The gradient with respect to a jet's operands."""
        head, count = head_of(request.static), len(request.wrt)
        primals, cotangents = operands[:count], operands[count:]
        layers_moving, points_moving = _split(request)
        gradient: list[Any] = []
        if any(points_moving):
            gradient += reference.cotangent(request.operation, request.static, points_moving, primals, cotangents)
        if any(layers_moving):
            activation, layers = deepen(request.static, primals, primals[head:])
            settings, given = _settings(request, activation), [*primals[:head], *layers, *cotangents]
            full = self._invoke(request, "transjet_jet_cotangent", [*like(layers)], given, settings)
            gradient += pick(full[len(layers) - (count - head) :], request.wrt[head:])
        return gradient

    def gauss_newton(self, request: Request, *operands: Any) -> list[Any]:
        """J^T u for every vector, and u = W (J v + offset)."""
        static = request.static
        words, flat, used, still = deepened(static, operands)
        vectors, at, results, kept = operands[used].shape[0], used, [], []
        for index, zeros in enumerate(still):
            leaves = [jnp.zeros((vectors, *z.shape), z.dtype) for z in zeros]
            kept += [False] * len(leaves) + [True] * (2 * static.depth(index))
            leaves += operands[at : at + 2 * static.depth(index)]
            at += 2 * static.depth(index)
            flat += leaves
            results += like(leaves)
        results.append(jax.ShapeDtypeStruct((vectors, operands[0].shape[0]), operands[0].dtype))
        options: dict[str, Any] = {"vectors": vectors, "weighted": static.weighted, "shifted": static.shifted}
        options["factor_bytes"] = operands[-1].shape[0] if static.cached else 0
        out = self._invoke(request, "transjet_gauss_newton", results, [*flat, *operands[at:]], words | options)
        return [*pick(out[:-1], kept), out[-1]]

    def gram(self, request: Request, *operands: Any) -> list[Any]:
        """J J^T."""
        words, flat, _, _ = deepened(request.static, operands)
        n, precise = operands[0].shape[0], request.static.precise
        result = jax.ShapeDtypeStruct((n, n), jnp.float64 if precise else operands[0].dtype)
        return self._invoke(request, "transjet_gram", [result], flat, words | {"precise": precise})
