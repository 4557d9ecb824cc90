"""Tests of the GPU backends, whose bodies also run with the cpu backend where there is no GPU.

Never run on a GPU: there the backends cuda and triton must be available, or their tests fail and say why.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "ops"))

from transjet.backend import availability

PARAMS = [
    pytest.param("cuda", marks=pytest.mark.gpu),
    pytest.param("triton", marks=pytest.mark.gpu),
    "cpu",
]


@pytest.fixture(params=PARAMS)
def backend(request: pytest.FixtureRequest) -> str:
    """A backend under test."""
    name = str(request.param)
    state = availability(name)
    if name == "cpu":
        if jax.default_backend() != "cpu":
            pytest.skip("the cpu backend stands in where JAX has no GPU")
        if not state.available:
            pytest.skip(state.reason)
    assert state.available, state.reason
    return name


@pytest.fixture(autouse=True)
def _quick_compilation() -> Iterator[None]:
    """On the CPU compilation is most of these tests' time, and the figures of the reference are not at stake."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", jax.default_backend() == "cpu")
    yield
    jax.config.update("jax_disable_most_optimizations", before)
