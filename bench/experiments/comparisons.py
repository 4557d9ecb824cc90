"""Experiments that compare methods, paths, stabilisers, and unique with non-unique solutions."""

from functools import partial

from experiments import flow, rows
from experiments.base import Arm, Experiment
from experiments.definitions import GRID, WELLS, plan

# Two residuals a point make the Gram matrix four times as large: half the points keep a step's cost comparable.
_TWO = {"plan": [{"points": 512}]}
_EQUATIONS = {
    "continuity": {},
    "fokker-planck": {},
    "annealed-continuity": {},
    "annealed-fokker-planck": {},
    "score": {},
    "schroedinger-bridge": _TWO,
    "optimal-transport": _TWO,
}
_PATHS = ("pis", "dis", "dds", "cmcd", "dbs")
# The prior's variance over that of a mode.
_NARROWING = {GRID: 30.0, WELLS: 72.0}
# With 1 on the wells the flow of Fokker-Planck equations is unstable at their steep walls.
_DIFFUSION = {GRID: 1.0, WELLS: 0.3}


def _method_arms(target, seconds, extra_losses):
    def by_path(method, **options):
        return {"method": method, "path": {"narrowing": _NARROWING[target]} | options, "score_every": 50}

    pde = {name: {"equation": name} | more for name, more in _EQUATIONS.items()}
    pde["score"]["precision_ratio"] = _NARROWING[target]
    for name in ("fokker-planck", "annealed-fokker-planck"):
        pde[name]["sigma"] = _DIFFUSION[target]
    by_paths = {name: by_path(name) for name in _PATHS}
    for loss in extra_losses:
        by_paths[f"dis, {loss}"] = by_path("dis", loss=loss)
    return tuple(Arm(f"{label}, {target}", target, o, seconds) for label, o in (pde | by_paths).items())


METHODS = Experiment(
    "methods",
    "Losses on residuals and losses on paths, side by side",
    "Every equation with the recipe of the target, and every path-based method with its default loss, `log-variance`, "
    "and for `dis` with all losses; with the same networks and the same budget. Equations with two residuals take 512 "
    "points a step, the others 1024; path-based methods take 256 paths of 64 steps; they and `score` are told how much "
    "narrower than the prior a mode is. Fokker-Planck equations diffuse with sigma = 1 on the grid, 0.3 on the wells. "
    "Recipes have been tuned for `continuity` alone.",
    (
        *_method_arms(GRID, 30, ("kl", "second-moment", "sub-trajectory-balance")),
        *_method_arms(WELLS, 35, ()),
    ),
    partial(rows.run, checkpoints=3),
    by_target=True,
)

_ANNEALED = {
    "geometric, linear": {},
    "geometric, cosine": {"schedule": "cosine"},
    "geometric, quadratic": {"schedule": "quadratic"},
    "geometric, learned": {"schedule": "learned"},
    "mixture": {"kind": "mixture"},
    "tempered": {"kind": "tempered"},
    "dilated": {"kind": "dilated"},
}

ANNEALING = Experiment(
    "annealing",
    "Annealing strategies, and when modes emerge",
    "Prescribed paths between the prior and `gmm-grid` (`annealed-continuity`) against the free path of `continuity`. "
    "Modes have emerged when the mass within 1.1 (two standard deviations of a component) of a mode has come half of "
    "the way from the prior's to the target's: in the density V_t of the path, by quadrature, and among the particles "
    "of the learned flow. They agree where the equation is solved; an empty cell says that it never came so far.",
    (
        Arm("free", GRID, {}, 25),
        *(
            Arm(label, GRID, {"equation": "annealed-continuity", "annealing": options}, 25)
            for label, options in _ANNEALED.items()
        ),
    ),
    partial(rows.run, checkpoints=3, after=flow.emergence),
    columns=("ess", "log_z_error", "mode_coverage", "emergence_density", "emergence_particles", "iteration"),
    profile="emergence",
)

_GRADIENT = {"residual": {"drift": "gradient"}}

UNIQUE = Experiment(
    "unique",
    "Losses with a unique solution and losses without",
    "How far the drifts of two seeds lie apart at common points, relative to their size, and the kinetic energy, the "
    "integral over time of E |velocity|^2 along the flow of particles. A drift that is no gradient, or a path that is "
    "free, leaves the solution open; least kinetic energy, a reference process or a noising process fixes it.",
    tuple(
        Arm(label, GRID, options, 25)
        for label, options in {
            "continuity": {},
            "continuity, gradient drift": _GRADIENT,
            "annealed-continuity": {"equation": "annealed-continuity"},
            "annealed-continuity, gradient drift": {"equation": "annealed-continuity"} | _GRADIENT,
            "score": {"equation": "score", "precision_ratio": _NARROWING[GRID]},
            "schroedinger-bridge": {"equation": "schroedinger-bridge"} | _TWO,
            "optimal-transport": {"equation": "optimal-transport"} | _TWO,
        }.items()
    ),
    partial(rows.run, checkpoints=3, after=flow.drift_figures),
    columns=("ess", "kinetic_energy", "drift_distance", "log_z_error", "mode_coverage", "iteration"),
    pooled={"drift_distance": flow.drift_distance},
)

_CG = {"optimiser": "gauss-newton-cg"}
_STABILISERS = {
    "recipe": {},
    "gauss-newton-cg": plan(**_CG),
    "gauss-newton-cg, factorised weights": plan(**_CG) | {"model": {"factorised": True}},
    "Fourier features": {"model": {"fourier_scale": 1.0}},
    "time frequencies": {"model": {"time_frequencies": 2}},
    "moving average": {"average": 0.95},
    "clipped score": {"residual": {"score_clip": 5.0}},
    "informed drift": {"residual": {"informed": 4}},
    "gradient drift": _GRADIENT,
    "antithetic starts": plan(antithetic=True),
    "robust = 0": plan(robust=0.0),
    "centred slices": {"residual": {"centred": 16}},
    "adaptive points with weights": plan(collocation="adaptive"),
}
_ON_WELLS = ("recipe", "robust = 0", "adaptive points with weights")

STABILISERS = Experiment(
    "stabilisers",
    "Stabilisers one by one",
    "The recipe (with `robust = 3`), and the recipe with one option changed. Factorised weights need another optimiser "
    "than the recipe's, so that they are to be compared with `gauss-newton-cg` alone.",
    (
        *(Arm(f"{label}, {GRID}", GRID, options, 20) for label, options in _STABILISERS.items()),
        *(Arm(f"{label}, {WELLS}", WELLS, _STABILISERS[label], 35) for label in _ON_WELLS),
    ),
    partial(rows.run, checkpoints=3),
    by_target=True,
)
