"""An experiment: arms that differ in one thing, run with equal budgets, judged on fresh samples."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Arm:
    """One way of doing it.

    Attributes:
        label: its name in the table.
        target: a name of the zoo, or `() -> Target`.
        options: overlaid on the target's recipe.
        seconds: budget of training in CPU seconds, compilation included; None: the steps of the plan, whatever they
            take. With a budget the plan's iterations are set so that they fill it, see `budget.prepare`.
        shares: of the budget, per phase of the plan; empty: equal ones.
        extra: what an experiment's own `run` wants to know.
    """

    label: str
    target: str | Callable[[], Any]
    options: dict[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    shares: tuple[float, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment:
    """A question with its arms.

    Attributes:
        name: of the command, the results and the page.
        question: heading of the page.
        about: what is compared and how, a paragraph of the page.
        arms: what is compared.
        run: `(arm, seed, quick) -> row`.
        columns: figures of the table.
        curves: figures that are drawn against CPU seconds, a panel each.
        pooled: figures of all seeds of an arm together, name -> `(rows) -> number or None`.
        profile: name of a row's profile along the path, drawn in a panel of its own; see `flow.emergence`.
        by_target: a panel of the plot for every target, all of them names.
        judged: samples that judge the end of a row, as `run` has it.
    """

    name: str
    question: str
    about: str
    arms: tuple[Arm, ...]
    run: Callable[..., dict[str, Any]]
    columns: tuple[str, ...] = ("ess", "log_z_error", "mode_coverage", "iteration", "cpu_seconds")
    curves: tuple[str, ...] = ("ess",)
    pooled: dict[str, Callable[..., Any]] = field(default_factory=dict)
    profile: str | None = None
    by_target: bool = False
    judged: int = 10_000


# For every arm: fewer steps of the transport and fewer samples of a score than in a recipe, as both are repeated often.
_COMMON = {"transport_steps": 50, "score_samples": 1000}
_QUICK = {"samples": 64, "transport_steps": 4, "score_samples": 64, "model": {"width": 8, "depth": 1}}


def config_of(arm, target, quick=False):
    """The configuration of an arm: its options over what all arms have in common, over the target's recipe."""
    from transjet.config import RunConfig
    from transjet.recipes import general, recipe

    # Targets that an experiment builds are compared with those of the zoo.
    rule = recipe(target) if isinstance(arm.target, str) else general(target)
    config = RunConfig.from_dict(arm.options, RunConfig.from_dict(_COMMON if arm.seconds else {}, rule))
    if not quick:
        return config
    few = _QUICK | {"plan": [{"iterations": 2, "points": 64, "particles": 0} for _ in config.plan]}
    few["base"] = {"kind": "gaussian"}  # a pilot takes as long as it takes
    if config.method != "pde":
        few["path"] = {"iterations": 2, "batch": 16, "steps": 4}
    return RunConfig.from_dict(few, config)


def target_of(arm):
    """The target of an arm."""
    from transjet import targets

    return targets.get(arm.target) if isinstance(arm.target, str) else arm.target()


def sampler_of(arm, quick=False):
    """The sampler of an arm."""
    from transjet import Sampler

    target = target_of(arm)
    return Sampler(target, config_of(arm, target, quick))
