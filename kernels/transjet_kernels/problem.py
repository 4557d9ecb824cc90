"""A jet of a network at points, by its sizes alone: how kernels lay it out, and whether they can serve it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

ACTIVATIONS = ("tanh", "sin", "gelu", "silu", "softplus", "identity")
"""Their position is what kernels call them."""
MIXED = len(ACTIVATIONS)
DIRECTIONS = (None, "shared", "point")
WIDEST = 128
WIDEST_IN_REGISTERS = 64  # as in layers.py
MOST_MIXED = 10  # hidden layers whose activations fit in an int32, three bits each
MOST_GRAM_STREAMS = 16  # whose Gram matrix is made of products of factors
SCRATCH = 64 << 20  # bytes of factors at once


def power_of_two(size: int, least: int = 16) -> int:
    """The smallest power of two that is no smaller than either."""
    return max(least, 1 << max(0, size - 1).bit_length())


@dataclass(frozen=True)
class Shape:
    """Streams of a point: the value, a tangent in time, a second-order stream, tangents along directions in x."""

    tangents: int
    time: bool
    second: bool

    @property
    def count(self) -> int:
        """Number of streams."""
        return 1 + self.time + self.second + self.tangents

    @property
    def padded(self) -> int:
        """Rows that a point takes in a tile."""
        return power_of_two(self.count, 1)


@dataclass(frozen=True)
class Tuning:
    """Choices that change speed and not results: rows of a tile, warps a program, stages of pipelines."""

    rows: int
    num_warps: int
    num_stages: int


@dataclass(frozen=True)
class Problem:
    """A jet of a network at points.

    Attributes:
        jet: "gradient_jet", "laplacian_jet" or "divergence_jet".
        n: points.
        d: coordinates.
        f: time features.
        widths: of the hidden layers.
        activation: their activations.
        directions: None for the coordinates, "shared" or "point".
        count: how many directions, where they are given.
        dtype: "float32" or "float64".
    """

    jet: str
    n: int
    d: int
    f: int
    widths: tuple[int, ...]
    activation: tuple[str, ...]
    directions: str | None = None
    count: int = 0
    dtype: str = "float32"

    @property
    def hidden(self) -> int:
        """Hidden layers."""
        return len(self.widths)

    @property
    def inputs(self) -> int:
        """Coordinates and time features."""
        return self.d + self.f

    @property
    def is_vector(self) -> bool:
        """Whether the network has d outputs instead of one."""
        return self.jet == "divergence_jet"

    @property
    def outputs(self) -> int:
        """Outputs of the network."""
        return self.d if self.is_vector else 1

    @property
    def padded_inputs(self) -> int:
        """Rows of the packed first layer."""
        return power_of_two(self.inputs)

    @property
    def width(self) -> int:
        """Width of the packed hidden layers."""
        return power_of_two(max(self.widths))

    @property
    def padded_outputs(self) -> int:
        """Columns of the packed last layer."""
        return power_of_two(self.outputs)

    @property
    def parameters(self) -> int:
        """Numbers in the packed parameters."""
        w = self.width
        weights = (self.padded_inputs + (self.hidden - 1) * w + self.padded_outputs) * w
        return weights + self.hidden * w + self.padded_outputs

    @property
    def staged(self) -> int:
        """Columns of a tile that products go through memory for, 0 where none are wide enough for that."""
        widest = max(self.padded_inputs, self.width, self.padded_outputs)
        return widest if widest > WIDEST_IN_REGISTERS else 0

    @property
    def itemsize(self) -> int:
        """Bytes of a number."""
        return 8 if self.dtype == "float64" else 4

    @property
    def precision(self) -> str:
        """How float32 products are made: three TF32 products, which is float32 in effect."""
        return "ieee" if self.dtype == "float64" else "tf32x3"

    @property
    def activation_kind(self) -> int:
        """Position in ACTIVATIONS if all layers share one, else MIXED."""
        return ACTIVATIONS.index(self.activation[0]) if len(set(self.activation)) == 1 else MIXED

    @property
    def activation_code(self) -> int:
        """Three bits a layer, where they differ."""
        if self.activation_kind != MIXED:
            return 0
        return sum(ACTIVATIONS.index(name) << 3 * layer for layer, name in enumerate(self.activation))

    @property
    def shape(self) -> Shape:
        """Streams of the jet itself, gradients included."""
        along = self.d if self.directions is None else self.count
        return Shape(along, not self.is_vector, self.jet == "laplacian_jet")

    @property
    def factor_shape(self) -> Shape:
        """Streams of the jet contracted with fixed coefficients: one tangent gives all first derivatives."""
        return Shape(0, True, False) if self.jet == "gradient_jet" else self.shape

    @property
    def coordinates(self) -> Problem:
        """The same network's gradient along the coordinates."""
        return replace(self, jet="gradient_jet", directions=None, count=0)


def candidates(problem: Problem, shape: Shape) -> list[Tuning]:
    """Tunings worth a try for kernels on tiles of that shape, the default first."""
    least = max(16, shape.padded)
    # Compiled for sm_90 in float32, these keep within the registers; larger tiles of 128 columns do not.
    is_wide = problem.width * problem.itemsize >= 512
    default = Tuning(max(least, 32), 8, 2) if is_wide else Tuning(max(least, 64), 4, 1)
    others = [Tuning(max(least, r), w, s) for r in (32, 64, 128) for w in (4, 8) for s in (1, 2, 3)]
    return [default, *dict.fromkeys(t for t in others if t != default)]


def factor_numbers(problem: Problem) -> int:
    """Numbers a point in the working memory of a problem's factors."""
    row = problem.padded_inputs + 2 * problem.hidden * problem.width + problem.padded_outputs + problem.staged
    return problem.factor_shape.padded * row


def points_per_chunk(problems: Sequence[Problem], role: str) -> int:
    """How many points a plan should work on at once, so that its scratch memory stays bounded."""
    if role in ("forward", "tangent"):
        bytes_per_point = max(p.itemsize * (p.width * p.hidden + p.shape.padded * p.staged) for p in problems)
    else:
        bytes_per_point = sum(p.itemsize * factor_numbers(p) for p in problems)
    return max(1024, SCRATCH // bytes_per_point)


def refuses(problem: Problem, role: str) -> str | None:
    """Why the kernels cannot serve a problem in a role, or None if they can.

    Args:
        problem: its sizes.
        role: "forward", "tangent", "cotangent", "gauss_newton" or "gram".
    """
    shape = problem.shape if role in ("forward", "tangent") else problem.factor_shape
    if role == "forward" and problem.jet == "gradient_jet":
        shape = Shape(0, False, False)
    if problem.dtype not in ("float32", "float64"):
        return f"serves float32 and float64, got {problem.dtype}"
    if not problem.hidden:
        return "serves networks with a hidden layer, got none"
    if max(problem.widths) > WIDEST:
        return f"serves layers up to {WIDEST} wide, got {max(problem.widths)}"
    if problem.inputs > WIDEST:
        return f"serves up to {WIDEST} coordinates and time features, got {problem.inputs}"
    if shape.padded > WIDEST:
        return f"serves up to {WIDEST} streams a point, got {shape.count}"
    if problem.activation_kind == MIXED and problem.hidden > MOST_MIXED:
        return f"serves different activations in up to {MOST_MIXED} hidden layers, got {problem.hidden}"
    return None if problem.n else "serves one point or more, got none"
