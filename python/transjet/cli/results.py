"""What is made of weighted samples: figures, files, pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from transjet import __version__
from transjet.backend.info import collect
from transjet.cli.record import RunRecord
from transjet.collocation import Pilot
from transjet.io import Progress, RunFolder
from transjet.metrics import Summary
from transjet.optim import Outcome
from transjet.pilot import Base
from transjet.plots import save_all
from transjet.targets import Target
from transjet.train import Spent, total
from transjet.transport import WeightedSamples


def figures(summary: Summary, record: RunRecord) -> dict[str, Any]:
    """Flat figures for a JSON file: those of the samples, and what they were made with.

    Args:
        summary: of the samples.
        record: of the run.

    Returns:
        Text, numbers, None and lists by name.
    """
    report = collect()
    versions = report["versions"] | {"transjet": __version__}
    installed = {name: version for name, version in versions.items() if version != "not installed"}
    cpu, devices = report["cpu"], report["jax"]["devices"]
    return {
        **summary.to_json_dict(),
        "target": record.spec.target,
        "seed": record.seed,
        "dtype": record.config.dtype,
        "backend": record.config.backend,
        "versions": ", ".join(f"{name} {version}" for name, version in installed.items()),
        "hardware": ", ".join([cpu["machine"], f"{cpu['cores']} cores", *devices]),
    }


def rejected(rejections: Mapping[str, int]) -> dict[str, int]:
    """Counts of rejected steps for a JSON file: all, and by reason, zeros included."""
    reasons = {f"rejected_{o.name.lower()}": rejections.get(o.name, 0) for o in Outcome if o is not Outcome.ACCEPTED}
    return {"rejected": sum(reasons.values()), **reasons}


def rejected_in_words(rejections: Mapping[str, int]) -> str:
    """The same in words, the most frequent reason first."""
    ordered = sorted(rejections.items(), key=lambda item: -item[1])
    parts = [f"{count} {name.lower().replace('_', ' ')}" for name, count in ordered]
    return f"{sum(rejections.values())} steps rejected ({', '.join(parts)})" if parts else "no step rejected"


def pilot_in_words(pilot: Pilot, base: Base | None = None) -> str:
    """The box that a pilot run found, in coordinates of the flow, and what it took."""
    none = "the target has no box" if base is None else "the target has no box in coordinates of the base"
    sides = " x ".join(f"[{low:.3g}, {high:.3g}]" for low, high in zip(pilot.box.lower, pilot.box.upper, strict=True))
    return (
        f"{none}; a pilot run found {sides} with {pilot.evaluations} evaluations of the log density "
        f"and its gradient (acceptance {pilot.acceptance:.2f})"
    )


def pilot_figures(pilot: Pilot | None) -> dict[str, Any]:
    """The same for a JSON file; nothing without a pilot run."""
    if pilot is None:
        return {}
    box = [list(pilot.box.lower), list(pilot.box.upper)]
    return {"pilot_box": box, "pilot_evaluations": pilot.evaluations, "pilot_acceptance": pilot.acceptance}


def base_in_words(base: Base) -> str:
    """Where a flow starts, how near the target the pilot's mixture is, and what it took; a trial may have kept less."""
    components, dof = int(base.prior.means.shape[0]), float(base.prior.dof)
    added = int(base.figures.get("modes_added", 0))
    tails = f"of Student's t with {dof:g} degrees of freedom" if math.isfinite(dof) else "Gaussian"
    return (
        f"a pilot run: the flow starts from a mixture, {tails}, of {components} component{'s' * (components != 1)}; "
        f"the pilot's own has ESS {base.ess:.3g}, log Z {base.log_z:.4g};\n"
        f"{added} mode{'s' * (added != 1)} added by a search, "
        f"{base.evaluations:,} evaluations of the log density and its gradient"
    )


def base_figures(base: Base | None) -> dict[str, Any]:
    """The same for a JSON file; nothing without a base. Gaussians have degrees of freedom None."""
    if base is None:
        return {}
    dof = float(base.prior.dof)
    own: dict[str, Any] = {"ess": base.ess, "log_z": base.log_z, "evaluations": base.evaluations}
    own |= {"components": int(base.prior.means.shape[0]), "dof": dof if math.isfinite(dof) else None}
    return {f"base_{name}": value for name, value in (base.figures | own).items()}


def evaluation_figures(spent: Spent) -> dict[str, int]:
    """Evaluations of the target for a JSON file: all, and those of the log density by purpose."""
    every = total(spent)
    sums = {"evaluations": every.values, "gradient_evaluations": every.gradients, "hessian_products": every.products}
    return sums | {f"evaluations_{purpose}": counts.values for purpose, counts in spent.items()}


def evaluations_in_words(spent: Spent) -> str:
    """The same in words."""
    every = total(spent)
    parts = [f"{purpose} {counts.values:,}" for purpose, counts in spent.items() if counts.values]
    text = (
        f"{every.values:,} evaluations of the log density ({', '.join(parts)}), {every.gradients:,} with its gradient"
    )
    return f"{text}, {every.products:,} products with its Hessian" if every.products else text


def in_short(summary: Summary) -> str:
    """The two figures that tell most, in one line."""
    pairs = {"ESS": summary.ess, "log Z": summary.log_z}
    return ", ".join(f"{name} {e.value:.4g} ± {e.std_error:.1g}" for name, e in pairs.items())


def draw_pictures(
    run: RunFolder, target: Target, samples: WeightedSamples, summary: Summary, progress: Progress
) -> None:
    """Write the pictures of a run, or say why there are none."""
    if find_spec("matplotlib") is None:
        progress.message("no pictures: matplotlib is not installed (pip install 'transjet[all]')")
        return
    save_all(
        run.path,
        target=target,
        x=samples.x,
        log_w=samples.log_weights,
        history=run.read_history(),
        summary=summary,
    )
