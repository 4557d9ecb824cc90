"""One small call of every kind in float32: what compute-sanitizer's tools watch."""

from __future__ import annotations

import pytest
from gpu_cases import check, compute

KINDS = [
    ("gradient_jet", "forward"),
    ("laplacian_jet", "forward"),
    ("laplacian_jet", "tangent"),
    ("divergence_jet", "cotangent"),
    ("residual", "gauss_newton"),
    ("residual", "gram"),
]


@pytest.mark.parametrize(("name", "role"), KINDS)
def test_small(name: str, role: str, backend: str) -> None:
    check(compute(name, role, "odd", "float32", backend), name, role, "odd", "float32")
