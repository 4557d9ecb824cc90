from __future__ import annotations

import dataclasses
import json

import jax
import numpy as np
import pytest

from transjet import targets
from transjet.errors import DTypeError, ShapeError, TargetError
from transjet.metrics import Estimate, Summary, ess, summarize

GRID = targets.get("gmm-grid")
N = 4001


def log_normal(x: np.ndarray, mean: np.ndarray, std: float) -> np.ndarray:
    """Log of the equal mixture of N(mean_k, std^2 I) in two dimensions."""
    squares = ((x[:, None] - mean[None]) ** 2).sum(axis=-1)
    return np.log(np.exp(-0.5 * squares / std**2).mean(axis=1) / (2 * np.pi * std**2))


def sampler(std: float = 0.6, centres: np.ndarray = GRID.modes, n: int = N) -> tuple[np.ndarray, np.ndarray]:
    """Samples of a mixture that is a little too wide, and their exact log weights for the grid."""
    rng = np.random.default_rng(8)
    x = centres[rng.integers(len(centres), size=n)] + std * rng.normal(size=(n, 2))
    return x, log_normal(x, GRID.modes, np.sqrt(0.3)) - log_normal(x, centres, std)


def test_a_good_sampler_is_seen_as_good():
    x, log_w = sampler()
    s = summarize(x, log_w, GRID)
    assert (s.target, s.n, s.n_nonfinite) == ("gmm-grid", N, 0)
    assert s.log_z_error.value == s.log_z.value and abs(s.log_z.value) < 4 * s.log_z.std_error
    assert s.ess == ess(log_w) and 0.9 < s.ess.value < 0.99
    assert s.elbo.value < s.log_z.value
    assert len(s.mode_weights) == 9 and s.mode_worst_ratio.value > 0.85
    assert s.mode_coverage.value > 0.999
    assert s.std_error_metric_reweighted.value < 4 * s.std_error_metric_reweighted.std_error
    assert (s.eubo, s.sinkhorn, s.sinkhorn_batch_size, s.mmd_squared) == (None,) * 4


def test_a_missed_mode_shows_in_the_figures_that_can_see_it():
    x, log_w = sampler(centres=GRID.modes[:8])
    s = summarize(x, log_w, GRID)
    assert s.mode_worst_ratio.value == 0.0 and s.mode_weights[8].value == 0.0
    assert s.log_z.value == pytest.approx(np.log(8 / 9), abs=5 * s.log_z.std_error)
    assert s.log_z_error.value < -10 * s.log_z_error.std_error, "mass that is missing has a sign"
    assert s.ess.value > 0.9, "the ESS alone cannot see it"


def test_a_missing_normaliser_shows_in_log_z():
    x, log_w = sampler()
    assert summarize(x, log_w + 42.8, GRID).log_z_error.value == pytest.approx(42.8, abs=0.05)


@pytest.mark.parametrize("log_weight", [2.0, -2.0])
def test_the_error_of_log_z_is_its_signed_distance_from_the_truth(log_weight):
    well = targets.get("double-well")
    x = np.asarray(well.sample(jax.random.key(0), 5), dtype=np.float64)
    s = summarize(x, np.full(5, log_weight), well)
    assert s.log_z.value == pytest.approx(log_weight)
    assert s.log_z_error.value == pytest.approx(log_weight - 0.293002, abs=1e-6)
    assert s.to_json_dict()["log_z_error"] == s.log_z_error.value
    (row,) = [line for line in s.table().splitlines() if line.startswith("log z error")]
    assert float(row.split()[3]) == pytest.approx(s.log_z_error.value, rel=1e-3)


def test_weights_repair_the_shares_and_the_deviations():
    centres = np.concatenate([GRID.modes, GRID.modes[3:6], GRID.modes[3:6]])
    s = summarize(*sampler(centres=centres), GRID)
    raw, repaired = (np.array(w)[:, 0] for w in (s.mode_weights, s.mode_weights_reweighted))
    assert np.abs(raw[3:6] - 3 / 15).max() < 0.03 and np.abs(repaired - 1 / 9).max() < 0.02
    assert s.mode_worst_ratio.value < 0.65
    assert s.std_error_metric.value > 4 * s.std_error_metric_reweighted.value


def test_reference_figures_and_eubo():
    x, log_w = sampler(n=401)
    key = jax.random.key(0)
    y = np.asarray(GRID.sample(jax.random.key(1), 301), dtype=np.float64)
    log_w_y = log_normal(y, GRID.modes, np.sqrt(0.3)) - log_normal(y, GRID.modes, 0.6)
    s = summarize(x, log_w, GRID, key=key, log_w_reference=log_w_y)
    assert s.elbo.value < s.log_z.value < s.eubo.value
    assert s.sinkhorn_batch_size == 100 and s.sinkhorn.value < 5.0
    assert abs(s.mmd_squared.value) < 5 * s.mmd_squared.std_error
    far = summarize(x + 1e6, log_w, GRID, key=key)
    assert np.isnan(far.sinkhorn).all() and np.isnan(far.to_json_dict()["sinkhorn"])
    biased = summarize(x + 2.0, log_w, GRID, key=key)
    assert biased.sinkhorn.value > s.sinkhorn.value + 3.0 and biased.mmd_squared.value > s.mmd_squared.value


def test_lost_samples_are_counted_and_cost_ess():
    x, log_w = sampler()
    log_w[5] = 1e3
    x[5], log_w[7], log_w[9], log_w[11] = np.nan, np.nan, np.inf, -np.inf
    s = summarize(x, log_w, GRID)
    assert s.n == N and s.n_nonfinite == 3
    assert abs(s.log_z.value) < 0.1, "the weight of a lost sample must not count"
    half = log_w.copy()
    half[::2] = np.nan
    lossy = summarize(x, half, GRID)
    assert lossy.ess.value == pytest.approx(0.5 * s.ess.value, rel=0.02)
    assert lossy.n_nonfinite == 2004 and "2004" in lossy.table()


def test_json_holds_every_figure_with_its_error():
    x, log_w = sampler()
    plain = summarize(x, log_w, GRID).to_json_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    figures = ["ess", "log_z", "log_z_error", "mode_weights", "mode_weights_reweighted", "mode_worst_ratio"]
    for key in [*figures, "mode_coverage", "std_error_metric", "std_error_metric_reweighted"]:
        assert plain[key] is not None and plain[f"{key}_std_error"] is not None
    assert len(plain["mode_weights"]) == len(plain["mode_weights_std_error"]) == 9
    assert plain["eubo"] is None and plain["sinkhorn"] is None and plain["n"] == N


def test_json_keeps_figures_that_are_not_finite_for_the_writer_to_report():
    x, log_w = sampler()
    log_w[0] = -np.inf
    plain = summarize(x, log_w, GRID).to_json_dict()
    assert (plain["elbo"], plain["elbo_std_error"]) == (-np.inf, np.inf)


def test_a_target_without_truths_has_fewer_figures():
    bare = targets.from_log_density(GRID.log_density, 2)
    x, log_w = sampler()
    s = summarize(x, log_w, bare, key=jax.random.key(0))
    known = {field.name for field in dataclasses.fields(Summary) if getattr(s, field.name) is not None}
    assert known == {"target", "n", "n_nonfinite", "log_z", "ess", "elbo"}
    assert [line.split()[0] for line in s.table().splitlines()[2:]] == [
        "target", "samples", "samples", "log", "ess", "elbo",
    ]  # fmt: skip


def test_table_is_aligned_and_lists_few_modes_only():
    x, log_w = sampler()
    lines = summarize(x, log_w, GRID).table().splitlines()
    assert lines[0].split() == ["figure", "value", "std", "error"]
    assert sum(line.startswith("mode weight") for line in lines) == 18
    assert max(map(len, lines)) <= 80 and all(line == line.rstrip() for line in lines)
    many = Summary("t", 2, 0, *[Estimate(0.5, 0.1)] * 4, mode_weights=(Estimate(0.02, 0.01),) * 50)
    ends = [line[:21].strip() for line in many.table().splitlines()[-2:]]
    assert ends == ["mode weight, least", "mode weight, greatest"]


def test_a_target_of_one_mode_has_no_coverage():
    one = targets.gaussian_mixture([[0.0, 0.0]])
    rng = np.random.default_rng(0)
    s = summarize(rng.normal(size=(101, 2)), np.zeros(101), one)
    assert s.mode_coverage is None and s.mode_weights[0].value == 1.0


X, W = np.zeros((5, 2)), np.zeros(5)


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: summarize(X[0], W, GRID), ShapeError, r"\(n, 2\), got \(2,\)"),
        (lambda: summarize(X[:, :1], W, GRID), ShapeError, r"\(n, 2\), got \(5, 1\)"),
        (lambda: summarize(X, W[:4], GRID), ShapeError, r"\(5,\), got \(4,\)"),
        (lambda: summarize(X, W[:, None], GRID), ShapeError, "log_w"),
        (lambda: summarize(X[:1], W[:1], GRID), ShapeError, "at least 2 samples"),
        (lambda: summarize("x", W, GRID), DTypeError, "x must hold"),
        (lambda: summarize(X, "w", GRID), DTypeError, "log_w must hold"),
        (lambda: summarize(X * np.nan, W, GRID), TargetError, "only 0 of 5 samples are finite"),
        (lambda: summarize(X, W - np.inf, GRID), TargetError, "weight zero"),
        (lambda: summarize(X, W, GRID, key=jax.random.key(0)), ShapeError, "draw more samples"),
        (lambda: summarize(X, W, GRID, log_w_reference=[0.0, np.inf]), TargetError, "EUBO"),
    ],
)
def test_malformed_calls(call, error, words):
    with pytest.raises(error, match=words):
        call()
