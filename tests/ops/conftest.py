"""Puts this folder's oracles within reach of its tests, and keeps compilation short: it is most of their time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _quick_compilation(request: pytest.FixtureRequest) -> Iterator[None]:
    """Optimisations matter to the tests of workspace alone."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", request.path.stem != "test_memory")
    yield
    jax.config.update("jax_disable_most_optimizations", before)
