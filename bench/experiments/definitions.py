"""Experiments about collocation points, optimisers and dimension: what is asked, and the arms that answer it."""

from functools import partial

from experiments import rows
from experiments.base import Arm, Experiment

_MANY = 200_000
GRID, WELLS = "gmm-grid", "many-well-5"


def plan(**options):
    """Options of a plan of one phase."""
    return {"plan": [options]}


def _dimension_target(dim):
    def build():
        from transjet import targets

        return targets.many_well(dim, 3, 2.0, name=f"many-well-{dim}-3")

    return build


DECAY = Experiment(
    "uniform-decay",
    "How residual and modes evolve with uniform points",
    "Uniform points in the box of `gmm-grid`, and nothing else: Gauss-Newton with 1024 of them a step, and Adam. The "
    "residual is that before a step, at its own points.",
    (
        Arm("Gauss-Newton", GRID, plan(collocation="uniform"), 25),
        Arm("Adam", GRID, plan(collocation="uniform", optimiser="adam") | {"score_every": 100}, 25),
    ),
    partial(rows.run, checkpoints=10),
    columns=("residual_rms", "ess", "mode_coverage", "mode_worst_ratio", "iteration", "cpu_seconds"),
    curves=("residual_rms", "ess", "mode_worst_ratio"),
)

POINTS = Experiment(
    "points",
    "Uniform points against points of trajectories",
    "Where collocation points lie: uniformly in the target's box, along 10,000 trajectories of the current flow that "
    "are integrated anew every 20 steps, or both as in the recipe, whose share of uniform points falls from 1 to 0.5.",
    tuple(
        Arm(f"{label}, {target}", target, plan(**overlay), seconds)
        for target, seconds in ((GRID, 25), (WELLS, 40))
        for label, overlay in {
            "uniform": {"collocation": "uniform"},
            "10,000 trajectories": {"collocation": "trajectories", "particles": 10_000, "refresh": 20},
            "both": {},
        }.items()
    ),
    rows.run,
    by_target=True,
)

OPTIMISERS = Experiment(
    "optimisers",
    "Adam, Gauss-Newton, and one after the other",
    "The recipe of `gmm-grid` with three optimisers and the same budget. Adam's learning rate falls from 0.001 along a "
    "cosine that ends with its share of the budget, which is 40 % in the last arm; that arm compiles two kinds of "
    "steps.",
    tuple(
        Arm(label, GRID, {"plan": phases, "score_every": every}, 40, shares)
        for label, phases, every, shares in (
            ("Gauss-Newton alone", [{}], 20, ()),
            ("Adam alone", [{"optimiser": "adam"}], 100, ()),
            ("Adam, then Gauss-Newton", [{"optimiser": "adam"}, {"optimiser": "gauss-newton"}], 20, (0.4, 0.6)),
        )
    ),
    rows.run,
    columns=("elbo", "ess", "log_z_error", "mode_coverage", "iteration", "cpu_seconds"),
    curves=("elbo", "ess"),
)

NUMBER = Experiment(
    "number-of-points",
    "How many collocation points a step",
    "The recipe of `many-well-5` with another number of points. A step of the dual Gauss-Newton costs about N^2 for "
    "its Gram matrix, so that fewer points make more steps.",
    tuple(Arm(f"{n} points", WELLS, plan(points=n), 40) for n in (256, 512, 1024, 2048)),
    rows.run,
)

DIMENSION = Experiment(
    "dimension",
    "Eight modes in 10, 50 and 100 dimensions",
    "Three double wells and the rest standard Gaussian, with the general recipe, whatever the dimension.",
    tuple(Arm(f"d = {d}", _dimension_target(d), {}, 120) for d in (10, 50, 100)),
    rows.run,
    columns=("ess", "log_z_error", "mode_coverage", "std_error_metric", "iteration", "cpu_seconds", "peak_mib"),
)

UNTUNED = Experiment(
    "untuned",
    "The default recipe on targets that nobody tuned it for",
    "What a user gets, without any option, on targets of the zoo that have no recipe of their own: a flow from a "
    "pilot, but for `many-well-5-2`, which starts from a Gaussian.",
    tuple(
        Arm(name, name, {}, 90)
        for name in (
            "rings", "banana", "many-well-5-2", "many-well-32", "eight-schools", "seeds", "gmm40-50", "student10-50",
        )
    ),
    rows.run,
    columns=("ess", "log_z_error", "mode_coverage", "mode_worst_ratio", "iteration", "cpu_seconds"),
)  # fmt: skip


def _scaled_box(factor):
    def build():
        import dataclasses

        import numpy as np

        from transjet import targets

        target = targets.get(GRID)
        lower, upper = (np.asarray(corner) * factor for corner in target.box)
        return dataclasses.replace(target, box=(lower, upper))

    return build


OMEGA = Experiment(
    "omega",
    "Size and shape of the region of collocation points",
    "Points of `gmm-grid` drawn uniformly in its box scaled by a factor, or from a Gaussian. The outermost modes are "
    "at 0.70 of the box's half-width.",
    (
        *(
            Arm(f"box x {factor}", _scaled_box(factor), plan(collocation="uniform"), 20)
            for factor in (0.7, 1.0, 1.5, 2.5)
        ),
        Arm("Gaussian, 1.2 prior std", GRID, plan(collocation="gaussian", cloud=1.2), 20),
        Arm("Gaussian, 2 prior std", GRID, plan(collocation="gaussian", cloud=2.0), 20),
    ),
    rows.run,
)

HEADLINE = Experiment(
    "headline",
    "The default recipe on the targets of the literature",
    "What a user gets without any option: the recipe's own steps, whatever they take.",
    tuple(Arm(name, name) for name in (GRID, WELLS, "many-well-50", "funnel-10", "gmm40-2")),
    partial(rows.run, judged=_MANY),  # so many that weights of modes are known to a percent
    columns=("ess", "log_z_error", "std_error_metric", "mode_worst_ratio", "mode_coverage", "iteration", "cpu_seconds"),
    judged=_MANY,
)
