"""Every operation in every role and dtype against the reference in float64."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from gpu_cases import JET_ROLES, PRODUCTS, SIZES, bound, check, compute, reference
from jet_oracle import JETS

DTYPES = ("float32", "float64")
MAIN = ("odd", "even", "wide", "128 wide")


@pytest.fixture(autouse=True)
def _for_gpus(request: pytest.FixtureRequest) -> None:
    """The widest of Triton's networks says nothing new of the cpu backend."""
    asked = getattr(request.node, "callspec", None)
    if asked and (asked.params.get("size"), asked.params.get("backend")) == ("128 wide", "cpu"):
        pytest.skip("for the backends of GPUs")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("role", JET_ROLES)
@pytest.mark.parametrize("name", JETS)
@pytest.mark.parametrize("size", MAIN)
def test_jets(size: str, name: str, role: str, dtype: str, backend: str) -> None:
    check(compute(name, role, size, dtype, backend), name, role, size, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("role", PRODUCTS)
@pytest.mark.parametrize("size", MAIN)
def test_products(size: str, role: str, dtype: str, backend: str) -> None:
    check(compute("residual", role, size, dtype, backend), "residual", role, size, dtype)


@pytest.mark.parametrize("role", ["forward", "cotangent"])
@pytest.mark.parametrize("name", ["laplacian_jet", "divergence_jet"])
@pytest.mark.parametrize("size", ["one point", "directions", "each point's directions"])
def test_odd_shapes(size: str, name: str, role: str, backend: str) -> None:
    check(compute(name, role, size, "float32", backend), name, role, size, "float32")


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_wrong_result_is_noticed(dtype: str) -> None:
    case = ("laplacian_jet", "cotangent", "odd", dtype)
    right = jax.tree.map(lambda a: a.astype(dtype), reference(*case[:3]))
    check(right, *case)
    leaves, tree = jax.tree.flatten(right)
    for index, leaf in enumerate(leaves):
        one = leaf.copy()  # one number of all
        one.flat[-1] += 1.5 * bound(*case[1:]) * np.max(np.abs(leaf))
        with pytest.raises(AssertionError):
            check(jax.tree.unflatten(tree, [*leaves[:index], one, *leaves[index + 1 :]]), *case)
    with pytest.raises(AssertionError):
        check(jax.tree.map(lambda a: a * np.asarray(np.nan, dtype), right), *case)


def test_what_is_allowed_is_a_few_dozen_roundings() -> None:
    allowed = {role: bound(role, "odd", "float64") / np.finfo(np.float64).eps for role in ("forward", "cotangent")}
    assert 28 < allowed["forward"] < 31
    assert 38 < allowed["cotangent"] < 39
    assert max(bound(role, size, "float64") for role in JET_ROLES for size in SIZES) < 1.7e-14
