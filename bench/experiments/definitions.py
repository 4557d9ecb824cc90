"""The experiments: what is asked, and the arms that answer it."""

from experiments.base import Arm, Experiment

GRID, WELLS = "gmm-grid", "many-well-5"


def _plan(**options):
    return {"plan": [options]}


def _uniform(iterations=100):
    return _plan(collocation="uniform", iterations=iterations)


def _arms(target, options, **common):
    """An arm for every label of `options`, on one target."""
    return tuple(Arm(f"{label}, {target}", target, overlay, **common) for label, overlay in options.items())


def _dimension_target(dim):
    def build():
        from transjet import targets

        return targets.many_well(dim, 3, 2.0, name=f"many-well-{dim}-3")

    return build


DECAY = Experiment(
    "uniform-decay",
    "How residual and modes evolve with uniform points",
    (
        Arm("Gauss-Newton", GRID, _uniform(100)),
        Arm("Adam", GRID, _plan(collocation="uniform", optimiser="adam", iterations=4000)),
    ),
    columns=("residual_rms", "ess", "mode_coverage", "mode_worst_ratio", "iteration", "seconds"),
    curve="residual_rms",
)

POINTS = Experiment(
    "points",
    "Uniform points against points of trajectories",
    tuple(
        Arm(f"{label}, {target}", target, overlay, seconds=60)
        for target in (GRID, WELLS)
        for label, overlay in {
            "uniform": _plan(collocation="uniform", iterations=1000),
            "10,000 trajectories": _plan(collocation="trajectories", particles=10_000, refresh=20, iterations=1000),
            "both": _plan(iterations=1000),
        }.items()
    ),
)

OPTIMISERS = Experiment(
    "optimisers",
    "Adam, Gauss-Newton, and one after the other",
    tuple(
        Arm(label, GRID, {"plan": plan}, seconds=40)
        for label, plan in {
            "Gauss-Newton alone": [{"iterations": 2000}],
            "Adam alone": [{"optimiser": "adam", "iterations": 6000}],
            "Adam, then Gauss-Newton": [{"optimiser": "adam", "iterations": 1500}, {"iterations": 2000}],
        }.items()
    ),
    columns=("elbo", "ess", "log_z_error", "mode_coverage", "iteration", "seconds"),
)

NUMBER = Experiment(
    "number-of-points",
    "How many collocation points a step",
    tuple(
        Arm(f"{n} points", target, _plan(points=n, iterations=4000), seconds=45)
        for target in (WELLS,)
        for n in (256, 512, 1024, 2048, 4096)
    ),
)

DIMENSION = Experiment(
    "dimension",
    "Eight modes in 10, 50 and 100 dimensions",
    tuple(Arm(f"d = {d}", _dimension_target(d), {}, seconds=240) for d in (10, 50, 100)),
    columns=("ess", "log_z_error", "mode_coverage", "std_error_metric", "iteration", "seconds", "peak_mib"),
)


def _scaled_box(factor):
    def build():
        import dataclasses

        import numpy as np

        from transjet import targets

        target = targets.get(GRID)
        lower, upper = (np.asarray(corner) * factor for corner in target.box)
        return dataclasses.replace(target, box=(lower, upper))

    return build


# The recipe belongs to the target of the zoo; a copy of it gets the general one, so its one override is repeated here.
OMEGA = Experiment(
    "omega",
    "Size and shape of the region of collocation points",
    (
        *(
            Arm(f"box x {factor}", _scaled_box(factor), _plan(iterations=100, collocation="uniform"))
            for factor in (0.7, 0.85, 1.0, 1.5, 2.5)
        ),
        Arm("Gaussian, 1.2 prior std", GRID, _plan(iterations=100, collocation="gaussian", cloud=1.2)),
        Arm("Gaussian, 2 prior std", GRID, _plan(iterations=100, collocation="gaussian", cloud=2.0)),
    ),
)

HEADLINE = Experiment(
    "headline",
    "The default recipe on the targets of the literature",
    tuple(Arm(name, name) for name in (GRID, WELLS, "many-well-50", "funnel-10", "gmm40-2")),
    columns=("ess", "log_z_error", "std_error_metric", "mode_worst_ratio", "mode_coverage", "iteration", "seconds"),
)

EXPERIMENTS = {
    e.name: e for e in (DECAY, POINTS, OPTIMISERS, NUMBER, DIMENSION, OMEGA, HEADLINE)
}  # fmt: skip
