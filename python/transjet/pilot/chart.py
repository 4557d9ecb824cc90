"""Coordinates of a flow: affine ones, and bent ones in which the target is about a Gaussian."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array
LogDensity = Callable[[Array], Array]
KNOTS = (-1.5, -0.5, 0.5, 1.5)
SHARPNESS = 2.5
LOG_SCALE = 12.0  # the largest log scale
FEATURES = 3 + len(KNOTS)
STRAIGHT = (0.0, 1.0, 0.0, 0.0)  # coefficients with which nothing is stretched
_NEWTON = 8


class Frame(NamedTuple):
    """Coordinates y with x = s + L y.

    Attributes:
        shift: s, (d,).
        factor: L, lower triangular, (d, d).
    """

    shift: np.ndarray
    factor: np.ndarray

    @staticmethod
    def plain(dim: int, dtype: Any = np.float64) -> Frame:
        """x itself."""
        return Frame(np.zeros(dim, dtype), np.eye(dim, dtype=dtype))

    @staticmethod
    def of(x: np.ndarray) -> Frame:
        """Coordinates in which points (n, d) have mean 0 and covariance 1."""
        shift, d = x.mean(axis=0), x.shape[1]
        scale = x.std(axis=0) + 1e-30
        correlation = np.atleast_2d(np.cov(((x - shift) / scale).T)) + 1e-6 * np.eye(d)
        return Frame(shift, scale[:, None] * np.linalg.cholesky(correlation))

    @property
    def log_det(self) -> float:
        """log |det L|."""
        return float(np.sum(np.log(np.diagonal(self.factor))))

    def outward(self, y: Any) -> Any:
        """x of y, (n, d)."""
        return y @ self.factor.T + self.shift

    def inward(self, x: Any) -> Array:
        """y of x, (n, d)."""
        factor = jnp.asarray(self.factor, x.dtype)
        y: Array = jax.scipy.linalg.solve_triangular(factor, (x - self.shift).astype(x.dtype).T, lower=True).T
        return y

    def whitened(self, log_density: LogDensity) -> LogDensity:
        """log rho as a density in y."""
        return Chart.affine(self).whitened(log_density)


class Chart(NamedTuple):
    """Coordinates w of layers: each is bent along its first coordinate, and then affine.

    One layer takes w to p with p_1 = g(w_1) and p_j = m_j(p_1) + exp(s_j(p_1)) w_j, and p to c + F p, which is the w
    of the layer before, or x. The functions m_j and s_j are combinations of `features`, g is `stretched`. A funnel is
    a Gaussian with a scale that grows exponentially along one direction, a banana one with a mean that moves.

    Attributes:
        shifts: c of all layers, the one next to x first, (l, d).
        factors: F, (l, d, d).
        means: coefficients of m, (l, FEATURES, d); zero in the first coordinate.
        log_scales: coefficients of s, (l, FEATURES, d); zero in the first coordinate.
        ranges: of p_1, outside which m and s stay what they are at the ends, (l, 2).
        tails: coefficients of g, (l, 4).
    """

    shifts: Any
    factors: Any
    means: Any
    log_scales: Any
    ranges: Any
    tails: Any

    @staticmethod
    def affine(frame: Frame) -> Chart:
        """The coordinates of a frame."""
        none = np.zeros((1, FEATURES, len(frame.shift)), frame.factor.dtype)
        ranges, tails = np.zeros((1, 2), none.dtype), np.asarray([STRAIGHT], none.dtype)
        return Chart(frame.shift[None], frame.factor[None], none, none, ranges, tails)

    @property
    def bends(self) -> int:
        """Layers that are bent."""
        return int(np.sum(self._is_bent()))

    def _is_bent(self) -> np.ndarray:
        stretched = np.any(np.asarray(self.tails) != STRAIGHT, axis=1)
        is_bent: np.ndarray = stretched | np.any(self.means, axis=(1, 2)) | np.any(self.log_scales, axis=(1, 2))
        return is_bent

    def then(self, frame: Frame) -> Chart:
        """Affine coordinates of these coordinates: w = s + L w'."""
        shift, factor = self.shifts[-1], self.factors[-1]
        if self._is_bent()[-1]:
            more = Chart.affine(frame)
            return Chart(*(np.concatenate(pair) for pair in zip(self, more, strict=True)))
        shifts = np.concatenate([self.shifts[:-1], (shift + factor @ frame.shift)[None]])
        return self._replace(shifts=shifts, factors=np.concatenate([self.factors[:-1], (factor @ frame.factor)[None]]))

    def padded(self, layers: int) -> Chart:
        """The same with so many layers, of which those that were missing do nothing."""
        d, missing = self.shifts.shape[1], layers - len(self.shifts)
        none = np.zeros((missing, FEATURES, d))
        eyes = np.broadcast_to(np.eye(d), (missing, d, d))
        idle = Chart(np.zeros((missing, d)), eyes, none, none, np.zeros((missing, 2)), np.tile(STRAIGHT, (missing, 1)))
        return Chart(*(np.concatenate(pair) for pair in zip(self, idle, strict=True)))

    def astype(self, dtype: Any) -> Chart:
        """In another precision, as arrays of JAX."""
        return Chart(*(jnp.asarray(a, dtype) for a in self))

    def outward_with_log_det(self, w: Array) -> tuple[Array, Array]:
        """x of points w (n, d) or (d,), and the log of the absolute determinant of its derivative there."""

        def layer(carry: tuple[Array, Array], params: Chart) -> tuple[tuple[Array, Array], None]:
            w, log_det = carry
            t, slope = stretched(w[..., 0], params.tails, jnp)
            mean, log_scale = _bent(params, t)
            p = mean + jnp.exp(log_scale) * jnp.concatenate([t[..., None], w[..., 1:]], axis=-1)
            return (
                _times(p, params.factors.T) + params.shifts,
                log_det + jnp.sum(log_scale, axis=-1) + jnp.log(slope),
            ), None

        layers, constant = self.astype(w.dtype), self._constant(w.dtype)
        if len(layers.shifts) == 1 and isinstance(self.means, np.ndarray) and not self.bends:
            return _times(w, layers.factors[0].T) + layers.shifts[0], jnp.broadcast_to(constant, w.shape[:-1])
        start = w, jnp.broadcast_to(constant, w.shape[:-1])
        return jax.lax.scan(layer, start, layers, reverse=True)[0]

    def inward_with_log_det(self, x: Array) -> tuple[Array, Array]:
        """w of points x (n, d), and the log of the absolute determinant of x as a function of w there."""

        def layer(carry: tuple[Array, Array], params: Chart) -> tuple[tuple[Array, Array], None]:
            x, log_det = carry
            p = jnp.linalg.solve(params.factors, (x - params.shifts).T).T
            mean, log_scale = _bent(params, p[:, 0])
            first = unstretched(p[:, 0], params.tails, jnp)
            log_det = log_det + jnp.sum(log_scale, axis=1) + jnp.log(stretched(first, params.tails, jnp)[1])
            return (((p - mean) * jnp.exp(-log_scale)).at[:, 0].set(first), log_det), None

        start = x, jnp.broadcast_to(self._constant(x.dtype), x.shape[:1])
        return jax.lax.scan(layer, start, self.astype(x.dtype))[0]

    def outward(self, w: Array) -> Array:
        """x of points w, (n, d)."""
        return self.outward_with_log_det(w)[0]

    def inward(self, x: Array) -> Array:
        """w of points x, (n, d)."""
        return self.inward_with_log_det(x)[0]

    def whitened(self, log_density: LogDensity, log_z: float = 0.0) -> LogDensity:
        """log rho as a density in w, minus log_z."""

        def white(w: Array) -> Array:
            x, log_det = self.outward_with_log_det(w)
            return log_density(x) + log_det - jnp.asarray(log_z, w.dtype)

        return white

    def _constant(self, dtype: Any) -> Any:
        """The part of the log determinant that is the same everywhere."""
        if isinstance(self.factors, np.ndarray):
            return jnp.asarray(np.linalg.slogdet(self.factors)[1].sum(), dtype)
        return jnp.sum(jnp.linalg.slogdet(self.factors)[1])


def features(t: Any, extent: Any, xp: Any = np) -> Any:
    """Functions of t (...,) within a range (2,) of which m and s are combinations, (..., FEATURES).

    They are 1, t, t^2 / 4 and smooth hinges; outside the range they stay what they are at its ends.
    """
    t = xp.clip(t, extent[0], extent[1])[..., None]
    hinges = xp.logaddexp(xp.zeros_like(t), SHARPNESS * (t - xp.asarray(KNOTS, t.dtype))) / SHARPNESS
    return xp.concatenate([xp.ones_like(t), t, t * t / 4, hinges], axis=-1)


def stretch_terms(w: Any, xp: Any = np) -> tuple[Any, Any, Any, Any]:
    """The functions of w of which g is a combination: 1, w, and what grows as -w^2 to the left, w^2 to the right."""
    root = xp.sqrt(1 + w * w)
    return xp.ones_like(w), w, -(((root - w) / 2) ** 2), ((root + w) / 2) ** 2


def stretched(w: Any, tails: Any, xp: Any = np) -> tuple[Any, Any]:
    """g(w) and its slope: tails are exponential where the last two coefficients, none negative, are above 0."""
    terms = stretch_terms(w, xp)
    slope = tails[1] + 2 * (tails[3] * terms[3] - tails[2] * terms[2]) / xp.sqrt(1 + w * w)
    return sum(c * f for c, f in zip(tails, terms, strict=True)), slope


def unstretched(t: Any, tails: Any, xp: Any = np) -> Any:
    """w with g(w) = t, by Newton's method."""
    away = (t - tails[0]) / tails[1]
    curved = xp.where(away > 0, tails[3], tails[2]) / tails[1]
    w = 2 * away / (1 + xp.sqrt(1 + 4 * curved * xp.abs(away)))
    for _ in range(_NEWTON):
        value, slope = stretched(w, tails, xp)
        w = w - (value - t) / slope
    return w


def _bent(params: Chart, t: Array) -> tuple[Array, Array]:
    """m and s at t (...,), (..., d)."""
    values = features(t, params.ranges, jnp)
    return _times(values, params.means), jnp.clip(_times(values, params.log_scales), -LOG_SCALE, LOG_SCALE)


def _times(a: Array, b: Array) -> Array:
    """A product in full precision on any device: the way back is a solve, and must agree."""
    return jnp.matmul(a, b, precision="highest")
