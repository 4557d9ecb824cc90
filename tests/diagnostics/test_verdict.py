"""The verdict on flows in closed form: one that is right, one that lost a mode, one that is too narrow."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.diagnostics import Census, Inquiry, Thresholds, decide
from transjet.diagnostics.evidence import bridge
from transjet.diagnostics.peaks import LOOKED_AT, Summits, around, frame_of, heaviest, peak_figures, weighed
from transjet.diagnostics.verdict import NEXT_STEPS, Verdict
from transjet.errors import ConfigError
from transjet.models import DivergenceJet
from transjet.paths import GaussianPrior
from transjet.pilot import Frame
from transjet.transport import log_density_of, ode_transport, push_prior

SMALL = Census(chains=128, levels=24, moves=2, last=8, samples=256, sample_moves=12, climbers=512)
PRIOR = GaussianPrior(2, 2.0)
CENTRE = np.array([3.0, 0.0], np.float32)
STD = 0.5


def one(x):
    """A Gaussian at the centre, without its normaliser."""
    return -0.5 * jnp.sum((x - CENTRE) ** 2) / STD**2


def two(x):
    """The same twice."""
    return jnp.logaddexp(one(x), one(-x))


def wide(x):
    """Four times as wide."""
    return one(x) / 16


LOG_Z = math.log(2 * math.pi * STD**2)  # of one


def drift(x, t):
    """The flow from the prior to the Gaussian at the centre, along m(t) = t m and a scale that shrinks evenly."""
    rate = math.log(STD / PRIOR.std)
    value = CENTRE + rate * (x - t[:, None] * CENTRE)
    return DivergenceJet(value, jnp.full(t.shape, 2 * rate))


@pytest.fixture(scope="module", autouse=True)
def _quick_compilation() -> Iterator[None]:
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


def judged(log_rho: Any, density: bool = True) -> Verdict:
    steps = partial(ode_transport, steps=8)
    x, log_w, _ = push_prior(drift, PRIOR, log_rho, jax.random.key(0), 4000, transport=steps)
    log_q = partial(log_density_of, drift, PRIOR, transport=steps) if density else None
    return decide(Inquiry(log_rho, PRIOR, SMALL).figures(x, log_w, jax.random.key(1), log_q))


def names(verdict: Verdict, level: str) -> set[str]:
    return {reason.name for reason in verdict.reasons if reason.level == level}


def test_a_flow_that_solves_its_equation_is_trusted() -> None:
    verdict = judged(one)
    assert (verdict.level, verdict.reasons, str(verdict)) == ("trust", (), "verdict: trust")
    f = verdict.figures
    for name in ("log_z", "elbo", "eubo", "log_z_bridge"):
        assert f[name] == pytest.approx(LOG_Z, abs=2e-3)
    assert f["annealed_log_z"] == pytest.approx(LOG_Z, abs=4 * f["annealed_log_z_std_error"])
    assert f["ess"] == pytest.approx(f["ess_reverse"], abs=1e-3) == pytest.approx(1.0, abs=1e-3)
    assert f["thin_chains"] == f["missed_mass"] == f["thin_samples"] == 0


def test_a_flow_that_reaches_one_of_two_modes_is_not_though_its_weights_are_perfect() -> None:
    verdict = judged(two)
    f = verdict.figures
    assert f["ess"] > 0.95 and f["pareto_k"] < 0.5
    assert f["log_z"] == pytest.approx(LOG_Z, abs=1e-2), "short by log 2"
    assert verdict.level == "do not trust" and names(verdict, "do not trust") == {"missed mode"}
    assert f["missed_mass"] == pytest.approx(0.5, abs=4 * f["missed_mass_std_error"])
    assert "widen the prior" in str(verdict) and f"{f['missed_mass']:.2g}" in str(verdict)
    flat = verdict.to_json()
    assert flat["verdict"] == "do not trust" and flat["verdict_missed_mass"] == f["missed_mass"]
    assert not any(isinstance(value, dict) for value in json.loads(json.dumps(flat)).values())


def test_a_mode_that_no_chain_finds_is_found_by_climbers() -> None:
    """A narrow mode beside a wide one: chains hardly ever end there, some of many climbers start in its basin."""

    def needle(x: Any) -> Any:
        narrow = -0.5 * jnp.sum((x + 2 * CENTRE) ** 2) / 0.02**2 + math.log(STD**2 / 0.02**2)
        return jnp.logaddexp(one(x), narrow)  # half of the mass each

    f = judged(needle).figures
    assert f["peak_mass"] == pytest.approx(0.5, abs=0.05) and f["thin_peaks"] == 1 and f["peaks"] == 2
    assert f["peak_volumes"] == pytest.approx(2 * math.log(STD / 0.02), abs=0.1)
    assert "missed mode" in names(judged(needle), "do not trust")
    assert judged(one).figures["peak_mass"] == 0.0


@pytest.mark.parametrize("seed", range(4))
def test_the_mass_at_a_peak_is_what_the_flow_lacks_there(seed: int) -> None:
    """A flow with a hole around the peak: Laplace's approximation is of the whole mode, draws are of the hole."""
    hole = 0.4 * STD
    keys = jax.random.split(jax.random.key(seed))
    x = CENTRE + STD * jax.random.normal(keys[0], (4000, 2))

    def log_q(x: Any) -> Any:
        return jax.vmap(one)(x) - LOG_Z - jnp.where(jnp.sum((x - CENTRE) ** 2, axis=1) < hole**2, 9.0, 0.0)

    f = Inquiry(one, PRIOR, SMALL).figures(x, jnp.full(4000, LOG_Z), keys[1], log_q)
    assert f["peak_mass_laplace"] == pytest.approx(0.5, abs=0.02)
    mass = 1 - math.exp(-0.5 * (hole / STD) ** 2)
    assert 0 < f["peak_mass_std_error"] < 0.02
    assert f["peak_mass"] == pytest.approx(mass / (1 + mass), abs=4 * f["peak_mass_std_error"])


@pytest.mark.parametrize("dof", [5.0, 10.0])
@pytest.mark.parametrize("dim", [5, 20])
def test_the_mass_of_a_lost_mode_with_heavy_tails(dim: int, dof: float) -> None:
    """Which lies far out in many dimensions, where the Gaussian of the Hessian has next to no draws."""
    halves = math.lgamma((dof + dim) / 2) - math.lgamma(dof / 2)
    normaliser = halves - 0.5 * dim * math.log(dof * math.pi)

    def student(x: Any) -> Any:
        return normaliser - 0.5 * (dof + dim) * jnp.log1p(jnp.sum(x**2) / dof)

    near = around(student, Frame.plain(dim, np.dtype("float32")), jnp.zeros((1, dim)), jax.random.key(1))
    found = Summits(np.zeros((64, dim)), np.full(64, normaliser), np.zeros(64), 1)
    after, error = weighed(found, np.array([0]), near, np.full(near.log_rho.shape, -np.inf), 0.0, 3.0)
    assert 0.02 < error < 0.5 and abs(math.exp(after.log_mass[0]) - 1) < 4 * error


def test_draws_around_many_peaks_count_no_mass_twice() -> None:
    rng = np.random.default_rng(0)
    found = Summits(np.zeros((64, 2)), np.zeros(64), np.full(64, LOG_Z), 3)
    frame = frame_of(rng.normal(size=(1000, 2)), np.dtype("float32"))
    missed = np.arange(64) < 3
    rows = heaviest(found, missed)
    assert len(rows) == LOOKED_AT and set(rows) == {0, 1, 2}
    near = around(one, frame, jnp.asarray(np.tile(CENTRE, (LOOKED_AT, 1))), jax.random.key(0))
    nowhere = np.full(near.log_rho.shape, -np.inf)
    after, error = weighed(found, rows, near, nowhere, LOG_Z, 3.0)
    figures = peak_figures(LOG_Z, after, missed)
    assert 0 < error < 0.05, "of one mode, found three times"
    assert figures["peak_mass"] == pytest.approx(0.5, abs=4 * error)
    reached = weighed(found, rows, near, np.asarray(near.log_rho) - LOG_Z, LOG_Z, 3.0)[0]
    assert peak_figures(LOG_Z, reached, missed)["peak_mass"] == 0


def test_a_peak_without_a_hessian_spoils_no_other() -> None:
    def broken(x: Any) -> Any:  # neither values nor derivatives on the left
        return one(x) + jnp.where(x[0] < -5, jnp.nan, 0.0) * jnp.sum(x**2)

    frame = frame_of(np.random.default_rng(0).normal(size=(1000, 2)), np.dtype("float32"))
    x = np.stack([CENTRE, [-9.0, 0.0]]).astype(np.float32)
    near = around(broken, frame, jnp.asarray(x), jax.random.key(0))
    found = Summits(np.zeros((64, 2)), np.zeros(64), np.zeros(64), 2)
    after, error = weighed(found, np.arange(2), near, np.full(near.log_rho.shape, -np.inf), LOG_Z, 3.0)
    assert abs(math.exp(after.log_mass[0] - LOG_Z) - 1) < 4 * error < 1 and after.log_mass[1] < LOG_Z - 20


def test_a_density_that_has_a_gradient_alone_is_judged_by_laplace() -> None:
    @jax.custom_vjp
    def own(x: Any) -> Any:
        return one(x)

    @jax.custom_vjp  # which forward differentiation refuses
    def slope(x: Any) -> Any:
        return (CENTRE - x) / STD**2

    slope.defvjp(lambda x: (slope(x), None), lambda _, u: (-u / STD**2,))
    own.defvjp(lambda x: (one(x), x), lambda x, u: (u * slope(x),))
    x = CENTRE + STD * jax.random.normal(jax.random.key(0), (1000, 2))
    f = Inquiry(own, PRIOR, SMALL).figures(
        x, jnp.full(1000, LOG_Z), jax.random.key(1), lambda x: jnp.full(len(x), -50.0)
    )
    assert f["peak_mass"] == pytest.approx(0.5, abs=0.02) and "peak_mass_std_error" not in f


def test_all_peaks_are_looked_at_where_there_are_many() -> None:
    """Twenty peaks that are none by their draws: no one keeps the mass that Laplace gives it."""
    many = 20
    high = Summits(np.tile(CENTRE, (64, 1)), np.full(64, 0.0), np.full(64, LOG_Z - 2), many)
    frame = frame_of(np.random.default_rng(0).normal(size=(1000, 2)), np.dtype("float32"))
    inquiry = Inquiry(one, PRIOR, SMALL)
    lost = np.full(64, -50.0)  # of the flow's density at the peaks; nowhere else
    f = inquiry._peaks(LOG_Z, frame, high, lost, jax.random.key(0), lambda x: jax.vmap(one)(x) - LOG_Z)
    assert f["peak_looks"] == 2 and f["thin_peaks"] == many
    assert f["peak_mass_laplace"] > 0.7 and f["peak_mass"] == f["peak_mass_std_error"] == 0


def test_draws_without_a_density_have_no_mass() -> None:
    near = around(
        lambda x: jnp.nan * x[0], frame_of(np.eye(2), np.dtype("float32")), jnp.ones((1, 2)), jax.random.key(0)
    )
    found = Summits(np.zeros((64, 2)), np.zeros(64), np.zeros(64), 1)
    after, error = weighed(found, np.array([0]), near, np.zeros(near.log_rho.shape), 0.0, 3.0)
    assert error == 0 and after.log_mass[0] == -np.inf


def test_without_a_density_a_lost_mode_shows_in_log_z() -> None:
    verdict = judged(two, density=False)
    assert names(verdict, "do not trust") == {"missed mode"}
    assert "thin_chains" not in verdict.figures


def test_weights_with_heavy_tails_are_not_trusted() -> None:
    verdict = judged(wide)
    assert verdict.figures["pareto_k"] > 0.7
    assert "heavy tails" in names(verdict, "do not trust")


GOOD = {
    "n": 10_000, "lost": 0.0, "ess": 0.9, "ess_std_error": 0.01, "log_z": 0.0, "log_z_std_error": 0.003, "elbo": -0.05,
    "eubo": 0.05, "largest_weight": 0.01, "pareto_k": 0.2, "log_z_bridge": 0.001, "ess_reverse": 0.88,
    "thin_samples": 0.0, "chains": 256, "annealed_log_z": 0.01, "annealed_log_z_std_error": 0.05, "annealed_ess": 0.6,
    "thin_chains": 0.0, "missed_mass": 0.0, "missed_mass_std_error": 0.0, "residual_on_flow": 0.2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "name", "level"),
    [
        ({"pareto_k": 0.6}, "heavy tails", "caution"),
        ({"pareto_k": 0.75}, "heavy tails", "caution"),
        ({"pareto_k": 0.75, "largest_weight": 0.02}, "heavy tails", "do not trust"),
        ({"pareto_k": 1.5}, "heavy tails", "do not trust"),
        ({"ess_reverse": 0.3}, "heavy tails", "caution"),
        ({"thin_samples": 0.3}, "heavy tails", "do not trust"),
        ({"ess": 0.1}, "degenerate weights", "caution"),
        ({"ess": 0.01}, "degenerate weights", "do not trust"),
        ({"peaks": 3, "thin_peaks": 1, "peak_mass": 0.02}, "missed mode", "caution"),
        ({"peaks": 3, "thin_peaks": 1, "peak_mass": 0.2}, "missed mode", "do not trust"),
        ({"peaks": 3, "thin_peaks": 1, "peak_mass": 0.2, "peak_mass_std_error": 0.01}, "missed mode", "do not trust"),
        ({"peaks": 3, "thin_peaks": 1, "peak_mass": 0.2, "peak_mass_std_error": 0.15}, "missed mode", "do not trust"),
        ({"peaks": 3, "thin_peaks": 1, "peak_mass": 0.0, "peak_mass_laplace": 0.9}, "missed mode", "caution"),
        ({"peaks": 3, "peak_volumes": 9.0}, "unequal modes", "caution"),
        ({"n": 100}, "few samples", "caution"),
        ({"n": 20}, "few samples", "do not trust"),
        ({"lost": 0.01}, "lost samples", "caution"),
        ({"missed_mass": 0.01, "missed_mass_std_error": 0.004}, "missed mode", "caution"),
        ({"missed_mass": 0.03, "missed_mass_std_error": 0.01}, "missed mode", "do not trust"),
        ({"annealed_log_z": 0.5}, "missed mode", "do not trust"),
        ({"thin_chains": 0.1, "missed_mass": 0.3, "missed_mass_std_error": 0.2}, "thin regions", "caution"),
        ({"thin_chains": 0.008, "missed_mass": 0.15, "missed_mass_std_error": 0.09}, "thin regions", "caution"),
        ({"thin_chains": 0.05, "missed_mass": 0.004, "missed_mass_std_error": 0.003}, "thin regions", "caution"),
        ({"log_z_bridge": -0.2}, "sides disagree", "caution"),
        ({"eubo": 11.0}, "sides disagree", "do not trust"),
        ({"residual_on_flow": 5.0}, "residual along the flow", "caution"),
        ({"thin_chains": math.nan, "annealed_ess": 0.01}, "nothing looked for modes", "caution"),
    ],
)
def test_every_reason_has_its_level_and_next_step(change: dict[str, float], name: str, level: str) -> None:
    assert decide(GOOD).level == "trust"
    verdict = decide(GOOD | change)
    assert (verdict.level, verdict.reasons[0].name, verdict.reasons[0].level) == (level, name, level)
    assert verdict.next_steps[0] == NEXT_STEPS[name]
    assert "nan" not in verdict.reasons[0].evidence
    assert (
        decide(GOOD | {"peaks": 3, "thin_peaks": 1, "peak_mass": 0.005, "peak_mass_std_error": 0.005}).level == "trust"
    )


def test_thresholds_can_be_tried_on_recorded_figures() -> None:
    recorded = decide(GOOD | {"pareto_k": 0.6}).figures
    assert decide(recorded, Thresholds(pareto_k=(0.65, 0.7))).level == "trust"
    assert decide({**recorded, "pareto_k": None}).level == "trust", "as a JSON file has what is not finite"


def test_the_tail_of_even_weights_says_nothing():
    """Where the largest weight is near the mean one, k is that of differences that do not matter."""
    n = 10_000
    even = GOOD | {"n": n, "pareto_k": 1.1, "ess": 0.9999}
    assert decide(even | {"largest_weight": 1.4 / n}).level == "trust"
    assert decide(even | {"largest_weight": 6 / n}).level == "caution"
    assert decide(even | {"largest_weight": 60 / n}).level == "do not trust"


def test_chains_that_got_stuck_where_there_is_next_to_no_mass_say_nothing() -> None:
    stuck = GOOD | {"thin_chains": 0.6, "missed_mass": 1e-12, "missed_mass_std_error": 1e-12}
    assert decide(stuck).level == "trust"
    assert decide(stuck | {"missed_mass_std_error": 0.01}).level == "caution"


def test_a_noisy_annealed_log_z_is_no_reason() -> None:
    assert decide(GOOD | {"annealed_log_z": 2.0, "annealed_ess": 0.02}).level == "trust"
    assert decide(GOOD | {"annealed_log_z": 0.25, "annealed_log_z_std_error": 0.1}).level == "trust"


def test_the_bridge_between_two_gaussians_finds_the_ratio_of_their_normalisers() -> None:
    rng = np.random.default_rng(0)

    def log_w(x: np.ndarray) -> np.ndarray:  # rho = 5 N(0.5, 1.3^2), q = N(0, 1)
        return math.log(5 / 1.3) - 0.5 * ((x - 0.5) / 1.3) ** 2 + 0.5 * x**2

    own, other = log_w(rng.normal(size=20_000)), log_w(rng.normal(0.5, 1.3, size=5_000))
    assert bridge(own, other) == pytest.approx(math.log(5), abs=0.03)


def test_a_census_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="census: expected chains, levels, samples >= 2"):
        Census(chains=1)
