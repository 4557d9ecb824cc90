"""Bent coordinates of points: funnels and bananas become Gaussians, and nothing is made of noise."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import ndtr

from transjet import targets
from transjet.pilot import Chart, Frame, bends
from transjet.pilot.bends import bent
from transjet.pilot.chart import FEATURES, features, stretched

N = 4000
EXTENT = np.array([-8.0, 8.0])


def normal(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


@functools.cache
def drawn(name: str) -> np.ndarray:
    return np.asarray(targets.get(name).sample(jax.random.key(3), N), float)


@functools.cache
def found(name: str, most: int = 8) -> tuple[Chart, np.ndarray]:
    return bent(drawn(name), most)


def ess(chart: Chart, name: str) -> float:
    """Of a standard Gaussian's draws in the chart's coordinates."""
    target, w = targets.get(name), jnp.asarray(normal(N, targets.get(name).dim, 1), jnp.float32)
    log_w = np.asarray(jax.vmap(chart.whitened(target.log_density))(w) + 0.5 * jnp.sum(w * w, axis=1), float)
    weights = np.exp(log_w - log_w.max())
    return float(weights.sum() ** 2 / np.sum(weights**2) / N)


def hidden_funnel(d: int = 4, n: int = N) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, d) with a scale that grows along a direction, white ones, and the direction."""
    z, turn = normal(n, d), np.linalg.qr(normal(d, d, 7))[0]
    z[:, 1:] *= np.exp(0.5 * z[:, :1])
    white = z @ turn.T / z.std(axis=0).mean()
    return white, turn[:, 0]


def started(white: np.ndarray, direction: np.ndarray, angle: float) -> bends._Layer:
    """A layer along something else than the direction of a funnel."""
    across = np.eye(len(direction))[1] - direction[1] * direction
    v = np.cos(angle) * direction + np.sin(angle) * across / np.linalg.norm(across)
    return bends._fit(white, bends._completed(v))


@pytest.mark.parametrize(
    ("name", "layers", "least"),
    [
        ("random:funnel-5:538143", [1], 0.9),
        ("random:banana-10:5", range(2, 6), 0.5),
        ("random:banana-5:5", [1, 2], 0.8),
    ],
)
def test_bent_coordinates_make_a_target_about_gaussian(name: str, layers: Any, least: float) -> None:
    chart, _ = found(name)
    affine, _ = found(name, 0)
    assert chart.bends in layers and ess(chart, name) > least
    assert ess(affine, name) < 0.1


@pytest.mark.parametrize("name", ["random:funnel-5:538143", "random:banana-10:5"])
def test_points_are_returned_in_the_charts_coordinates(name: str, x64: None) -> None:
    (chart, w), x = found(name), drawn(name)
    np.testing.assert_allclose(chart.outward(jnp.asarray(w)), x, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(chart.inward(jnp.asarray(x)), w, atol=1e-6)
    np.testing.assert_allclose(w.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(np.cov(w.T), np.eye(w.shape[1]), atol=1e-4)


def test_a_gaussian_gets_no_bends() -> None:
    chart, _ = found("random:gaussian-5:5")
    assert chart.bends == 0 and ess(chart, "random:gaussian-5:5") > 0.95


@pytest.mark.parametrize(("n", "d"), [(100, 3), (400, 20), (N, 20)])
@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_made_of_noise(n: int, d: int, seed: int) -> None:
    """Points that were fitted are always more likely; those that were left out decide."""
    x = normal(n, d, seed)
    fits = [bends._fit(x, bends._completed(v)).value for v in np.eye(d)]
    plain = bends._Layer(np.eye(d), *np.zeros((2, FEATURES, d)), EXTENT, 0, 0.0)
    assert max(fits) > bends._log_density(x, plain, bends._gauss(x, plain)).mean()
    assert bent(x, 8, seed)[0].bends == 0


@pytest.mark.parametrize(("x", "most"), [(normal(500, 3) @ normal(3, 3, 1), 0), (np.exp(normal(500, 1)), 8)])
def test_without_layers_and_in_one_dimension_charts_are_affine(x: np.ndarray, most: int) -> None:
    chart, w = bent(x, most)
    frame = Frame.of(x)
    for a, b in zip(chart, Chart.affine(frame), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(frame.outward(w), x, rtol=1e-12, atol=1e-12)


def test_there_are_no_more_layers_than_are_allowed_and_a_seed_decides() -> None:
    name = "random:banana-10:5"
    assert found(name, 1)[0].bends == 1 and len(found(name, 1)[0].shifts) == 2
    for a, b in zip(found(name, 1)[0], bent(drawn(name), 1)[0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(found(name, 1)[0].factors, bent(drawn(name), 1, 1)[0].factors)


@pytest.mark.parametrize(
    "x",
    [
        np.concatenate([normal(1000, 3), [[1e6, -1e6, 1e6]]]),
        np.concatenate([normal(1000, 3), [[1e11, -1e11, 1e11]]]),
        np.full((100, 3), 2.0),
        np.concatenate([np.ones((990, 3)), normal(10, 3)]),
        np.repeat(normal(20, 3), 20, axis=0),
        np.column_stack([np.arange(500.0), np.arange(500.0)]),
        normal(10, 30),
        1e-20 * normal(500, 2),
        np.random.default_rng(0).standard_cauchy(size=(1000, 3)),
    ],
    ids=[
        "far away",
        "very far away",
        "all the same",
        "nearly all the same",
        "copies",
        "on a line",
        "few",
        "tiny",
        "heavy tails",
    ],
)
def test_points_that_say_little_give_finite_coordinates(x: np.ndarray) -> None:
    chart, w = bent(x, 4)
    assert all(np.isfinite(a).all() for a in chart) and np.isfinite(w).all()
    scale = np.abs(x).max()
    np.testing.assert_allclose(np.asarray(chart.outward(jnp.asarray(w, jnp.float32))) / scale, x / scale, atol=1e-3)


def test_a_fit_finds_means_and_scales() -> None:
    z = normal(20_000, 2)
    t = z[:, 0]
    white = np.column_stack([t, 0.5 * t + 0.3 * t**2 + np.exp(0.4 * t) * z[:, 1]])
    layer = bends._fit(white, np.eye(2))
    at = np.linspace(-1.8, 1.8, 13)
    design = features(at, layer.extent)
    np.testing.assert_allclose((design @ layer.means)[:, 1], 0.5 * at + 0.3 * at**2, atol=0.08)
    np.testing.assert_allclose((design @ layer.log_scales)[:, 1], 0.4 * at, atol=0.08)
    assert not (design @ layer.means)[:, 0].any() and not (design @ layer.log_scales)[:, 0].any()
    expected = bends._log_density(white, layer, bends._gauss(white, layer)).mean()
    assert layer.value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("used", [2, 3])
def test_fewer_features_may_be_used(used: int) -> None:
    white, direction = hidden_funnel()
    layer = bends._fit(white, bends._completed(direction), features_used=used)
    assert layer.features == used and layer.log_scales[:used, 1:].any(axis=1)[1]
    assert not layer.means[used:].any() and not layer.log_scales[used:].any()
    again = bends._fit(white, layer.axes, layer)
    assert again.features == used and not again.means[used:].any()
    np.testing.assert_array_equal(again.extent, layer.extent)


def test_the_density_of_points_in_a_layers_coordinates() -> None:
    """Of normal draws that a layer bends, it is theirs."""
    z, axes = normal(50, 3), np.linalg.qr(normal(3, 3, 2))[0]
    coefficients = 0.1 * np.random.default_rng(3).normal(size=(2, FEATURES, 3))
    coefficients[..., 0] = 0
    layer = bends._Layer(axes, *coefficients, EXTENT, FEATURES, 0.0)
    design = features(z[:, 0], EXTENT)
    log_scale = design @ layer.log_scales
    white = (design @ layer.means + np.exp(log_scale) * z) @ axes.T
    straight, log_det = bends._straight(white @ axes, layer)
    np.testing.assert_allclose(straight, z, atol=1e-12)
    np.testing.assert_allclose(log_det, -log_scale.sum(axis=1), atol=1e-12)
    value = bends._log_density(white, layer, bends._Gauss(np.zeros(3), np.eye(3)))
    np.testing.assert_allclose(value, -0.5 * np.sum(z**2, axis=1) - log_scale.sum(axis=1), atol=1e-11)


def test_slopes_are_derivatives_of_the_features() -> None:
    t, extent, step = np.linspace(-6.03, 6.1, 41), np.array([-4.0, 5.0]), 1e-6
    numerical = (features(t + step, extent) - features(t - step, extent)) / (2 * step)
    np.testing.assert_allclose(bends._slopes(t, extent), numerical, atol=1e-8)
    far = np.array([-900.0, 900.0])
    np.testing.assert_allclose(bends._slopes(far, 2 * far)[:, 3:], [[0.0] * 4, [1.0] * 4], atol=1e-12)


def test_the_score_is_the_derivative_as_the_axes_turn() -> None:
    """Of each point, with coefficients and the Gaussian as they are."""
    white, direction = hidden_funnel(n=300)
    layer = started(white, direction, 0.5)
    gauss, step = bends._gauss(white, layer), 1e-5
    score = bends._turning_score(white, layer)
    assert score.shape == (300, 3)

    def turned(j: int, angle: float) -> np.ndarray:
        axes = bends._turned(layer.axes, np.cos(angle) * layer.axes[:, 0] + np.sin(angle) * layer.axes[:, j])
        return bends._log_density(white, layer._replace(axes=axes), gauss)

    for j in range(1, 4):
        numerical = (turned(j, step) - turned(j, -step)) / (2 * step)
        np.testing.assert_allclose(score[:, j - 1], numerical, rtol=1e-5, atol=1e-5)
        assert score[:, j - 1].mean() == pytest.approx(numerical.mean(), abs=1e-7)


@pytest.mark.parametrize("angle", [0.3, 0.8])
def test_natural_gradient_steps_find_the_direction(angle: float) -> None:
    white, direction = hidden_funnel(d=6)
    start = started(white, direction, angle)
    assert abs(start.axes[:, 0] @ direction) == pytest.approx(np.cos(angle))
    layer = bends._refined(white, start, 40)
    assert abs(layer.axes[:, 0] @ direction) > 0.995
    np.testing.assert_allclose(layer.axes.T @ layer.axes, np.eye(6), atol=1e-12)


def test_no_step_lowers_the_objective() -> None:
    white, direction = hidden_funnel()
    start = started(white, direction, 0.8)
    values = [start.value, *(bends._refined(white, start, steps).value for steps in range(1, 9))]
    assert np.all(np.diff(values) >= 0) and values[-1] > values[0] + 0.1


@pytest.mark.parametrize("d", [2, 5])
def test_completed_axes_are_orthogonal(d: int) -> None:
    eye = np.eye(d)
    for v in (*normal(10, d), *eye, -eye[0], -eye[1], np.ones(d), eye[0] - eye[1], eye[0] + 1e-9 * eye[1]):
        v = v / np.linalg.norm(v)
        axes = bends._completed(v)
        np.testing.assert_allclose(axes[:, 0], v, atol=1e-8)
        np.testing.assert_allclose(axes.T @ axes, eye, atol=1e-8)
    near = bends._completed(eye[1])
    np.testing.assert_array_equal(near, eye[:, [1, 0, *range(2, d)]])


@pytest.mark.parametrize("angle", [0.0, 1e-14, 1e-6, 0.5, 2.0, np.pi - 1e-6])
def test_turned_axes_are_the_nearest_ones(angle: float) -> None:
    """What is perpendicular to both directions stays."""
    axes = np.linalg.qr(normal(4, 4))[0]
    direction = np.cos(angle) * axes[:, 0] + np.sin(angle) * axes[:, 2]
    turned = bends._turned(axes, 3 * direction)
    np.testing.assert_allclose(turned[:, 0], direction, atol=1e-9)
    np.testing.assert_allclose(turned.T @ turned, np.eye(4), atol=1e-9)
    np.testing.assert_allclose(turned[:, [1, 3]], axes[:, [1, 3]], atol=1e-9)
    assert np.linalg.det(turned) == pytest.approx(np.linalg.det(axes))


def test_many_turns_leave_axes_orthogonal() -> None:
    axes = np.linalg.qr(normal(6, 6))[0]
    for step in 0.2 * normal(100, 5, 1):
        axes = bends._turned(axes, axes[:, 0] + axes[:, 1:] @ step)
    np.testing.assert_allclose(axes.T @ axes, np.eye(6), atol=1e-12)


def test_aligned_axes_are_those_along_which_scales_change() -> None:
    z = normal(N, 4)
    z[:, 1:] *= np.exp(0.4 * z[:, :1] * [1.0, 0.0, -1.0])
    turn = np.eye(4)
    turn[1:, 1:] = np.linalg.qr(normal(3, 3, 7))[0]
    white = z @ turn.T
    axes = bends._aligned(white, bends._fit(white, np.eye(4)))
    np.testing.assert_allclose(np.abs(axes.T @ turn).max(axis=0), 1, atol=0.03)
    np.testing.assert_allclose(axes.T @ axes, np.eye(4), atol=1e-12)


def test_a_scatter_is_that_of_most_points() -> None:
    x = normal(N, 3) @ np.array([[1.0, 0.0, 0.0], [0.9, 0.2, 0.0], [0.0, 1.0, 3.0]]) + 5
    clean = bends._scatter(x)
    ratio = np.linalg.solve(clean.factor, Frame.of(x).factor)
    np.testing.assert_allclose(ratio / ratio[0, 0], np.eye(3), atol=0.05)
    spoilt = x.copy()
    spoilt[:40] *= 1e4
    frame = bends._scatter(spoilt)
    np.testing.assert_allclose(frame.shift, clean.shift, atol=0.1)
    np.testing.assert_allclose(np.linalg.solve(clean.factor, frame.factor), np.eye(3), atol=0.1)


@pytest.mark.parametrize("tails", [(0.3, 1.0, 0.0, 0.0), (0.0, 0.7, 0.1, 0.4), (-2.0, 3.0, 0.0, 1.0)])
def test_tails_give_the_points_quantiles(tails: tuple[float, ...]) -> None:
    t = stretched(normal(20_000, 1)[:, 0], tails)[0]
    quantiles = np.quantile(t, ndtr([-2.0, -1.0, 0.0, 1.0, 2.0]))
    there = stretched(np.array([-2.0, -1.0, 0.0, 1.0, 2.0]), bends._tails(t))[0]
    np.testing.assert_allclose(there, quantiles, atol=0.03 * t.std())


def test_tails_always_grow() -> None:
    for t in (np.random.default_rng(0).uniform(size=1000), np.ones(1000), np.repeat([0.0, 1.0], 500)):
        constant, along, left, right = bends._tails(t)
        assert np.isfinite(constant) and along >= 0.2 and left >= 0 and right >= 0
