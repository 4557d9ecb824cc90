"""Options of a run, given as on a command line, do in the sampler what they are for, in runs of two steps."""

from __future__ import annotations

import argparse
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet import ModelConfig, PhaseConfig, RunConfig, Sampler
from transjet.cli.options import add_options, configured
from transjet.equations import Batch
from transjet.problems.points import flow_of
from transjet.targets import gaussian_mixture
from transjet.train.points import draw_batch

KEY = jax.random.key(3)
MEAN, VARIANCE, PRIOR = np.array([1.0, -0.5]), 0.4, 1.2
TARGET = gaussian_mixture([MEAN.tolist()], VARIANCE, prior_std=PRIOR)
N = 64
BASE = RunConfig(
    backend="xla", model=ModelConfig(width=8, depth=1, input_scale=2.0), transport_steps=4, samples=N, score_samples=N,
    plan=(PhaseConfig(points=N, iterations=4, collocation="gaussian"),), score_every=1,
)  # fmt: skip


def made(*settings: str) -> Sampler:
    """The sampler of a command line with these after `--set`."""
    parser = argparse.ArgumentParser()
    add_options(parser)
    words = [word for setting in settings for word in ("--set", setting)]
    return Sampler(TARGET, configured(BASE, parser.parse_args(words)))


@functools.cache
def trained(*settings: str) -> tuple[Sampler, list[Any], list[Any]]:
    """A sampler, its states and what its two steps said."""
    sampler = made(*settings)
    states, infos = [sampler.init(KEY)], []
    for _ in range(2):
        state, info = sampler.step(states[-1])
        states.append(state)
        infos.append(info)
    assert all(int(info.outcome) == 0 for info in infos)
    return sampler, states, infos


def batch_of(sampler: Sampler, params: Any, progress: float = 0.0) -> Batch:
    """What a step at this progress trains on."""
    trainer, phase = sampler.trainer, sampler.trainer.plan[0]

    @jax.jit
    def draw(params: Any) -> Batch:
        problem = sampler.problem
        drift = flow_of(problem, params)
        cache = phase.collocation.refresh(jax.random.key(1), drift, jnp.float32)
        now = jnp.float32(progress)
        return draw_batch(trainer.equation, params, phase, jax.random.key(2), cache, now, jnp.float32)

    return draw(params)


def points_of(*settings: str, progress: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Points of an untrained sampler whose flow is the identity."""
    sampler = made(*settings)
    params = jax.tree.map(jnp.zeros_like, sampler.init(KEY).params)
    points = batch_of(sampler, params, progress).points
    return np.asarray(points.x), np.asarray(points.t)


def test_an_informed_drift_has_a_part_along_the_score() -> None:
    sampler, states, _ = trained("residual.informed=2")
    params, x = states[-1].params, jax.random.normal(KEY, (5, 2))
    t = jnp.full(5, 0.3)
    network = sampler.equation.unknowns["drift"].model.apply(params["drift"], x, t)
    score = jax.vmap(jax.grad(TARGET.log_density))(x)
    share = np.asarray((sampler.problem.drift(params)(x, t) - network) / score)
    assert np.abs(share).min() > 1e-6
    np.testing.assert_allclose(share, share[0, 0], rtol=1e-2, atol=1e-5)


def test_clipped_scores_are_what_training_sees() -> None:
    clipped, states, infos = trained("residual.score_clip=0.5")
    plain = trained()
    assert abs(float(infos[0].loss) - float(plain[2][0].loss)) > 1e-3

    def longest(sampler: Sampler) -> float:
        return float(jnp.linalg.norm(batch_of(sampler, states[0].params).data.grad_rho, axis=1).max())

    assert longest(clipped) <= 0.5001 < 2 < longest(plain[0])


def test_centred_residuals_have_no_mean_in_any_slice() -> None:
    sampler, states, _ = trained("residual.centred=4")
    batch = batch_of(sampler, states[-1].params)
    assert [len(set(times)) for times in np.asarray(batch.points.t).reshape(4, -1).tolist()] == [1] * 4
    means = sampler.equation.residual(states[-1].params, batch).reshape(4, -1).mean(axis=1)
    np.testing.assert_allclose(means, 0, atol=1e-5)
    whole = trained()[0].equation.residual(states[-1].params, batch).reshape(4, -1).mean(axis=1)
    assert np.abs(whole).max() > 1e-2


def rotation(sampler: Sampler, params: Any) -> float:
    """Largest antisymmetric part of the drift's Jacobian at some points."""
    drift = sampler.problem.drift(params)
    x = jax.random.normal(KEY, (5, 2))
    jacobians = jax.vmap(jax.jacfwd(lambda x: drift(x[None], jnp.full(1, 0.5))[0]))(x)
    return float(jnp.abs(jacobians[:, 0, 1] - jacobians[:, 1, 0]).max())


def test_a_gradient_drift_does_not_rotate() -> None:
    for settings, turns in (((), True), (("residual.drift=gradient",), False)):
        sampler, states, _ = trained(*settings)
        assert (rotation(sampler, states[-1].params) > 1e-3) == turns


def test_factorised_weights_train_their_scales() -> None:
    _, states, infos = trained("model.factorised=true", "plan.0.optimiser=gauss-newton-cg")
    for before, after in zip(states[0].params["drift"], states[-1].params["drift"], strict=True):
        assert len(after) == 3 and float(jnp.abs(after[2] - before[2]).max()) > 1e-4
    assert float(infos[-1].loss) < float(infos[0].loss)


def test_fourier_features_are_sines_of_the_scale_asked_for() -> None:
    sampler, states, _ = trained("model.fourier_scale=5.0")
    for name, unknown in sampler.equation.unknowns.items():
        (weight, phase), _ = states[-1].params[name]
        assert unknown.model.activation == ("sin",)
        assert 3 < float(weight.std()) < 7 and float(phase.max()) > np.pi


def test_the_average_is_what_is_kept_and_scored() -> None:
    sampler, states, _ = trained("average=0.9")
    state, _ = sampler.trainer.evaluate(states[-1])
    first, second, third = (s.params["log_z"] for s in states)
    one = 0.1 * first + 0.9 * second  # the decay begins at 1/10, then 2/11
    np.testing.assert_allclose(state.best_params["log_z"], (2 * one + 9 * third) / 11, rtol=1e-4, atol=1e-7)
    assert abs(float(state.best_params["log_z"] - third)) > 1e-5


@pytest.mark.parametrize("antithetic", [False, True])
def test_antithetic_particles_start_in_pairs(antithetic: bool) -> None:
    sampler = made(f"antithetic={str(antithetic).lower()}")
    state = sampler.init(KEY)
    still = state._replace(best_params=jax.tree.map(jnp.zeros_like, state.params))
    x = sampler.sample(still, KEY).x
    assert (np.abs(x.sum(axis=0)).max() < 1e-4) == antithetic and x.std() > 0.5


@pytest.mark.parametrize("kind", ["gradient", "ntk"])
def test_weights_of_two_residuals_adapt(kind: str) -> None:
    equation = "equation=optimal-transport"
    sampler, states, infos = trained(equation, f"residual.balance={kind}", "residual.decay=0.0")
    weights = np.asarray(states[-1].weights)
    assert weights.sum() == pytest.approx(2, rel=1e-5) and abs(weights[0] - 1) > 0.05
    batch = batch_of(sampler, states[1].params)
    sizes = sampler.trainer.balance.sizes(sampler.equation, states[1].params, batch, KEY)
    assert (sizes[0] > sizes[1]) == (weights[0] < weights[1]), "the louder residual counts less"
    assert float(infos[-1].loss) != float(trained(equation)[2][-1].loss)


def test_samples_along_a_diffusion_are_resampled() -> None:
    state = trained()[1][-1]
    diffusion = ("sampling.sampler=sde", "sampling.steps=3", "sampling.sigma=0.8")
    free, chosen = (made(*diffusion, f"sampling.resample={r}").sample(state, KEY) for r in ("0.0", "1.0"))
    assert len(np.unique(free.x, axis=0)) == N and np.ptp(free.log_weights) > 0.1
    assert len(np.unique(chosen.x, axis=0)) < N, "the last resampling repeats some"
    assert np.ptp(chosen.log_weights) < 1e-4, "V at t = 1 is the target's log density"


def test_sobol_points_leave_no_strip_empty() -> None:
    lower, upper = (np.asarray(corner) for corner in TARGET.box)
    for kind, even in (("sobol", True), ("uniform", False)):
        x, t = points_of(f"plan.0.collocation={kind}")
        unit = np.concatenate([(x - lower) / (upper - lower), t[:, None]], axis=1)
        strips = [len(set(np.floor(N * column).astype(int))) for column in unit.T]
        assert (strips == [N] * 3) == even


def test_a_tube_narrows_towards_its_end() -> None:
    x, t = points_of("plan.0.collocation=tube", "plan.0.tube_end=0.05", "plan.0.points=512")
    early, late = x[t < 0.2].std(), x[t > 0.8].std()
    assert late < 0.4 * early


@pytest.mark.parametrize("sigma", [0.1, 1.0])
def test_points_of_a_diffusion_follow_paths_of_its_coefficient(sigma: float) -> None:
    sampler = made("plan.0.collocation=sde", f"plan.0.sde_sigma={sigma}")
    params = jax.tree.map(jnp.zeros_like, sampler.init(KEY).params)
    collocation, drift = sampler.trainer.plan[0].collocation, sampler.trainer.drift
    paths = jax.jit(lambda p: collocation.refresh(KEY, drift(p), jnp.float32))(params)
    variation = float(jnp.mean(jnp.sum(jnp.diff(paths, axis=0) ** 2, axis=0)))
    assert variation == pytest.approx((sigma * PRIOR) ** 2, rel=0.15)


def test_points_back_from_the_target_are_the_targets() -> None:
    x, _ = points_of("plan.0.collocation=reverse", "plan.0.reverse_from=target", "plan.0.noise=0.0")
    np.testing.assert_allclose(x.mean(axis=0), MEAN, atol=0.25)
    assert x.var(axis=0).mean() == pytest.approx(VARIANCE, rel=0.3)


def test_adaptive_points_are_where_the_residual_is_large() -> None:
    sampler, states, _ = trained(
        "plan.0.collocation=adaptive", "plan.0.background=gaussian", "plan.0.adaptive_power=2.0"
    )
    params = states[-1].params
    batch = batch_of(sampler, params)
    residual, weights = np.abs(sampler.equation.residual(params, batch)), np.asarray(batch.weights)
    large = residual > np.median(residual)
    assert weights[large].max() < weights[~large].min() < 2.0001 and weights.min() < 0.9


def test_a_curriculum_lets_later_times_in() -> None:
    latest = [points_of("plan.0.times_start=0.1", progress=p)[1].max() for p in (0.0, 0.25, 0.5)]
    assert latest[0] <= 0.1 < latest[1] <= 0.55 < 0.9 < latest[2]
