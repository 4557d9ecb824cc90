"""JAX's transforms on the GPU backends. The cpu backend has its own tests of all of them; here it proves the body."""

from __future__ import annotations

import jax
import pytest
from jet_oracle import JETS, close
from jet_transforms import TRANSFORMS
from test_transforms import arguments, expected, function

SHARDED = ("shard_map", "shard_map of grad")  # over four devices
ALL = [name for name in TRANSFORMS if name not in SHARDED]
FEW = ("jit", "jit of jvp", "jit of grad", "vmap over points")


@pytest.mark.parametrize("transform", ALL)
@pytest.mark.parametrize("name", JETS)
def test_transforms(name: str, transform: str, backend: str) -> None:
    if backend == "cpu" and (transform not in FEW or name != "laplacian_jet"):
        pytest.skip("tested with the other operations, on the CPU")
    with jax.enable_x64(False):
        actual = TRANSFORMS[transform][0](function(name, backend), *arguments(name, "float32"))
    close(actual, expected(name, transform), "float32", factor=10)


@pytest.mark.parametrize("transform", FEW)
def test_transforms_in_float64(transform: str, backend: str) -> None:
    with jax.enable_x64(True):
        actual = TRANSFORMS[transform][0](function("laplacian_jet", backend), *arguments("laplacian_jet", "float64"))
    close(actual, expected("laplacian_jet", transform), "float64", factor=10)
