"""Results have the shapes that their annotations promise, checked by jaxtyping; a canary shows that the check bites."""

from itertools import pairwise
from typing import get_type_hints

import jax
import jax.numpy as jnp
import pytest
from jaxtyping import jaxtyped

from transjet import ops
from transjet.collocation import GaussianCloud, Points

N, D = 5, 3


def network(outputs):
    sizes = (D + 1, 4, outputs)
    return tuple((jnp.ones((m, n)) / m, jnp.zeros(n)) for m, n in pairwise(sizes))


@jaxtyped(typechecker=None)
def conforms(result):
    """Whether every field is an instance of its annotation, with n and d the same throughout."""
    hints = get_type_hints(type(result))
    return all(isinstance(value, hints[name]) for name, value in result._asdict().items())


@pytest.mark.parametrize("name", sorted(ops.JETS))
def test_jets(name):
    operands = jnp.ones((N, D)), jnp.ones((N, 1)), jnp.ones((N, 1))
    jet = ops.JETS[name](network(1 if ops.JETS[name].spec.scalar else D), *operands)
    assert conforms(jet)
    broken = jet._replace(value=jnp.ones((N + 1, *jet.value.shape[1:])))
    assert not conforms(broken)


def test_points():
    points = GaussianCloud(D).draw(jax.random.key(0), (), N, jnp.zeros(()), jnp.float32)
    assert conforms(points)
    assert not conforms(Points(points.x, points.t[:-1]))
