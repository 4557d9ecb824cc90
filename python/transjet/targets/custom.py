"""Targets from a user's own log density, checked before any training starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from transjet.errors import DTypeError, ShapeError, TargetError, TransjetError
from transjet.targets.base import LogDensity, Sampler, Target, pointwise

# Points probed per region; enough to meet a defect that fills 5 % of a region with probability 0.999.
_PROBES = 128


def from_log_density(
    fn: LogDensity,
    dim: int,
    *,
    name: str = "custom",
    log_z: float | None = None,
    sample: Sampler | None = None,
    modes: Any = None,
    mode_weights: Any = None,
    box: Any = None,
    mean: Any = None,
    std: Any = None,
    prior_std: float = 1.0,
    description: str = "",
) -> Target:
    """Make a target of an unnormalised log density.

    ``fn`` is traced, then evaluated with its gradient at random points of the prior N(0, prior_std^2 I), of
    one three times as wide, of the box and at the modes where these are given. -inf is allowed (the density
    has an edge), except at a mode or everywhere.

    Passing these checks is not enough for training, though: the residual needs log rho and its gradient at every
    collocation point. A density with an edge inside the box or the cloud gives points where they are not finite, and
    steps that meet such points are rejected. The remedy is a change of variables that moves the edge to infinity,
    such as x = exp(y) for x > 0, with the log of its Jacobian added to log rho.

    Args:
        fn: maps one point (dim,) to log rho, a float32 or float64 scalar, written with ``jax.numpy``.
        dim: number of coordinates.
        name: short name for tables and files.
        log_z: log of the integral of rho, if known.
        sample: ``sample(key, n)`` that draws exact samples (n, dim), if there is one.
        modes: (m, dim) one point per mode, if known.
        mode_weights: (m,) share of the mass per mode, if known.
        box: (lower (dim,), upper (dim,)) a box that holds nearly all mass, if known.
        mean: (dim,) exact mean, if known.
        std: (dim,) exact standard deviations, if known.
        prior_std: standard deviation of the Gaussian prior.
        description: one line for listings.

    Returns:
        The target. Its ``log_density`` keeps the dtype of the point.

    Raises:
        TargetError: ``fn`` raises, cannot be traced or differentiated, gives NaN or +inf, or -inf everywhere.
        ShapeError: ``fn`` or ``sample`` gives an array of the wrong shape.
        DTypeError: ``fn`` or ``sample`` is not callable or gives the wrong dtype.
        ConfigError: ``prior_std`` or ``log_z`` is out of range.

    Example:
        >>> import jax.numpy as jnp
        >>> target = from_log_density(lambda x: -jnp.sum(jnp.abs(x)), 2, name="laplace")
        >>> float(target.log_density(jnp.array([1.0, -2.0])))
        -3.0
    """
    target = Target(
        name=name,
        dim=dim,
        log_density=fn,
        log_z=log_z,
        sample=sample,
        modes=modes,
        mode_weights=mode_weights,
        box=box,
        mean=mean,
        std=std,
        prior_std=prior_std,
        description=description,
    )
    _check_trace(fn, target.dim)
    object.__setattr__(target, "log_density", pointwise(fn, target.dim))
    _check_values(target)
    if sample is not None:
        _check_sample(sample, target.dim)
    return target


def _check_trace(fn: LogDensity, dim: int) -> None:
    point = jax.ShapeDtypeStruct((dim,), jnp.float32)
    kinds: list[type] = []

    def recorded(x: jax.Array) -> Any:
        out = fn(x)
        kinds.append(type(out) if not isinstance(out, jax.Array) else jax.Array)
        return out

    out = _guarded(lambda: jax.eval_shape(recorded, point), dim)
    if kinds[-1] is not jax.Array:
        raise TargetError(
            f"log_density must return a JAX array that depends on x, got a {kinds[-1].__name__}; "
            "compute with jax.numpy and return the scalar without float() or .item()"
        )
    if out.shape != ():
        raise ShapeError(f"log_density must map a point ({dim},) to a scalar, got shape {out.shape}; sum its terms")
    if out.dtype not in (jnp.float32, jnp.float64):
        raise DTypeError(f"log_density must return float32 or float64, got {out.dtype}; do not cast its result")
    _guarded(lambda: jax.eval_shape(jax.grad(fn), point), dim)


def _guarded(call: Callable[[], Any], dim: int) -> Any:
    """Run a call into the user's code and translate what it raises."""
    try:
        return call()
    except TransjetError:
        raise
    except jax.errors.JAXTypeError as err:
        raise TargetError(
            "log_density turns the point into a Python number or a NumPy array, so that JAX cannot trace it; "
            "use jax.numpy functions, jnp.where instead of if, and no float()"
        ) from err
    except Exception as err:
        raise TargetError(
            f"log_density failed on a float32 point of shape ({dim},) under jax.grad or jax.vmap: "
            f"{type(err).__name__}: {err}; check that dim fits it and that it takes one point, not a batch"
        ) from err


def _probe_points(target: Target) -> jax.Array:
    """Return points of the prior, of a wider prior, of the box, and the modes last."""
    key_normal, key_box = jax.random.split(jax.random.key(0))
    normal = target.prior_std * jax.random.normal(key_normal, (2 * _PROBES, target.dim))
    points = [normal * jnp.repeat(jnp.array([1.0, 3.0], normal.dtype), _PROBES)[:, None]]
    if target.box is not None:
        lower, upper = (jnp.asarray(edge, normal.dtype)[None, :] for edge in target.box)
        points.append(lower + (upper - lower) * jax.random.uniform(key_box, (_PROBES, target.dim)))
    if target.modes is not None:
        points.append(jnp.asarray(target.modes, normal.dtype))
    return jnp.concatenate(points)


def _check_values(target: Target) -> None:
    points = _probe_points(target)
    evaluate = jax.jit(jax.vmap(jax.value_and_grad(target.log_density)))
    values, gradients = _guarded(lambda: jax.device_get(evaluate(points)), target.dim)
    where = np.asarray(points)
    _raise_at(where, np.isnan(values), "is NaN", "guard it with jnp.where, or restrict the domain by -inf")
    _raise_at(where, values == np.inf, "is +inf", "a density must be finite; remove the pole")
    finite = np.isfinite(values)
    if not finite.any():
        raise TargetError(
            f"log_density is -inf at all {len(values)} points tried around N(0, {target.prior_std:g}^2 I); "
            "shift or scale it so that the prior meets its support, or set prior_std or box"
        )
    bad = finite & ~np.isfinite(gradients).all(axis=1)
    remedy = "where jnp.where hides a NaN, replace the argument inside the unused branch too"
    _raise_at(where, bad, "has a gradient that is not finite", remedy)
    if target.modes is not None:
        at_modes = np.arange(len(values)) >= len(values) - len(target.modes)
        _raise_at(where, at_modes & ~finite, "is -inf", "this point is listed in modes; correct the list")


def _raise_at(points: np.ndarray, bad: np.ndarray, what: str, remedy: str) -> None:
    if bad.any():
        point = np.array2string(points[int(np.argmax(bad))], precision=4, threshold=6, edgeitems=2)
        raise TargetError(f"log_density {what} at {bad.sum()} of {len(bad)} points, such as {point}; {remedy}")


def _check_sample(sample: Sampler, dim: int) -> None:
    try:
        draws = np.asarray(sample(jax.random.key(0), 3))
    except Exception as err:
        raise TargetError(
            f"sample(key, 3) failed: {type(err).__name__}: {err}; it takes a jax.random key and an integer"
        ) from err
    if draws.shape != (3, dim):
        raise ShapeError(f"sample(key, 3) must return shape (3, {dim}), got {draws.shape}; one row per sample")
    if not np.issubdtype(draws.dtype, np.floating):
        raise DTypeError(f"sample(key, 3) must return floating numbers, got {draws.dtype}; cast its result")
    if not np.isfinite(draws).all():
        raise TargetError("sample(key, 3) returned NaN or infinity; check the sampler")
