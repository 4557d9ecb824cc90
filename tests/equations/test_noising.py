"""The path that suits the noising process: b(t) as the process forgets the target."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.collocation import Points
from transjet.equations import Noising, score
from transjet.models import MLP
from transjet.paths import BoundaryPath, GaussianPrior

D, STD, RATIO = 2, 3.0, 25.0
NOISING = Noising(STD)


@pytest.mark.parametrize("ratio", [1.0, RATIO])
def test_the_share_has_its_ends_and_its_derivative(ratio: float, x64: None) -> None:
    share = NOISING.share(ratio)
    t = jnp.linspace(0, 1, 11)
    b, db = share(t)
    np.testing.assert_allclose(b[jnp.array([0, -1])], [0, 1], atol=1e-14)
    np.testing.assert_allclose(db, jax.vmap(jax.grad(lambda t: share(t)[0]))(t), rtol=1e-10)
    assert (jnp.diff(b) > 0).all()


def test_what_remains_follows_the_rate(x64: None) -> None:
    t = jnp.linspace(0, 1, 7)
    rate = jax.vmap(jax.grad(lambda t: jnp.log(NOISING.remaining(t))))(t)
    np.testing.assert_allclose(rate, NOISING.beta(t), rtol=1e-12)
    assert NOISING.remaining(jnp.ones(())) == 1


def test_a_gaussian_target_is_solved_by_the_path_alone(x64: None) -> None:
    """Up to a function of time, the normaliser, which phi has to learn; a linear b leaves much more."""
    narrow = GaussianPrior(D, STD / RATIO**0.5)
    linear = BoundaryPath(GaussianPrior(D, STD), lambda x: narrow.log_density(x[None])[0])
    model = MLP(D, 1, hidden=(4,), backend="xla")
    x = jax.random.normal(jax.random.key(0), (64, D), jnp.float64)
    points = Points(x, jnp.full(64, 0.8))

    def spread(path: Any) -> float:
        equation = score(path, model, NOISING)
        params = jax.tree.map(jnp.zeros_like, equation.init(jax.random.key(1), jnp.float64))
        return float(jnp.std(equation.residual(params, points)))

    assert spread(replace(linear, share=NOISING.share(RATIO))) < 1e-2  # what is left at t = 0 is exp(-9.5)
    assert spread(linear) > 10
