"""Plans: phases, and which of them takes a step."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from transjet.collocation import GaussianCloud
from transjet.errors import ConfigError
from transjet.optim import adam
from transjet.train import Phase, locate, total_iterations


def phase(**options: Any) -> Phase:
    return Phase(adam(1e-3, 10), GaussianCloud(2), **({"iterations": 3, "points": 8} | options))


PLAN = (phase(iterations=3), phase(iterations=1), phase(iterations=4))


def test_total() -> None:
    assert total_iterations(PLAN) == 8
    assert total_iterations(PLAN[:1]) == 3


def test_every_step_has_its_phase() -> None:
    assert [locate(PLAN, i) for i in range(8)] == [(0, 0), (0, 1), (0, 2), (1, 0), (2, 0), (2, 1), (2, 2), (2, 3)]


def test_the_last_phase_goes_on_past_the_end() -> None:
    assert [locate(PLAN, i) for i in (8, 9, 20)] == [(2, 4), (2, 5), (2, 16)]
    assert locate(PLAN[:1], 5) == (0, 5)


@pytest.mark.parametrize("field", ["iterations", "points", "refresh"])
@pytest.mark.parametrize("value", [0, -1, 2.0, "3", None])
def test_counts_below_one_are_refused(field: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"phase 'first': {field}: expected a positive integer; got {value!r}"):
        phase(**{field: value}, name="first")


def test_the_target_comes_in_over_its_share_of_the_phase() -> None:
    coming = phase(continuation=0.5, continuation_power=2.0)
    np.testing.assert_allclose(
        [coming.target_share(jnp.float32(p)) for p in (0, 0.125, 0.25, 0.5, 0.8)], [0, 1 - 0.75**2, 0.75, 1, 1]
    )


@pytest.mark.parametrize("options", [{"continuation": -0.1}, {"continuation": 1.1}, {"continuation_power": 0.0}])
def test_impossible_continuations_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="phase 'phase': expected a continuation between 0 and 1"):
        phase(**options)
