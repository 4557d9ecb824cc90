"""The sampler as a whole: reproducible, with densities that are true, and able to learn."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet import ModelConfig, PhaseConfig, RunConfig, Sampler, from_log_density, get, sampler
from transjet.errors import ConfigError, DTypeError, ShapeError, TransjetError
from transjet.targets import gaussian_mixture
from transjet.train import TrainState

SMALL = ModelConfig(width=8, depth=2)
KEY = jax.random.key(7)


def config(*phases: PhaseConfig, **options) -> RunConfig:
    sizes = {"transport_steps": 25, "score_samples": 100, "score_every": 2, "samples": 99}
    sizes |= {"checkpoint_every": 3, "model": SMALL}
    return RunConfig(plan=phases or (PhaseConfig(points=50, iterations=4),), **{**sizes, **options})


def flow(target=None, **options):
    """An untrained sampler whose flow is not the identity, and its state."""
    made = Sampler(target or get("double-well"), config(**options))
    state = made.init(KEY)

    def stirred(leaf):
        return leaf + (0.1 * jnp.sin(jnp.arange(leaf.size).reshape(leaf.shape))).astype(leaf.dtype)

    return made, state._replace(best_params=jax.tree.map(stirred, state.params))


@pytest.fixture(scope="module")
def small() -> Sampler:
    """A sampler that trains in no time, once its programs are compiled."""
    return Sampler(get("double-well"), config())


@pytest.fixture(scope="module")
def still() -> tuple[Sampler, TrainState]:
    return flow()


@pytest.mark.parametrize("equation", ["continuity", "fokker-planck"])
def test_densities_of_samples_agree_with_densities_at_their_points(equation):
    made, state = flow(get("gmm-grid"), equation=equation, sigma=0.5, transport_steps=60)
    samples = made.sample(state, KEY, 33)
    (key,) = jax.random.split(KEY, 1)
    assert np.abs(samples.x - np.asarray(made.prior.sample(key, 33))).max() > 0.1, "the flow must move something"
    np.testing.assert_allclose(made.log_density(state, samples.x), samples.log_q, rtol=1e-3, atol=2e-3)
    log_rho = jax.vmap(made.target.log_density)(jnp.asarray(samples.x))
    np.testing.assert_allclose(samples.log_weights, log_rho - samples.log_q, rtol=1e-4, atol=1e-4)


def test_the_density_of_the_flow_integrates_to_one(x64):
    made, state = flow(dtype="float64")
    grid = np.linspace(-9, 9, 1801)
    density = np.exp(made.log_density(state, grid[:, None]))
    assert density.dtype == np.float64
    assert np.trapezoid(density, grid) == pytest.approx(1.0, abs=1e-5)
    assert density.max() > 1.02 * np.exp(made.prior.log_density(jnp.zeros(1))), "the flow must move something"


def test_samples_are_a_function_of_the_key_in_any_number(still, monkeypatch):
    monkeypatch.setattr(sampler, "_BATCH", 40)
    made, state = still
    samples = made.sample(state, KEY)
    assert samples.x.shape == (99, 1) and samples.log_weights.shape == samples.log_q.shape == (99,)
    assert samples.x.dtype == np.float32 and len(np.unique(samples.x)) == 99, "no batch may repeat another"
    np.testing.assert_array_equal(samples.x, made.sample(state, KEY).x)
    assert not np.isin(samples.x, made.sample(state, jax.random.key(8)).x).any()
    assert made.sample(state, KEY, 3).x.shape == (3, 1)
    assert made.summarize(samples).n == 99


def test_runs_with_the_same_key_are_equal_bit_for_bit_and_with_another_are_not(small):
    one, two = (small.run(small.init(KEY)) for _ in range(2))
    assert one.status == "finished" and int(one.state.iteration) == 4
    assert [r._replace(seconds=0.0)[:7] for r in one.history] == [r._replace(seconds=0.0)[:7] for r in two.history]
    for a, b in zip(jax.tree.leaves(one.state.params), jax.tree.leaves(two.state.params), strict=True):
        np.testing.assert_array_equal(a, b)
    assert small.run(small.init(jax.random.key(8)), iterations=1).history[0].loss != one.history[0].loss


def test_steps_one_by_one_are_the_run(small):
    state = small.init(KEY)
    for _ in range(4):
        state, info = small.step(state)
    expected = small.run(small.init(KEY))
    assert float(info.loss) == expected.history[-1].loss
    np.testing.assert_array_equal(state.params["log_z"], expected.state.params["log_z"])


def test_options_of_a_run_come_from_the_configuration_and_can_be_replaced(small):
    saved = []
    result = small.run(small.init(KEY), on_checkpoint=lambda state, seconds: saved.append(int(state.iteration)))
    assert np.isfinite([r.ess for r in result.history]).tolist() == [False, True, False, True]
    assert saved == [3, 4]
    other = small.run(small.init(KEY), score_every=3, iterations=3)
    assert np.isfinite([r.ess for r in other.history]).tolist() == [False, False, True]


@pytest.mark.parametrize(("optimiser", "equation"), [("adam", "fokker-planck"), ("gauss-newton-cg", "continuity")])
def test_the_other_optimisers_and_equations_lower_the_loss(optimiser, equation):
    steps = 150 if optimiser == "adam" else 40
    phase = PhaseConfig(optimiser, points=64, iterations=steps, learning_rate=2e-2, collocation="gaussian")
    made = Sampler(gaussian_mixture([[-1.0], [2.0]], prior_std=1.5), config(phase, equation=equation, score_every=99))
    history = made.run(made.init(KEY)).history
    first, last = (np.median([r.loss for r in part]) for part in (history[:5], history[-5:]))
    assert last < 0.5 * first


def test_a_plan_goes_through_its_phases():
    phases = [PhaseConfig("adam", points=30, iterations=2, collocation=c) for c in ("uniform", "trajectories")]
    made = Sampler(get("double-well"), config(*phases, score_every=99))
    names = []
    result = made.run(made.init(KEY), iterations=5, on_record=lambda record, name: names.append(name))
    assert names == ["1 adam", "1 adam", "2 adam", "2 adam", "2 adam"], "past the end the last phase goes on"
    assert len({r.loss for r in result.history}) == 5 and all(np.isfinite(r.loss) for r in result.history)


def test_a_short_training_finds_both_wells():
    phase = PhaseConfig(points=256, iterations=120, collocation="mixture")
    options = {"model": ModelConfig(width=16, depth=2), "score_every": 20, "samples": 4000}
    made = Sampler(get("double-well"), config(phase, **options))
    result = made.run(made.init(KEY))
    summary = made.summarize(made.sample(result.state, jax.random.key(1)))
    # Over keys and backends the ESS ranges from .83 to .97; one well alone has half the mass.
    assert summary.ess.value > 0.75 and np.isfinite(result.state.best_score)
    assert abs(summary.log_z_error.value) < 4 * summary.log_z_error.std_error
    for estimate, share in zip(summary.mode_weights_reweighted, made.target.mode_weights, strict=True):
        assert abs(estimate.value - share) < 4 * estimate.std_error


def test_the_prior_is_the_targets_unless_the_configuration_has_one():
    target = get("many-well-5")
    assert Sampler(target, config(prior_std=0.0)).prior.std == target.prior_std
    assert Sampler(target, config(prior_std=0.7)).prior.std == 0.7


@pytest.mark.parametrize("collocation", ["uniform", "mixture"])
def test_uniform_points_need_a_box_which_a_pilot_run_finds(collocation):
    boxless = from_log_density(lambda x: -jnp.sum(x**2), 2)
    assert Sampler(boxless, config(PhaseConfig(collocation=collocation))).pilot is not None
    assert Sampler(boxless, config(PhaseConfig(collocation="mixture", background="gaussian"))).pilot is None


def test_float64_needs_to_be_enabled():
    with pytest.raises(ConfigError, match=r"float64 needs jax_enable_x64"):
        Sampler(get("double-well"), config(dtype="float64"))


@pytest.mark.parametrize("x", [np.zeros(1), np.zeros((3, 2)), np.zeros((1, 3, 1)), 0.0])
def test_log_density_takes_points_of_the_targets_dimension(still, x):
    made, state = still
    with pytest.raises(ShapeError, match=r"x: expected shape \(n, 1\); got"):
        made.log_density(state, x)


@pytest.mark.parametrize("n", [0, -3])
def test_there_is_no_less_than_one_sample(still, n):
    made, state = still
    with pytest.raises(TransjetError, match=f"expected n and batch of at least 1; got {n}"):
        made.sample(state, KEY, n)


def test_steps_without_scores_are_what_is_sampled(small):
    state = small.init(jax.random.key(3))
    for _ in range(3):
        state, _ = small.step(state)
    jax.tree.map(np.testing.assert_array_equal, state.best_params, state.params)


@pytest.mark.parametrize("n", [10.5, "3", True])
def test_the_number_of_samples_is_whole(still, n):
    made, state = still
    with pytest.raises(ConfigError, match=f"expected whole numbers n and batch; got {n!r}"):
        made.sample(state, KEY, n)


@pytest.mark.parametrize("target", [lambda x: -jnp.sum(x**2), "gmm-grid", None])
def test_only_targets_are_sampled(target):
    with pytest.raises(ConfigError, match="Sampler: target: expected a Target; got .*from_log_density"):
        Sampler(target)


@pytest.mark.parametrize("options", [{}, {"samples": 3}, 0, "fast"])
def test_a_configuration_is_a_run_config(options):
    with pytest.raises(ConfigError, match="Sampler: config: expected a RunConfig or None; got "):
        Sampler(get("double-well"), options)


@pytest.mark.parametrize(
    "key", [0, None, jnp.uint32(3), jnp.zeros(2), jnp.zeros(3, jnp.uint32), jax.random.split(KEY, 2), "seed"]
)
def test_a_state_needs_one_random_key(small, key):
    with pytest.raises(ConfigError, match=r"init: key: expected one JAX random key; got [\s\S]*jax.random.key\(seed\)"):
        small.init(key)


def test_keys_of_both_kinds_are_keys(small):
    typed, legacy = (small.init(key) for key in (KEY, jax.random.key_data(KEY)))
    for a, b in zip(jax.tree.leaves(typed.params), jax.tree.leaves(legacy.params), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("x", "error"),
    [
        ([["a"], ["b"]], DTypeError),
        ([["1.5"]], DTypeError),
        (None, DTypeError),
        (np.zeros((2, 1), complex), DTypeError),
        (np.zeros((2, 1), bool), DTypeError),
        ([[1.0], [1.0, 2.0]], ShapeError),
    ],
)
def test_log_density_takes_real_numbers(still, x, error):
    made, state = still
    with pytest.raises(error, match="log_density: x: expected"):
        made.log_density(state, x)


def test_log_density_takes_lists_and_whole_numbers(still):
    made, state = still
    expected = made.log_density(state, np.array([[1.0], [2.0]]))
    for x in ([[1.0], [2.0]], np.array([[1], [2]]), jnp.array([[1], [2]])):
        np.testing.assert_array_equal(made.log_density(state, x), expected)
