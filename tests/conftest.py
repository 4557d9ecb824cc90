"""What all tests share: four CPU devices, quick compilation, strict dtype promotion, float64 on demand.

Tests spend most of their time in XLA, which compiles in a quarter of the time if it does not optimise.
TRANSJET_TEST_XLA=optimised leaves it as users have it; .ci/run tests numbers and trainings that way.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

_FLAGS = ["--xla_force_host_platform_device_count=4"]
if os.environ.get("TRANSJET_TEST_XLA") != "optimised":
    _FLAGS += ["--xla_cpu_use_fusion_emitters=false", "--xla_backend_optimization_level=0"]
os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *_FLAGS]).strip()  # read when JAX's devices start

import jax  # noqa: E402
import pytest  # noqa: E402

# Tests of these parts, and those of the whole, call optax or ott-jax, which rely on JAX's standard promotion.
_THIRD_PARTIES = ("optim", "train", "transport", "path_losses", "metrics", "plots", "sampler", "cli", "tests")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what needs a GPU where there is none."""
    if item.get_closest_marker("gpu") and jax.default_backend() != "gpu":
        pytest.skip("JAX has no GPU here")


@pytest.fixture(autouse=True)
def _strict_promotion(request: pytest.FixtureRequest) -> Iterator[None]:
    """Mixing dtypes by accident is an error wherever only transjet's own arithmetic runs."""
    mode = "standard" if request.path.parent.name in _THIRD_PARTIES else "strict"
    with jax.numpy_dtype_promotion(mode):
        yield


@pytest.fixture
def x64() -> Iterator[None]:
    """Run the test with float64 enabled."""
    with jax.enable_x64(True):
        yield
