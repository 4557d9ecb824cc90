"""Coordinates of a flow: there and back, their determinants, and what does nothing."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.pilot import Chart, Frame
from transjet.pilot.chart import FEATURES, KNOTS, LOG_SCALE, SHARPNESS, STRAIGHT, features, stretched, unstretched

D = 3
RANGES = (-3.0, 2.5), (-8.0, 8.0), (-1.0, 4.0)
TAILS = (0.1, 0.7, 0.05, 0.3), STRAIGHT, (-0.2, 1.1, 0.2, 0.0)


def bent_chart(layers: int = 3, d: int = D, seed: int = 0, size: float = 0.1) -> Chart:
    """Layers with moderate coefficients."""
    rng = np.random.default_rng(seed)
    means, log_scales = size * rng.normal(size=(2, layers, FEATURES, d))
    means[..., 0] = log_scales[..., 0] = 0
    factors = np.eye(d) + 0.3 * rng.normal(size=(layers, d, d))
    ranges, tails = np.array(RANGES[:layers]), np.array(TAILS[:layers])
    return Chart(rng.normal(size=(layers, d)), factors, means, log_scales, ranges, tails)


def lower(seed: int = 5) -> Frame:
    """A frame whose factor is far from 1."""
    rng = np.random.default_rng(seed)
    return Frame(rng.normal(size=D), np.tril(rng.normal(size=(D, D)), -1) + np.diag([0.5, 2.0, 1.3]))


def draws(n: int = 50, dtype: Any = jnp.float32) -> Any:
    return jnp.asarray(1.5 * np.random.default_rng(1).normal(size=(n, D)), dtype)


CHARTS = {"affine": Chart.affine(lower()), "bent": bent_chart(), "bent, then affine": bent_chart().then(lower())}


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize(("dtype", "error"), [(np.float64, 1e-11), (np.float32, 1e-4)])
def test_inward_undoes_outward(name: str, dtype: Any, error: float) -> None:
    with jax.enable_x64(dtype == np.float64):
        w, chart = draws(dtype=dtype), CHARTS[name]
        x, log_det = chart.outward_with_log_det(w)
        back, same = chart.inward_with_log_det(x)
        assert x.dtype == log_det.dtype == back.dtype == same.dtype == dtype
        np.testing.assert_allclose(back, w, atol=error)
        np.testing.assert_allclose(same, log_det, atol=error)
        np.testing.assert_array_equal(chart.outward(w), x)
        np.testing.assert_array_equal(chart.inward(x), back)


@pytest.mark.parametrize("name", CHARTS)
def test_the_log_determinant_is_that_of_the_jacobian(name: str, x64: None) -> None:
    w, chart = draws(dtype=jnp.float64), CHARTS[name]
    jacobian = jax.vmap(jax.jacobian(chart.outward))(w)
    np.testing.assert_allclose(chart.outward_with_log_det(w)[1], np.linalg.slogdet(jacobian)[1], rtol=1e-10)


def test_a_point_alone_is_like_one_of_many() -> None:
    w = draws()
    for chart in CHARTS.values():
        together = chart.outward_with_log_det(w)
        for one, all_of_them in zip(chart.outward_with_log_det(w[3]), together, strict=True):
            np.testing.assert_allclose(one, all_of_them[3], rtol=1e-5, atol=1e-6)


def test_a_layer_by_its_formula(x64: None) -> None:
    chart, w = bent_chart(1), np.asarray(draws(dtype=jnp.float64))
    for i in range(5):
        t, slope = stretched(w[i, 0], chart.tails[0])
        f = features(t, chart.ranges[0])
        p = [t, *(f @ chart.means[0, :, j] + np.exp(f @ chart.log_scales[0, :, j]) * w[i, j] for j in range(1, D))]
        x, log_det = chart.outward_with_log_det(jnp.asarray(w[i]))
        np.testing.assert_allclose(x, chart.shifts[0] + chart.factors[0] @ p, rtol=1e-12)
        expected = np.log(slope) + np.sum(f @ chart.log_scales[0]) + np.linalg.slogdet(chart.factors[0])[1]
        assert float(log_det) == pytest.approx(expected, rel=1e-12)


def test_a_frame_is_a_chart(x64: None) -> None:
    frame, w = lower(), draws(dtype=jnp.float64)
    chart = Chart.affine(frame)
    x, log_det = chart.outward_with_log_det(w)
    np.testing.assert_allclose(x, frame.outward(w), rtol=1e-14)
    np.testing.assert_allclose(log_det, frame.log_det, rtol=1e-14)
    np.testing.assert_allclose(chart.inward(x), frame.inward(x), atol=1e-13)
    for a, b in zip(Chart.affine(Frame.plain(D, np.float32)), chart, strict=True):
        assert (a.dtype, a.shape) == (np.float32, b.shape)


@pytest.mark.parametrize(("name", "layers"), [("affine", 1), ("bent", 4), ("bent, then affine", 4)])
def test_affine_coordinates_of_coordinates(name: str, layers: int, x64: None) -> None:
    """Only after a bent layer they need one of their own."""
    chart, inner, w = CHARTS[name], lower(6), draws(dtype=jnp.float64)
    both = chart.then(inner)
    x, log_det = chart.outward_with_log_det(inner.outward(w))
    np.testing.assert_allclose(both.outward(w), x, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(both.outward_with_log_det(w)[1], log_det + inner.log_det, rtol=1e-12)
    assert len(both.shifts) == layers and both.bends == chart.bends


@pytest.mark.parametrize("name", CHARTS)
def test_padding_changes_nothing(name: str, x64: None) -> None:
    chart, w = CHARTS[name], draws(dtype=jnp.float64)
    more = chart.padded(6)
    assert {len(a) for a in more} == {6} and more.bends == chart.bends
    for a, b in zip(more.outward_with_log_det(w), chart.outward_with_log_det(w), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(more.inward(chart.outward(w)), w, atol=1e-11)
    same = chart.padded(len(chart.shifts))
    for a, b in zip(same, chart, strict=True):
        np.testing.assert_array_equal(a, b)


def test_bends_are_layers_with_a_mean_a_scale_or_a_tail_of_their_own() -> None:
    straight = np.tile(STRAIGHT, (len(bent_chart().tails), 1))
    chart = bent_chart()._replace(tails=straight)
    assert [c.bends for c in CHARTS.values()] == [0, 3, 3]
    without = np.zeros_like(chart.means)
    one_mean, one_scale = without.copy(), without.copy()
    one_mean[0, 2, 1], one_scale[2, 1, 2] = 1e-3, -1e-3
    assert chart._replace(means=without, log_scales=without).bends == 0
    assert chart._replace(means=one_mean, log_scales=without).bends == 1
    assert chart._replace(means=one_mean, log_scales=one_scale).bends == 2
    one_tail = straight.copy()
    one_tail[1, 3] = 1e-3
    assert chart._replace(means=one_mean, log_scales=one_scale, tails=one_tail).bends == 3
    assert chart._replace(means=without, log_scales=without, tails=one_tail).bends == 1


def test_a_chart_is_an_argument_of_a_compiled_function() -> None:
    """Of one shape after padding, all charts share a program."""
    w, traces = draws(), []

    @jax.jit
    def there_and_back(chart: Chart, w: Any) -> Any:
        traces.append(1)
        x, log_det = chart.outward_with_log_det(w)
        return x, log_det, *chart.inward_with_log_det(x)

    for chart in CHARTS.values():
        x, log_det, back, same = there_and_back(chart.padded(4).astype(jnp.float32), w)
        np.testing.assert_allclose(x, chart.outward(w), rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(log_det, chart.outward_with_log_det(w)[1], atol=1e-4)
        np.testing.assert_allclose(back, w, atol=1e-3)
        np.testing.assert_allclose(same, log_det, atol=1e-3)
    assert len(traces) == 1


def test_a_whitened_density_is_the_density_in_the_coordinates(x64: None) -> None:
    """It is normalised if the other is."""
    chart = bent_chart(2, d=2)

    def log_density(x: Any) -> Any:
        return 1.5 - 0.5 * jnp.sum((x - 1) ** 2) - jnp.log(2 * jnp.pi)

    line = np.linspace(-9, 9, 401)
    grid = jnp.asarray(np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2))
    white = jax.vmap(chart.whitened(log_density, 1.5))(grid)
    assert float(jnp.exp(white).sum()) * (line[1] - line[0]) ** 2 == pytest.approx(1, abs=1e-4)
    x, log_det = chart.outward_with_log_det(grid)
    np.testing.assert_allclose(white, jax.vmap(log_density)(x) + log_det - 1.5, rtol=1e-12)


def test_a_frames_whitened_density() -> None:
    frame, y = lower(), draws()
    white = jax.vmap(frame.whitened(lambda x: jnp.sum(jnp.cos(x))))(y)
    expected = np.cos(np.asarray(frame.outward(np.asarray(y, float)))).sum(axis=1) + frame.log_det
    np.testing.assert_allclose(white, expected, atol=1e-4)


def test_far_away_all_numbers_and_gradients_are_finite() -> None:
    ways = np.concatenate([np.eye(D), -np.eye(D), [[1, -1, 1], [-1, 1, 1]]])
    w = jnp.asarray(np.concatenate([t * ways for t in (8.5, 50, 1e4)]), jnp.float32)
    for chart in (*CHARTS.values(), bent_chart(1, size=20.0)):
        x, log_det = chart.outward_with_log_det(w)
        assert np.isfinite(x).all() and np.isfinite(log_det).all()
        value, grad = jax.vmap(jax.value_and_grad(chart.whitened(lambda x: -jnp.sum(jnp.abs(x)))))(w)
        assert np.isfinite(value).all() and np.isfinite(grad).all()
        back, same = chart.inward_with_log_det(w)
        assert np.isfinite(back).all() and np.isfinite(same).all()


def test_outside_the_range_scales_stay_and_they_are_never_large() -> None:
    chart, w = bent_chart(1)._replace(tails=np.array([STRAIGHT])), np.zeros((4, D), np.float32)
    w[:, 0] = -900, RANGES[0][0], RANGES[0][1], 900
    log_det = np.asarray(chart.outward_with_log_det(jnp.asarray(w))[1])
    np.testing.assert_allclose(log_det[[0, 3]], log_det[[1, 2]], rtol=1e-6)
    assert abs(log_det[1] - log_det[2]) > 0.1
    log_scales = np.zeros_like(chart.log_scales)
    log_scales[0, 0, 1:] = 100, -100
    large = chart._replace(log_scales=log_scales, factors=np.eye(D)[None], means=np.zeros_like(log_scales))
    x = np.asarray(large.outward(jnp.asarray(np.ones((1, D), np.float32))), float) - large.shifts
    np.testing.assert_allclose(x[0, 1:], np.exp([LOG_SCALE, -LOG_SCALE]), rtol=1e-4, atol=1e-6)


def test_features_by_their_formula(x64: None) -> None:
    t, extent = np.linspace(-6, 6, 25), np.array([-4.0, 5.0])
    inside = np.minimum(np.maximum(t, -4), 5)
    expected = [np.ones(25), inside, inside**2 / 4]
    expected += [np.log1p(np.exp(SHARPNESS * (inside - knot))) / SHARPNESS for knot in KNOTS]
    values = features(t, extent)
    assert values.shape == (25, FEATURES)
    np.testing.assert_allclose(values, np.stack(expected, axis=-1), rtol=1e-13)
    np.testing.assert_allclose(features(jnp.asarray(t), jnp.asarray(extent), jnp), values, rtol=1e-13)
    single = features(jnp.asarray(t, jnp.float32), jnp.asarray(extent, jnp.float32), jnp)
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(single, values, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("tails", TAILS)
def test_a_stretched_coordinate_and_its_slope(tails: tuple[float, ...], x64: None) -> None:
    w = jnp.linspace(-30, 30, 301)
    value, slope = stretched(w, jnp.asarray(tails), jnp)
    expected = jax.vmap(jax.grad(lambda w: stretched(w, jnp.asarray(tails), jnp)[0]))(w)
    np.testing.assert_allclose(slope, expected, rtol=1e-9)
    assert np.all(slope > 0)
    np.testing.assert_allclose(unstretched(value, jnp.asarray(tails), jnp), w, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(stretched(np.asarray(w), tails)[0], value, rtol=1e-13)
    np.testing.assert_allclose(unstretched(np.asarray(value), tails), w, rtol=1e-12, atol=1e-12)


def test_stretched_tails_grow_as_squares() -> None:
    w = np.array([-1e4, 1e4])
    np.testing.assert_allclose(stretched(w, (0.0, 1.0, 0.5, 2.0))[0] / w**2, [-0.5, 2.0], rtol=1e-3)
    np.testing.assert_array_equal(stretched(w, STRAIGHT)[0], w)


@pytest.mark.parametrize("tails", TAILS)
@pytest.mark.parametrize("t", [1e-6, 1.0, 1e2, 1e5])
def test_stretching_is_undone_in_single_precision(tails: tuple[float, ...], t: float) -> None:
    ends, tails = jnp.array([-t, t]), jnp.array(tails)
    w = unstretched(ends, tails, jnp)
    np.testing.assert_allclose(stretched(w, tails, jnp)[0], ends, rtol=1e-5, atol=1e-6)


def test_frames_make_points_white() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 3)) @ rng.normal(size=(3, 3)) @ np.diag([1e-3, 1.0, 1e4]) + [5.0, -2e3, 0.1]
    shift, factor = Frame.of(x)
    y = np.linalg.solve(factor, (x - shift).T).T
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(np.cov(y.T), np.eye(3), atol=1e-3)
    for flat in (np.ones((50, 2)), np.column_stack([np.arange(50.0), np.arange(50.0)]), rng.normal(size=(20, 1))):
        shift, factor = Frame.of(flat)
        assert factor.shape == (flat.shape[1],) * 2 and np.isfinite(factor).all() and np.all(np.diagonal(factor) > 0)
