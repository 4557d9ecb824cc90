"""Bent coordinates of points: directions along which a Gaussian's mean and scales change, found one after the other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls
from scipy.special import ndtr

from transjet.pilot.chart import (
    FEATURES,
    KNOTS,
    LOG_SCALE,
    SHARPNESS,
    STRAIGHT,
    Chart,
    Frame,
    features,
    stretch_terms,
    unstretched,
)

_GAIN = 0.03  # nats a point that a layer must gain on points that were left out
_ERRORS = 2.0  # standard errors of that gain
_LINEAR, _QUADRATIC = 2, 3  # features: 1, t; and t^2
_SCREENED = 2000  # points of a first look
_TURNED, _REFINED = 6, 3  # directions that are turned for a while, and to the end
_SAME = 0.95  # cosine from which on two directions are one
_RIDGE = np.array([0.0, 1e-4, 1e-3] + [1e-2] * len(KNOTS))  # for each point
_RIDGE_SCALES = np.array([0.0, 1e-4, 1e9] + [1e-2] * len(KNOTS))  # log scales are not quadratic: tails would vanish
_FLOOR = 1e-9
_LONGEST = 2.0  # natural-gradient steps at once
_OUTERMOST, _LEAST_SLOPE = 3.3, 0.2  # of a normal variable that is stretched to have the points' quantiles
_TAIL, _BEYOND = 1e-3, 1.0  # share of the points on each side of a range, and by how much it is wider than that
_FARTHEST = 8.0  # end of the range of what is linear or quadratic
_DOF = 3.0  # of a fit of Student's t: a covariance would be that of the farthest points


class _Layer(NamedTuple):
    """One layer without its tails.

    Axes (d, d), the first of them the direction, coefficients of means and log scales, the range in which they vary,
    how many features they use, and the mean log density of the points that it was fitted to.
    """

    axes: np.ndarray
    means: np.ndarray
    log_scales: np.ndarray
    extent: np.ndarray
    features: int
    value: float


class _Gauss(NamedTuple):
    mean: np.ndarray
    covariance: np.ndarray


def bent(x: np.ndarray, most: int, seed: int = 0) -> tuple[Chart, np.ndarray]:
    """Coordinates in which points are nearer to a Gaussian, by as many bent layers as pay.

    Each layer is the best found of many directions: the coordinates, and those along which third and fourth moments
    of the white points are large, turned by natural-gradient steps on the likelihood. It is kept if points that it was
    not fitted to are more likely by it.

    Args:
        x: points of equal weight, (n, d), float64.
        most: layers.
        seed: of the halves and of directions.

    Returns:
        The chart, its last layer affine, without any bend where nothing is gained; the points in its coordinates.
    """
    rng = np.random.default_rng(seed)
    layers: list[tuple[np.ndarray, ...]] = []
    frame, y = _scatter(x), x
    while len(layers) < most and x.shape[1] > 1:
        white = np.linalg.solve(frame.factor, (y - frame.shift).T).T
        try:
            found = _layer(white, frame.factor, rng)
        except np.linalg.LinAlgError:  # points that coincide, or some that are absurdly far away
            found = None
        if found is None:
            break
        y = _straight(white @ found.axes, found)[0]
        tails = _tails(y[:, 0])
        y[:, 0] = unstretched(y[:, 0], tails)
        layers.append((frame.shift, frame.factor @ found.axes, found.means, found.log_scales, found.extent, tails))
        frame = _scatter(y)
    frame, none = Frame.of(y), np.zeros((FEATURES, x.shape[1]))
    layers.append((frame.shift, frame.factor, none, none, np.zeros(2), np.asarray(STRAIGHT)))
    chart = Chart(*(np.stack(arrays) for arrays in zip(*layers, strict=True)))
    return chart, np.linalg.solve(frame.factor, (y - frame.shift).T).T


def _scatter(x: np.ndarray) -> Frame:
    """Coordinates in which most points are white, wherever the others are."""
    frame = Frame.of(x)
    for _ in range(20):
        away = np.linalg.solve(frame.factor, (x - frame.shift).T).T
        weights = (_DOF + x.shape[1]) / (_DOF + np.sum(away**2, axis=1))
        shift = weights @ x / weights.sum()
        root = np.sqrt(weights / weights.sum())[:, None] * (x - shift)
        scale = np.sqrt(np.sum(root**2, axis=0)) + 1e-30
        correlation = (root / scale).T @ (root / scale) + 1e-6 * np.eye(x.shape[1])
        frame = Frame(shift, scale[:, None] * np.linalg.cholesky(correlation))
    return frame


def _layer(white: np.ndarray, factor: np.ndarray, rng: np.random.Generator) -> _Layer | None:
    """The best layer for white points (n, d), or None if it is not worth it."""
    n, d = white.shape
    order = rng.permutation(n)
    train, test = white[order[: n // 2]], white[order[n // 2 :]]
    directions = _directions(train, factor, rng)
    look = train[:_SCREENED]
    values = [_fit(look, _completed(v), features_used=_QUADRATIC, rounds=1).value for v in directions]
    chosen: list[int] = []
    for i in np.argsort(np.nan_to_num(values, nan=-np.inf))[::-1]:
        if len(chosen) < _TURNED and all(abs(directions[i] @ directions[j]) < _SAME for j in chosen):
            chosen.append(int(i))
    quadratic = [_fit(train, _completed(directions[i]), features_used=_QUADRATIC) for i in chosen]
    layers = sorted((_refined(train, layer, 12) for layer in quadratic), key=lambda layer: -layer.value)[:_REFINED]
    best = max((_refined(train, layer, 40) for layer in layers), key=lambda layer: layer.value)

    def tested(layer: _Layer) -> np.ndarray:
        return _log_density(test, layer, _gauss(train, layer))

    axes = _aligned(train, best)
    others = [_refined(train, _fit(train, axes, features_used=k), 12) for k in (_LINEAR, FEATURES)]
    layers = [others[0], best, others[1]]
    best = max(layers, key=lambda layer: tested(layer).mean())
    none = np.zeros((FEATURES, d))
    if not _exceeds(tested(best) - tested(_Layer(np.eye(d), none, none, np.zeros(2), 0, 0.0)), _ERRORS, _GAIN):
        return None
    # What is not needed would be noise where points are rare.
    best = next(layer for layer in layers if not _exceeds(tested(best) - tested(layer), 1.0))
    return _refined(white, best, 12)


def _aligned(white: np.ndarray, layer: _Layer) -> np.ndarray:
    """The layer's axes, those after the first turned so that variances along them change as differently as may be.

    Between these axes there is no correlation that comes and goes with the first coordinate.
    """
    p = white @ layer.axes
    rest = (p - features(p[:, 0], layer.extent) @ layer.means)[:, 1:]
    changes = (rest * np.clip(p[:, :1], -3, 3)).T @ rest
    return np.concatenate([layer.axes[:, :1], layer.axes[:, 1:] @ np.linalg.eigh(changes)[1]], axis=1)


def _exceeds(gain: np.ndarray, errors: float, least: float = 0.0) -> bool:
    """Whether the mean of some numbers is above zero by its standard errors, and by the least."""
    return bool(gain.mean() > max(least, errors * gain.std() / np.sqrt(len(gain))))


def _directions(white: np.ndarray, factor: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Unit vectors (d,): the coordinates, the gradient of the radius, eigenvectors of third and fourth moments."""
    n, d = white.shape
    square = np.sum(white**2, axis=1)
    along = square @ white
    unit = [*factor, along]
    q = white * np.minimum(1, 3 * np.sqrt(d) / np.sqrt(square + _FLOOR))[:, None]  # single points would rule otherwise
    weights = [q @ along / (np.linalg.norm(along) + _FLOOR), np.sum(q**2, axis=1), *(q @ rng.standard_normal((d, 3))).T]
    for weight in weights:
        values, vectors = np.linalg.eigh((q * weight[:, None]).T @ q / n)
        unit += list(vectors[:, np.argsort(-np.abs(values - np.median(values)))[:8]].T)
    return [v / np.linalg.norm(v) for v in unit if v.any()]


def _completed(v: np.ndarray) -> np.ndarray:
    """Axes (d, d) of which the first is v and the others are near to coordinates."""
    d, i = len(v), int(np.argmax(np.abs(v)))
    sign = 1.0 if v[i] >= 0 else -1.0
    mirror = np.eye(d)[i] - sign * v
    square = mirror @ mirror
    axes = np.eye(d) - (2 * np.outer(mirror, mirror) / square if square > 1e-20 else 0)
    axes = axes[:, [i, *(j for j in range(d) if j != i)]]
    axes[:, 0] *= sign
    return axes


def _fit(
    white: np.ndarray,
    axes: np.ndarray,
    start: _Layer | None = None,
    *,
    features_used: int = FEATURES,
    rounds: int = 4,
) -> _Layer:
    """Means and log scales along the first axis: least squares, and a log-linear regression of squares, in turn."""
    p = white @ axes
    (n, d), k = p.shape, features_used if start is None else start.features
    extent = _extent(p[:, 0], k) if start is None else start.extent
    design, rest = features(p[:, 0], extent)[:, :k], p[:, 1:]
    ridge, ridge_scales = n * (_RIDGE[:k] + _FLOOR), n * (_RIDGE_SCALES[:k] + _FLOOR)
    products = (design[:, :, None] * design[:, None, :]).reshape(n, k * k)
    gram = products.sum(axis=0).reshape(k, k)
    inverse = np.linalg.inv(gram + np.diag(ridge_scales))
    if start is None:
        m, s = np.linalg.solve(gram + np.diag(ridge), design.T @ rest), np.zeros((k, d - 1))
        s[0] = 0.5 * np.log(np.mean((rest - design @ m) ** 2, axis=0) + 1e-12)
    else:
        m, s = start.means[:k, 1:], start.log_scales[:k, 1:]
    for _ in range(rounds):
        square = (rest - design @ m) ** 2
        for _ in range(3):
            excess = square * np.exp(-2 * _limited(design @ s)) - 1
            step = inverse @ (design.T @ np.minimum(excess, 10) - 2 * ridge_scales[:, None] * s)
            s = s + 0.5 * np.clip(step, -1, 1)
        weights = np.exp(-2 * _limited(design @ s))
        weights /= weights.mean(axis=0)
        grams = (products.T @ weights).T.reshape(d - 1, k, k) + np.diag(ridge)
        m = np.linalg.solve(grams, (design.T @ (weights * rest)).T[..., None])[..., 0].T
    means, log_scales = np.zeros((2, FEATURES, d))
    means[:k, 1:], log_scales[:k, 1:] = m, s
    layer = _Layer(axes, means, log_scales, extent, k, 0.0)
    return layer._replace(value=float(np.mean(_log_density(white, layer, _gauss(white, layer)))))


def _extent(t: np.ndarray, features_used: int) -> np.ndarray:
    """Where functions of t are trusted: those of few features everywhere, others about as far as there are points."""
    if features_used <= _QUADRATIC:
        return np.array([-_FARTHEST, _FARTHEST])
    return np.quantile(t, (_TAIL, 1 - _TAIL)) + np.array([-_BEYOND, _BEYOND])


def _tails(t: np.ndarray) -> np.ndarray:
    """Coefficients with which a normal variable, stretched, has the quantiles of t (n,)."""
    normal = np.linspace(-_OUTERMOST, _OUTERMOST, 67)
    share = ndtr(normal)
    weight = np.exp(-0.5 * normal**2) / np.sqrt(share * (1 - share))  # inverse errors of quantiles
    one, along, left, right = stretch_terms(normal)
    design = np.stack([one, -one, along - _LEAST_SLOPE * along, left, right], axis=1)  # a mean of either sign
    found = nnls(weight[:, None] * design, weight * (np.quantile(t, share) - _LEAST_SLOPE * along))[0]
    return np.array([found[0] - found[1], _LEAST_SLOPE + (1 - _LEAST_SLOPE) * found[2], found[3], found[4]])


def _limited(log: np.ndarray) -> np.ndarray:
    return np.clip(log, -LOG_SCALE, LOG_SCALE)


def _straight(p: np.ndarray, layer: _Layer) -> tuple[np.ndarray, np.ndarray]:
    """Points in the layer's coordinates, and the log determinant of what led there."""
    design = features(p[:, 0], layer.extent)
    log_scale = _limited(design @ layer.log_scales)
    return (p - design @ layer.means) * np.exp(-log_scale), -log_scale.sum(axis=1)


def _gauss(white: np.ndarray, layer: _Layer) -> _Gauss:
    z = _straight(white @ layer.axes, layer)[0]
    return _Gauss(z.mean(axis=0), np.cov(z.T) + 1e-6 * np.eye(z.shape[1]))


def _log_density(white: np.ndarray, layer: _Layer, gauss: _Gauss) -> np.ndarray:
    """Of points, if they are this Gaussian in the layer's coordinates, up to a constant."""
    z, log_det = _straight(white @ layer.axes, layer)
    away = np.linalg.solve(np.linalg.cholesky(gauss.covariance), (z - gauss.mean).T)
    value: np.ndarray = log_det - 0.5 * np.sum(away**2, axis=0) - 0.5 * np.linalg.slogdet(gauss.covariance)[1]
    return value


def _refined(white: np.ndarray, layer: _Layer, steps: int) -> _Layer:
    """Turn the direction by natural-gradient steps on the mean log density, refitting after each."""
    size, d = 1.0, white.shape[1]
    for _ in range(steps):
        score = _turning_score(white, layer)
        length = np.linalg.norm(score, axis=1)
        score *= np.minimum(1, 10 * np.median(length) / (length + 1e-30))[:, None]
        fisher = score.T @ score / len(score)
        damping = 0.02 * np.trace(fisher) / (d - 1) + 1e-12
        step = size * np.linalg.solve(fisher + damping * np.eye(d - 1), score.mean(axis=0))
        step *= min(1.0, 0.4 / (float(np.linalg.norm(step)) + 1e-30))
        axes = _turned(layer.axes, layer.axes[:, 0] + layer.axes[:, 1:] @ step)
        new = _fit(white, axes, layer, rounds=2)
        gain = new.value - layer.value
        layer, size = (new, min(_LONGEST, 2 * size)) if gain > 0 else (layer, size / 4)
        if 0 < gain < 2e-4 or size < 0.02:
            break
    return layer


def _turning_score(white: np.ndarray, layer: _Layer) -> np.ndarray:
    """Derivative of each point's log density as the first axis turns towards each other one, (n, d - 1)."""
    p, gauss = white @ layer.axes, _gauss(white, layer)
    design, slopes, t = features(p[:, 0], layer.extent), _slopes(p[:, 0], layer.extent), p[:, 0]
    shrink = np.exp(-_limited(design @ layer.log_scales))
    z = (p - design @ layer.means) * shrink
    pull = np.linalg.solve(gauss.covariance, (z - gauss.mean).T).T
    growth = slopes @ layer.log_scales
    moves = (slopes @ layer.means) * shrink + z * growth
    along = -pull[:, 0] + np.sum(pull[:, 1:] * moves[:, 1:], axis=1) - growth.sum(axis=1)
    score: np.ndarray = along[:, None] * p[:, 1:] + pull[:, 1:] * shrink[:, 1:] * t[:, None]
    return score


def _slopes(t: np.ndarray, extent: np.ndarray) -> np.ndarray:
    """Derivatives of `features`."""
    t = t[:, None]
    hinges = 1 / (1 + np.exp(np.clip(SHARPNESS * (np.asarray(KNOTS) - t), -50, 50)))
    slopes = np.concatenate([np.zeros_like(t), np.ones_like(t), t / 2, hinges], axis=1)
    inside: np.ndarray = (t > extent[0]) & (t < extent[1])
    return slopes * inside


def _turned(axes: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Axes (d, d) after the smallest rotation that takes the first to a direction."""
    old, new = (v / np.linalg.norm(v) for v in (axes[:, 0], direction))
    cosine = float(old @ new)
    across = new - cosine * old
    sine = float(np.linalg.norm(across))
    if sine < 1e-12:
        return axes
    across /= sine
    plane = np.outer(old, old) + np.outer(across, across)
    turn = np.eye(len(old)) + (cosine - 1) * plane + sine * (np.outer(across, old) - np.outer(old, across))
    turned: np.ndarray = turn @ axes
    return turned
