"""The lattice field and the cluster, against energies written in loops and reference samples."""

from __future__ import annotations

import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet import targets
from transjet.errors import ConfigError, DTypeError
from transjet.targets import lennard_jones, phi4


def test_phi4_density_by_a_loop_over_links():
    field = np.random.default_rng(0).normal(size=(3, 4))
    energy = 0.0
    for i in range(3):
        for j in range(4):
            energy += (field[i, j] - field[(i + 1) % 3, j]) ** 2 + (field[i, j] - field[i, (j + 1) % 4]) ** 2
            energy += -4.75 * field[i, j] ** 2 + 5.1 * field[i, j] ** 4
    with jax.enable_x64(True):
        value = float(phi4((3, 4)).log_density(jnp.asarray(field.ravel())))
    np.testing.assert_allclose(value, -energy, rtol=1e-12)


def test_phi4_modes_are_the_uniform_minima():
    target = targets.get("phi4-196")
    assert target.dim == 196 and target.log_z is None
    with jax.enable_x64(True):
        modes = jnp.asarray(target.modes)
        gradients = np.asarray(jax.vmap(jax.grad(target.log_density))(modes))
        curvature = np.asarray(jax.hessian(target.log_density)(modes[0]))
    assert np.abs(gradients).max() < 1e-12 and np.linalg.eigvalsh(curvature).max() < 0
    assert phi4((3,), 1.0).modes is None


def cluster_energy(x: np.ndarray) -> float:
    at = x.reshape(-1, 3)
    distances = np.linalg.norm(at[:, None] - at, axis=-1)[~np.eye(len(at), dtype=bool)]
    return float((distances**-12.0 - 2 * distances**-6.0).sum() + 0.5 * (at**2).sum())


def lattice_points() -> np.ndarray:
    """Thirteen particles, none nearer than the core."""
    corners = np.stack(np.meshgrid([-1.0, 0, 1], [-1.0, 0, 1], [-1.0, 1], indexing="ij"), -1).reshape(-1, 3)[:13]
    return (corners + np.random.default_rng(1).uniform(-0.1, 0.1, corners.shape)).ravel()


def test_cluster_density_by_its_definition():
    x = lattice_points()
    with jax.enable_x64(True):
        value = float(targets.get("lj13").log_density(jnp.asarray(x)))
    np.testing.assert_allclose(value, -cluster_energy(x), rtol=1e-12)


def test_the_core_continues_the_pair_with_two_derivatives_and_is_finite():
    target = lennard_jones(2)

    def along(r: jax.Array) -> jax.Array:
        return target.log_density(jnp.zeros(6, r.dtype).at[3].set(r))

    with jax.enable_x64(True):
        below, above = jnp.array(0.7 - 1e-9), jnp.array(0.7 + 1e-9)
        for function in (along, jax.grad(along), jax.grad(jax.grad(along))):
            np.testing.assert_allclose(float(function(below)), float(function(above)), rtol=1e-6)
        value, gradient = jax.value_and_grad(target.log_density)(jnp.zeros(6))
        inner, outer = float(along(jnp.array(0.3))), float(along(below))
    assert np.isfinite(float(value)) and not np.asarray(gradient).any()
    assert float(value) < inner < outer < -100.0, "repulsive all the way"


def test_reference_samples_of_the_cluster_fulfil_steins_identities():
    folder = os.environ.get("TRANSJET_DATA")
    if not folder:
        pytest.skip("TRANSJET_DATA names no folder of data sets")
    x = np.load(Path(folder) / "particles" / "test_split_LJ13-1000.npy").astype(np.float64)
    with jax.enable_x64(True):
        gradient = np.asarray(jax.jit(jax.vmap(jax.grad(targets.get("lj13").log_density)))(jnp.asarray(x)))
    virial = (x * gradient).sum(axis=1)  # the samples have their centre of mass at the origin: 36 of 39 coordinates
    assert abs(virial.mean() + 36) < 4 * virial.std() / np.sqrt(len(x))
    z = gradient.mean(axis=0) / (gradient.std(axis=0) / np.sqrt(len(x)))
    assert np.abs(z).max() < 4.5
    pairs = x.reshape(-1, 13, 3)[:, np.triu_indices(13, 1)[0]] - x.reshape(-1, 13, 3)[:, np.triu_indices(13, 1)[1]]
    assert np.linalg.norm(pairs, axis=-1).min() > 0.7, "no sample reaches the core"


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: phi4((2, 4)), ConfigError, "at least 3"),
        (lambda: phi4(4), DTypeError, "shape"),
        (lambda: phi4((4, 4), coupling=0.0), ConfigError, "coupling"),
        (lambda: lennard_jones(1), ConfigError, "particles"),
    ],
)
def test_malformed_systems(call, error, words):
    with pytest.raises(error, match=words):
        call()
