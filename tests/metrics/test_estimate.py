from __future__ import annotations

import numpy as np
import pytest

from transjet.metrics import Estimate
from transjet.metrics.estimate import from_influence


def test_is_a_pair_that_prints_its_error():
    value, std_error = Estimate(0.97012, 0.0031)
    assert (value, std_error) == (0.97012, 0.0031)
    assert str(Estimate(0.97012, 0.0031)) == "0.97012 +- 0.003"


def test_influence_of_a_mean_gives_its_standard_error():
    x = np.array([1.0, 2.0, 4.0, 9.0])
    estimate = from_influence(x.mean(), x - x.mean())
    assert estimate.std_error == pytest.approx(x.std(ddof=1) / 2, rel=1e-15)
    assert type(estimate.value) is type(estimate.std_error) is float
