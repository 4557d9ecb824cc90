"""What the jets have in common: operands, dispatch, and the stream form on which Gauss-Newton products are built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax

from transjet.backend import BoundOperation, Choice, Operation
from transjet.ops._operands import JetStatic, Layers, point_mask, points_per_chunk, prepare
from transjet.ops._streams import Tangents

Array = jax.Array


class StreamForm(NamedTuple):
    """A jet contracted with fixed coefficients, as a weighted sum of output streams.

    sum over the jet's fields of coefficient * field = sum_s <weights[s], output stream s>, streams as in `propagate`.
    """

    x: Array  # (n, d')
    tau: Array  # (n, f')
    tangents: Tangents
    weights: Array  # (S, n, outputs)


@dataclass(frozen=True)
class JetSpec:
    """A jet's specification.

    Attributes:
        name: stem of the operation.
        result: NamedTuple type of the jet.
        scalar: whether the network must have one output.
        reference: `(static, *flat operands) -> fields`.
        streams: `(d, directions or None) -> number of streams` that one point holds at once.
        stream_form: `(x, tau, dtau, directions, coefficients) -> StreamForm`.
    """

    name: str
    result: Any
    scalar: bool
    reference: Callable[..., tuple[Array, ...]]
    streams: Callable[[int, int | None], int]
    stream_form: Callable[..., StreamForm]


class Jet:
    """A jet operation: checks, dispatch and explanation around a specification."""

    def __init__(self, spec: JetSpec) -> None:
        self.spec = spec
        self._op = BoundOperation(Operation(spec.name, spec.reference, point_mask, self._chunk))

    def _chunk(self, static: JetStatic, operands: Sequence[Any]) -> int:
        count = None if static.directions is None else operands[3].shape[-2]
        return points_per_chunk(static, operands, self.spec.streams(operands[0].shape[1], count))

    def prepare(
        self, layers: Layers, x: Any, tau: Any, dtau: Any, activation: Any, directions: Any = None
    ) -> tuple[JetStatic, list[Array]]:
        """Check the operands and put them in flat order."""
        return prepare(self.spec.name, layers, x, tau, dtau, activation, directions, scalar=self.spec.scalar)

    def __call__(
        self,
        layers: Layers,
        x: Any,
        tau: Any,
        dtau: Any,
        *,
        activation: Any = "tanh",
        directions: Any = None,
        backend: str = "auto",
    ) -> Any:
        """Check, dispatch, and wrap the fields."""
        static, operands = self.prepare(layers, x, tau, dtau, activation, directions)
        return self.spec.result(*self._op(static, operands, backend))

    def explain(
        self,
        layers: Layers,
        x: Any,
        tau: Any,
        dtau: Any,
        *,
        activation: Any = "tanh",
        directions: Any = None,
        backend: str = "auto",
        role: str = "forward",
    ) -> Choice:
        """What would run for these operands, and why."""
        static, operands = self.prepare(layers, x, tau, dtau, activation, directions)
        return self._op.explain(static, operands, backend, role)
