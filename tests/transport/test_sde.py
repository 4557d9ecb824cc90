"""SDE sampling: weights whose mean is Z for any step size, sigma and (mu, V), and that are equal where they must be."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.errors import ConfigError
from transjet.models import DivergenceJet
from transjet.paths import GaussianPrior
from transjet.transport import Diffusion, SdeOptions, push_prior_sde, relative_ess, sde_transport
from transjet.transport import sde as module

D, N, LOG_Z = 2, 40_000, 0.9
PRIOR = GaussianPrior(D, 1.3)
MEAN, STD = np.array([0.8, -0.5]), 0.8


def log_rho(x: Any) -> Any:
    return GaussianPrior(D, STD).log_density(x - jnp.asarray(MEAN, x.dtype)) + LOG_Z


def moments(t: Any) -> Any:
    """Mean (n, d) and log of the standard deviation (n, 1) of the exact path."""
    rate = np.log(STD / PRIOR.std)
    return t[:, None] * jnp.asarray(MEAN, t.dtype), rate, PRIOR.std * jnp.exp(rate * t[:, None])


def exact_field(x: Any, t: Any) -> DivergenceJet:
    mean, rate, _ = moments(t)
    return DivergenceJet(jnp.asarray(MEAN, x.dtype) + rate * (x - mean), jnp.full(x.shape[:1], D * rate, x.dtype))


def exact_v(x: Any, t: Any) -> Any:
    mean, _, std = moments(t)
    value = -0.5 * jnp.sum(((x - mean) / std) ** 2 + jnp.log(2 * jnp.pi * std**2), axis=1)
    return SimpleNamespace(value=value, grad=(mean - x) / std**2)


def poor_field(x: Any, t: Any) -> DivergenceJet:
    """A drift that is wrong, with a divergence that is its own."""
    value = 0.5 * jnp.sin(x + t[:, None])
    return DivergenceJet(value, 0.5 * jnp.sum(jnp.cos(x + t[:, None]), axis=1))


def poor_v(x: Any, t: Any) -> Any:
    """Neither the prior at t = 0 nor the target at t = 1."""
    grad = -0.7 * x + 0.3 * jnp.cos(t)[:, None]
    return SimpleNamespace(value=-0.35 * jnp.sum(x**2, axis=1) + 0.3 * jnp.cos(t) * jnp.sum(x, axis=1), grad=grad)


POOR = Diffusion(lambda x, t: poor_field(x, t).value, poor_v, poor_field)
EXACT = Diffusion(lambda x, t: exact_field(x, t).value, exact_v, exact_field)
CASES = {
    "euler": SdeOptions(1.0, 4),
    "split": SdeOptions(0.8, 8, scheme="split"),
    "resampled, with langevin": SdeOptions(1.0, 5, resample=0.9, langevin=1, langevin_end=2, langevin_step=0.2),
    "multinomial, sigma of t, zero in places": SdeOptions(
        lambda t: 0.7 + jnp.sqrt(t) if t < 0.8 else 0.0, 5, resample=0.9, resampling="multinomial"
    ),
}


def mean_weight(options: SdeOptions, diffusion: Diffusion = POOR, seed: int = 0) -> tuple[float, float]:
    """(mean w - Z) / Z over its standard error, and the latter; from batches, which resampling leaves independent."""

    @jax.jit
    def batch(key: Any) -> Any:
        _, log_w, _ = push_prior_sde(diffusion, PRIOR, log_rho, key, N // 40, options, dtype=jnp.float64)
        return jnp.mean(jnp.exp(log_w - LOG_Z))

    means = np.asarray(jax.lax.map(batch, jax.random.split(jax.random.key(seed), 40)))
    error = means.std(ddof=1) / np.sqrt(len(means))
    return float((means.mean() - 1) / error), float(error)


@pytest.mark.parametrize("name", CASES)
def test_the_mean_weight_is_z_for_few_steps_and_a_poor_solution(name: str, x64: None) -> None:
    deviations, error = mean_weight(CASES[name])
    assert error < 0.05, "the test would see little otherwise"
    assert abs(deviations) < 4


def planted_drift(diffusion: Any, p: Any, step: Any, noise: Any) -> Any:
    """The backward kernel forgets that grad V changes its sign."""
    h, half = step.end - step.start, 0.5 * step.sigma**2
    std = step.sigma * jnp.sqrt(h)
    forward = p.drift + half * p.grad
    q = module._look(diffusion, p.x + h * forward + std * noise, step.end, p.log_weights)
    back = noise + h / std * (forward - (p.drift - half * p.grad))  # drift of the old point: no normalised kernel
    squares = 0.5 * jnp.sum(noise**2, axis=1) - 0.5 * jnp.sum(back**2, axis=1)
    return q._replace(log_weights=p.log_weights + squares + q.value - p.value)


def test_a_planted_bug_is_seen(monkeypatch: pytest.MonkeyPatch, x64: None) -> None:
    monkeypatch.setattr(module, "_euler", planted_drift)
    assert abs(mean_weight(CASES["euler"])[0]) > 8


def weights(options: SdeOptions, n: int = 512, diffusion: Diffusion = EXACT) -> Any:
    return jax.jit(
        lambda key: push_prior_sde(diffusion, PRIOR, log_rho, key, n, options, dtype=jnp.float64)
    )(jax.random.key(3))  # fmt: skip


def test_without_noise_it_is_the_flow(x64: None) -> None:
    _, log_w, _ = weights(SdeOptions(0.0, 50))
    np.testing.assert_allclose(log_w, LOG_Z, atol=1e-6)


def test_the_exact_solutions_weights_become_equal_with_the_steps(x64: None) -> None:
    spread = [float(jnp.var(weights(SdeOptions(1.0, steps))[1])) for steps in (20, 80)]
    assert spread[1] < spread[0] / 2.5 and spread[1] < 0.02


def test_the_split_scheme_is_less_noisy_at_small_sigma(x64: None) -> None:
    euler, split = (float(jnp.var(weights(SdeOptions(0.1, 30, scheme=s))[1])) for s in ("euler", "split"))
    assert split < 1e-4 < euler


def test_samples_have_the_targets_moments(x64: None) -> None:
    x, log_w, log_q = weights(SdeOptions(0.8, 40, resample=0.95, langevin_end=3), n=4096)
    assert float(relative_ess(log_w)) > 0.9
    w = np.exp(log_w - log_w.max())
    mean = (w[:, None] * x).sum(axis=0) / w.sum()
    np.testing.assert_allclose(mean, MEAN, atol=5 * STD / 64)
    np.testing.assert_allclose(log_w + log_q, jax.vmap(log_rho)(x), atol=1e-10)


def test_resampling_happens_below_the_threshold_alone(x64: None) -> None:
    start = PRIOR.sample(jax.random.key(0), 300, jnp.float64)
    run = jax.jit(lambda o: sde_transport(POOR, start, jax.random.key(1), o), static_argnums=0)
    never, often = run(SdeOptions(1.0, 6, resample=1e-6)), run(SdeOptions(1.0, 6, resample=1.0))
    assert (int(never.resamplings), int(often.resamplings)) == (0, 6)
    assert np.ptp(often.log_weights) == 0 and np.ptp(never.log_weights) > 0.1


def test_float32_stays_float32() -> None:
    start = PRIOR.sample(jax.random.key(0), 5)
    end = sde_transport(EXACT, start, jax.random.key(1), SdeOptions(0.5, 3, langevin=1, resample=0.5))
    assert {str(end.x.dtype), str(end.log_weights.dtype), str(end.acceptance.dtype)} == {"float32"}


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 0},
        {"scheme": "heun"},
        {"resample": 1.1},
        {"resampling": "residual"},
        {"langevin": -1},
        {"langevin_step": 0.0},
    ],
)
def test_options_out_of_range(options: Any) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        SdeOptions(**options)


def test_a_negative_sigma_and_a_missing_divergence_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"sigma: expected 0 or more"):
        SdeOptions(lambda t: t - 0.5).sigmas()
    start = jnp.zeros((2, D))
    with pytest.raises(ConfigError, match="expected a field with its divergence"):
        sde_transport(Diffusion(EXACT.drift, exact_v), start, jax.random.key(0), SdeOptions(0.0, 2))
