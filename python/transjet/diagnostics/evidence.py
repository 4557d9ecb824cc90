"""Evidence about weighted samples that needs no truth: their weights, the flow's other side, chains from the prior.

The samples' own weights do not see what the flow does not reach. Two things do: samples that Langevin moves carry away
from where the flow put them, and annealed importance sampling (Neal 2001), whose chains start at the prior and know
nothing of the flow. Both are then looked at with the flow's density.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from transjet.collocation.mala import mala
from transjet.collocation.resample import lost_as_zero, systematic
from transjet.diagnostics.peaks import (
    DRAWS,
    LOOKED_AT,
    PEAKS,
    Summits,
    Surroundings,
    around,
    climbed,
    frame_of,
    has_hessian,
    heaviest,
    peak_figures,
    summits,
    thin_at,
    weighed,
)
from transjet.diagnostics.weights import pareto_k
from transjet.errors import ConfigError
from transjet.metrics import elbo, ess, eubo, log_z
from transjet.paths import GaussianPrior
from transjet.pilot import Frame, Peaks

Array = jax.Array
LogDensity = Callable[[Array], Array]
Three = tuple[Array, Array, Array]
Figures = dict[str, float]
THIN = math.log(20)  # a flow whose density is below rho / Z by this factor hardly reaches a point


@dataclass(frozen=True)
class Census:
    """How much is spent on looking for what the flow misses.

    Attributes:
        chains: from the prior.
        levels: values b of annealing under (1 - b) log p_prior + b log rho, the cubes of evenly spaced numbers.
        moves: Langevin proposals at each.
        last: more of them at the target.
        samples: of the flow, resampled by their weights.
        sample_moves: Langevin proposals for these.
        climbers: of the search for modes; 0: no search.
        suspect: mass of missed peaks by Laplace's approximation above which it is found by draws around them.

    Raises:
        ConfigError: a count below 2, or no moves.
    """

    chains: int = 256
    levels: int = 48
    moves: int = 2
    last: int = 20
    samples: int = 1000
    sample_moves: int = 30
    climbers: int = 1536
    suspect: float = 0.01

    def __post_init__(self) -> None:
        if min(self.chains, self.levels, self.samples) < 2 or min(self.moves, self.last, self.sample_moves) < 1:
            raise ConfigError(f"census: expected chains, levels, samples >= 2 and moves >= 1; got {self}")
        if self.climbers < 0:
            raise ConfigError(f"census: expected climbers >= 0; got {self}")


class Ends(NamedTuple):
    """Where particles ended.

    Attributes:
        x: (m, d).
        log_rho: there, (m,).
        log_weights: of annealed importance sampling, their mean estimates Z; zero for moved samples, (m,).
        acceptance: of the Langevin proposals, scalar.
    """

    x: Array
    log_rho: Array
    log_weights: Array
    acceptance: Array


def annealed_chains(
    log_density: LogDensity, prior: GaussianPrior, key: Array, census: Census, dtype: Any = jnp.float32
) -> Ends:
    """Chains from the prior, annealed into the target. Traceable by jit; the flow has no part in it.

    Args:
        log_density: log rho of one point (d,).
        prior: where they start.
        key: JAX random key.
        census: how many, and how long.
        dtype: of the particles.
    """
    rho = jax.vmap(log_density)
    key_start, key_levels, key_last = jax.random.split(key, 3)
    levels = (jnp.arange(census.levels + 1, dtype=dtype) / census.levels) ** 3
    start = prior.sample(key_start, census.chains, dtype)

    def cool(carry: Three, now: Three) -> tuple[Three, Array]:
        (x, log_w, step), (before, b, key) = carry, now
        log_w = log_w + (b - before) * (rho(x) - prior.log_density(x))

        def bridged(point: Array) -> Array:
            return (1 - b) * prior.log_density(point) + b * log_density(point)

        moved = mala(key, bridged, x, step, census.moves)
        return (moved.x, log_w, moved.step), moved.acceptance

    first = (start, jnp.zeros(census.chains, dtype), jnp.asarray(0.1 * prior.std**2, dtype))
    keys = jax.random.split(key_levels, census.levels)
    (x, log_w, step), rates = jax.lax.scan(cool, first, (levels[:-1], levels[1:], keys))
    end = mala(key_last, log_density, x, step, census.last)
    return Ends(end.x, rho(end.x), log_w, jnp.mean(rates))


def moved_samples(
    log_density: LogDensity, prior: GaussianPrior, x: Array, log_weights: Array, key: Array, census: Census
) -> Ends:
    """Samples (n, d) resampled by their log weights (n,) and moved by Langevin steps: nearly samples of the target.

    Nearly: they stay in the modes that the flow reaches.
    """
    key_choice, key_move = jax.random.split(key)
    start = x[systematic(key_choice, lost_as_zero(log_weights), min(census.samples, x.shape[0]))]
    first = jnp.asarray(0.01 * prior.std**2, x.dtype)
    end = mala(key_move, log_density, start, first, census.sample_moves)
    return Ends(end.x, jax.vmap(log_density)(end.x), jnp.zeros(start.shape[0], x.dtype), end.acceptance)


def weight_figures(log_weights: Any) -> Figures:
    """What the final weights say of themselves.

    Args:
        log_weights: (n,); NaN and +inf are lost samples.

    Raises:
        TargetError: all weights are zero.
    """
    values = np.asarray(log_weights, np.float64)
    lost = np.isnan(values) | (values == np.inf)
    size, constant = ess(values, nonfinite="count"), log_z(values, nonfinite="count")
    clean = np.where(lost, -np.inf, values)
    return {
        "n": float(len(values)),
        "lost": float(lost.mean()),
        "ess": size.value,
        "ess_std_error": size.std_error,
        "log_z": constant.value,
        "log_z_std_error": constant.std_error,
        "elbo": elbo(values, nonfinite="count").value,
        "largest_weight": float(np.exp(clean.max() - constant.value) / len(values)),
        "pareto_k": float(jax.jit(pareto_k)(jnp.asarray(clean - clean.max(), jnp.float32))),
    }


def moved_figures(log_weights: Any, moved: Ends, log_q: Any) -> Figures:
    """What the flow's density at moved samples says: the bound from above, and log Z and ESS from the other side.

    Args:
        log_weights: (n,) of the flow's samples.
        moved: from `moved_samples`.
        log_q: the flow's log density at the moved samples, (m,).
    """
    own, other = _finite(log_weights), _finite(np.asarray(moved.log_rho, np.float64) - np.asarray(log_q, np.float64))
    if len(own) < 2 or len(other) < 2:
        return {}
    constant = bridge(own, other)
    upper = eubo(other)
    return {
        "eubo": upper.value,
        "eubo_std_error": upper.std_error,
        "log_z_bridge": constant,
        "ess_reverse": float(1 / np.mean(np.exp(np.minimum(other - constant, 700)))),
        "thin_samples": float(np.mean(other - constant > THIN)),
        "moved_acceptance": float(moved.acceptance),
    }


def chain_figures(constant: float, chains: Ends, log_q: Any = None) -> Figures:
    """What chains that know nothing of the flow say about it.

    Args:
        constant: log Z by the flow's samples.
        chains: from `annealed_chains`.
        log_q: the flow's log density where they ended, (m,); None: it has none.

    Returns:
        Annealed importance sampling's log Z and ESS; with log_q, the share of chains that ended where the flow is
        thin, and the mass there relative to all, which annealed importance sampling estimates without bias.
    """
    log_w = np.nan_to_num(np.asarray(chains.log_weights, np.float64), nan=-np.inf, posinf=-np.inf)
    figures = {"chains": float(len(log_w)), "chain_acceptance": float(chains.acceptance)}
    if np.isfinite(log_w).sum() < 2:
        return figures
    size, own = ess(log_w), log_z(log_w)
    figures |= {"annealed_log_z": own.value, "annealed_log_z_std_error": own.std_error, "annealed_ess": size.value}
    if log_q is None:
        return figures
    thin = thin_at(constant, chains.log_rho, log_q, THIN)  # a chain that ended at rho = 0 says nothing
    mass = np.where(thin, np.exp(np.minimum(log_w - constant, 700)), 0)
    mean, error = mass.mean(), mass.std(ddof=1) / math.sqrt(len(mass))
    return figures | {
        "thin_chains": float(thin.mean()),
        "missed_mass": float(mean / (1 + mean)),
        "missed_mass_std_error": float(error / (1 + mean) ** 2),
    }


def bridge(own: np.ndarray, other: np.ndarray, iterations: int = 200) -> float:
    """log Z from log rho - log q at samples of q (n,) and of rho / Z (m,), by the best bridge (Bennett 1976).

    Example:
        >>> round(bridge(np.zeros(5), np.zeros(3)), 6)
        0.0
    """
    shares = np.log([len(own), len(other)]) - math.log(len(own) + len(other))
    constant = float(np.median(np.concatenate([own, other])))
    for _ in range(iterations):
        above = own - np.logaddexp(shares[0] + own, shares[1] + constant)
        below = -np.logaddexp(shares[0] + other, shares[1] + constant)
        new = _log_mean(above) - _log_mean(below)
        if abs(new - constant) < 1e-9:
            return new
        constant = new
    return constant


def _log_mean(values: np.ndarray) -> float:
    top = float(values.max())
    return top + math.log(float(np.mean(np.exp(values - top))))


def _finite(values: Any) -> np.ndarray:
    array = np.asarray(values, np.float64)
    return array[np.isfinite(array)]


@dataclass(frozen=True)
class Inquiry:
    """Gathers the evidence about samples of one target; its programs are compiled once.

    Attributes:
        log_density: log rho of one point (d,).
        prior: where flow and chains start.
        census: how much is spent.
        dtype: of the particles.
    """

    log_density: LogDensity
    prior: GaussianPrior
    census: Census = Census()
    dtype: Any = jnp.float32

    def figures(self, x: Any, log_weights: Any, key: Array, log_q: Callable[[Array], Array] | None = None) -> Figures:
        """All figures that `decide` knows, but the residual.

        Args:
            x: samples, (n, d).
            log_weights: theirs, (n,).
            key: JAX random key.
            log_q: log density of the flow that they are from, `(m, d) -> (m,)`; None: it has none.

        Raises:
            TargetError: all weights are zero.
        """
        key_chains, key_moves, key_climb = jax.random.split(key, 3)
        found = weight_figures(log_weights)
        chains = jax.jit(self.chains)(key_chains)
        if log_q is None:
            return found | chain_figures(found["log_z"], chains)
        moved = jax.jit(self.moved)(jnp.asarray(x, self.dtype), jnp.asarray(log_weights, self.dtype), key_moves)
        frame, high = self._summits(moved.x, key_climb)
        peaks = jnp.zeros((0, chains.x.shape[1]), self.dtype) if high is None else jnp.asarray(high.x, self.dtype)
        reached = np.asarray(log_q(jnp.concatenate([moved.x, chains.x, peaks])))
        at_moved, at_chains, at_peaks = np.split(reached, [len(moved.x), len(moved.x) + len(chains.x)])
        found |= moved_figures(log_weights, moved, at_moved)
        if high is not None:
            found |= self._peaks(found["log_z"], frame, high, at_peaks, jax.random.fold_in(key_climb, 1), log_q)
        return found | chain_figures(found["log_z"], chains, at_chains)

    def _summits(self, x: Array, key: Array) -> tuple[Frame, Summits | None]:
        finite = np.asarray(x)[np.isfinite(np.asarray(x)).all(axis=1)]
        if not self.census.climbers or len(finite) < 2:
            return Frame.plain(x.shape[1]), None
        frame = frame_of(finite, np.dtype(self.dtype))
        return frame, summits(self.climbed(frame, jnp.asarray(finite, self.dtype), key), frame)

    def _peaks(
        self, constant: float, frame: Frame, high: Summits, at_peaks: np.ndarray, key: Array, log_q: Any
    ) -> Figures:
        missed = thin_at(constant, high.log_rho, at_peaks, THIN)
        first, todo = peak_figures(constant, high, missed), missed.copy()
        errors: list[float] = []
        suspicious, at = first["peak_mass"] > self.census.suspect, jnp.asarray(high.x[0], self.dtype)
        if suspicious and not has_hessian(self.log_density, at):
            return first
        around = jax.jit(partial(self.around, frame))
        while peak_figures(constant, high, todo)["peak_mass"] > self.census.suspect:
            rows = heaviest(high, todo)
            near = around(jnp.asarray(high.x[rows], self.dtype), jax.random.fold_in(key, len(errors)))
            at_draws = np.asarray(log_q(near.x.reshape(-1, near.x.shape[-1]))).reshape(near.log_rho.shape)
            high, error = weighed(high, rows, near, at_draws, constant, THIN)
            todo[rows] = False
            errors.append(error)
        if not errors:
            return first
        figures = peak_figures(constant, high, missed)
        return figures | {
            "peak_mass_laplace": first["peak_mass"],
            "peak_volumes": first["peak_volumes"],
            "peak_mass_std_error": math.hypot(*errors) * (1 - figures["peak_mass"]) ** 2,
            "peak_looks": float(len(errors)),
        }

    def looked_at(self, n: int, again: int = 0) -> int:
        """Points at which the density of a flow with n samples is asked for; again: looks at draws around peaks."""
        around = LOOKED_AT * DRAWS * again
        return around + self.census.chains + min(self.census.samples, n) + PEAKS * (self.census.climbers > 0)

    def climbed(self, frame: Frame, x: Array, key: Array) -> Peaks:
        """Of `peaks.climbed`."""
        return climbed(self.log_density, self.prior, frame, x, key, self.census.climbers)

    def around(self, frame: Frame, x: Array, key: Array) -> Surroundings:
        """Of `peaks.around`."""
        return around(self.log_density, frame, x, key)

    def chains(self, key: Array) -> Ends:
        """Of `annealed_chains`."""
        return annealed_chains(self.log_density, self.prior, key, self.census, self.dtype)

    def moved(self, x: Array, log_weights: Array, key: Array) -> Ends:
        """Of `moved_samples`."""
        return moved_samples(self.log_density, self.prior, x, log_weights, key, self.census)
