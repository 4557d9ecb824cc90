"""Rivals from blackjax: adaptive tempered sequential Monte Carlo and NUTS, by a number of evaluations of the target."""

from __future__ import annotations

import importlib
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from transjet.errors import ConfigError, TrainingError
from transjet.paths import GaussianPrior
from transjet.robust.criteria import Found
from transjet.targets import Target

_PARTICLES, _PILOT, _LEAPFROG = 2000, 200, 5
_ESS_OF_STEPS = 0.7  # of weights between one temperature and the next
_CHAINS, _WARM_UP, _BLOCK = 4, 500, 250


def blackjax() -> Any:
    """The package.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return importlib.import_module("blackjax")
    except ImportError as error:
        raise ConfigError(
            f"methods smc and nuts: expected blackjax, got '{error}'; pip install 'transjet[rivals]'"
        ) from error


def smc(target: Target, evaluations: int, key: jax.Array) -> tuple[Found, dict[str, Any]]:
    """Tempering from the Gaussian prior by HMC moves, at so many evaluations.

    A pilot of few particles tells how many temperatures there are; what it leaves of the evaluations goes into moves.

    Args:
        target: to be sampled.
        evaluations: of the log density, a gradient with its value counting once.
        key: JAX random key.

    Returns:
        The last particles with their weights before another resampling, and more of the row.

    Raises:
        ConfigError: blackjax is missing.
        TrainingError: the evaluations do not reach for the temperatures.
    """
    keys = jax.random.split(key)
    pilot = _tempered(target, keys[0], _PILOT, 2, evaluations // 5)
    left, temperatures = evaluations - pilot["evaluations"], pilot["temperatures"]
    share = left / (1.1 * temperatures)
    particles = min(_PARTICLES, int(share / (_LEAPFROG + 3)))
    if particles < 2:
        raise TrainingError(f"smc: expected evaluations for {temperatures} temperatures; {left} are left")
    moves = max(1, int((share / particles - 3) / _LEAPFROG))
    found = _tempered(target, keys[1], particles, moves, left)
    row = {"evaluations": pilot["evaluations"] + found["evaluations"], "temperatures": found["temperatures"]}
    row |= {"particles": particles, "moves": moves}
    weights = found["weights"]
    ess = 1 / float(len(weights) * np.sum(weights**2))
    with np.errstate(divide="ignore"):
        return Found(found["x"], np.log(weights), found["log_z"], ess), row


def _tempered(target: Target, key: jax.Array, n: int, moves: int, evaluations: int) -> dict[str, Any]:
    """One run; step sizes follow the acceptance and scales the particles, from temperature to temperature."""
    bj, prior = blackjax(), GaussianPrior(target.dim, target.prior_std)
    hmc, tempered = bj.mcmc.hmc, importlib.import_module("blackjax.smc.adaptive_tempered")
    kernel = hmc.build_kernel()

    def move(rng: Any, state: Any, logdensity: Any, step_size: Any, inverse_mass_matrix: Any) -> Any:
        return kernel(rng, state, logdensity, step_size, inverse_mass_matrix, _LEAPFROG)

    def likelihood(x: jax.Array) -> jax.Array:
        return target.log_density(x) - prior.log_density(x)

    step = tempered.build_kernel(
        prior.log_density, likelihood, move, hmc.init, bj.smc.resampling.systematic, _ESS_OF_STEPS
    )
    step = jax.jit(step, static_argnums=2)
    keys = jax.random.split(key)
    state = tempered.init(prior.sample(keys[0], n))
    size, spent, log_z, count = 0.5, 0, 0.0, 0
    while float(state.tempering_param) < 1:
        if spent >= evaluations:
            raise TrainingError(
                f"smc: {spent} evaluations were spent at temperature {float(state.tempering_param):.3g} of 1"
            )
        scale = jnp.maximum(
            jnp.cov(state.particles.T, aweights=state.weights).reshape(target.dim, -1).diagonal(), 1e-12
        )
        tuned = {"step_size": jnp.full(1, size), "inverse_mass_matrix": scale[None]}
        state, info = step(jax.random.fold_in(keys[1], count), state, moves, tuned)
        log_z += float(info.log_likelihood_increment)
        accepted = float(jnp.mean(jnp.nan_to_num(info.update_info.acceptance_rate)))
        size = min(2.0, size * math.exp(accepted - 0.7))
        count, spent = count + 1, spent + n * (_LEAPFROG * moves + 3)
    x, weights = np.asarray(state.particles), np.asarray(state.weights, float)
    return {"x": x, "weights": weights, "log_z": log_z, "evaluations": spent, "temperatures": count}


def nuts(target: Target, evaluations: int, key: jax.Array) -> tuple[Found, dict[str, Any]]:
    """Four chains from the prior, adapted over windows, at so many evaluations.

    The depth of trees is bounded such that adaptation cannot take more than half of the evaluations.

    Args:
        target: to be sampled.
        evaluations: of gradients.
        key: JAX random key.

    Returns:
        Samples with their effective numbers, without log Z, and more of the row.

    Raises:
        ConfigError: blackjax is missing.
        TrainingError: too few evaluations for adaptation.
    """
    bj, prior = blackjax(), GaussianPrior(target.dim, target.prior_std)
    depth = min(10, int(math.log2(max(1, evaluations / (2 * _CHAINS * _WARM_UP)))))
    if depth < 1:
        raise TrainingError(f"nuts: expected at least {4 * _CHAINS * _WARM_UP} evaluations; got {evaluations}")
    adapt = bj.window_adaptation(bj.nuts, target.log_density, max_num_doublings=depth)
    kernel = bj.nuts.build_kernel()
    keys = jax.random.split(key, 3)

    def warm(rng: Any, x: Any) -> Any:
        result, info = adapt.run(rng, x, _WARM_UP)
        tuned = {k: result.parameters[k] for k in ("step_size", "inverse_mass_matrix")}
        return result.state, tuned, jnp.sum(info.info.num_integration_steps)

    def block(rng: Any, state: Any, tuned: Any) -> Any:
        def one(at: Any, k: Any) -> Any:
            at, info = kernel(k, at, target.log_density, **tuned, max_num_doublings=depth)
            return at, (at.position, info.num_integration_steps)

        state, (x, steps) = jax.lax.scan(one, state, jax.random.split(rng, _BLOCK))
        return state, x, jnp.sum(steps)

    state, tuned, steps = jax.jit(jax.vmap(warm))(jax.random.split(keys[1], _CHAINS), prior.sample(keys[0], _CHAINS))
    run, spent = jax.jit(jax.vmap(block)), int(jnp.sum(steps))
    parts: list[np.ndarray] = []
    while spent < evaluations:
        state, x, steps = run(jax.random.split(jax.random.fold_in(keys[2], len(parts)), _CHAINS), state, tuned)
        parts.append(np.asarray(x))
        spent += int(jnp.sum(steps))
    x = np.concatenate(parts, axis=1)
    effective = _effective(bj, x)
    row = {"evaluations": spent, "draws_per_chain": x.shape[1], "depth": depth, "effective": float(effective.min())}
    return Found(x.reshape(-1, target.dim), None, None, None, effective), row


def _effective(bj: Any, x: np.ndarray) -> np.ndarray:
    """Effective numbers (d,) for means and variances, the lesser of both; chains that disagree have few."""
    squares = (x - x.mean(axis=(0, 1))) ** 2
    both = [np.asarray(bj.diagnostics.effective_sample_size(jnp.asarray(values))) for values in (x, squares)]
    return np.clip(np.nan_to_num(np.minimum(*both), nan=1.0), 1.0, x.shape[0] * x.shape[1])
