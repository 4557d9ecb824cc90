"""Whether weighted samples are to be trusted, from evidence that needs no truth, with the reason and the next step.

`decide` is a function of recorded figures alone: thresholds can be tried on the metrics of runs that are over.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

_LEAST_GAP = 0.05  # of 1 - k: the k of a few hundred weights has an error of about 0.1
TRUST, CAUTION, DISTRUST = LEVELS = ("trust", "caution", "do not trust")


@dataclass(frozen=True)
class Thresholds:
    """Where evidence turns into a reason: judgement, corrected on random targets of known truth (docs/verdict.md).

    Of a pair the first number is for "caution", the second one for "do not trust".

    Attributes:
        pareto_k: above it the tail is heavy; 0.7 is where means stop to converge usefully (arXiv 1507.02646).
        beyond: share of the integral that a tail of this k still has beyond the largest weight, on average, below which
            even a k above 0.7 is a reason for caution only.
        even: largest weight, in units of the mean weight, up to which the tail says nothing: such weights are all about
            alike, and a k of their differences above 0.7 is no sign of a moment that does not exist.
        ess: below it weights are degenerate.
        effective: samples times ESS; below it there are too few.
        lost: above it too many samples have no finite weight.
        missed_mass: above it, and above two of its standard errors, the flow misses too much. Above the second limit
            with a larger error it is a reason for caution.
        peak_mass: the same of what a search for modes found, by draws around the peaks where Laplace's approximation
            says that there is much. Where the draws alone say that there is not, it is a reason for caution: they may
            have missed what lies beside them.
        peak_volumes: nats by which the volumes of found modes may differ; e^7 is about the number of climbers, of which
            none may start in the basin of a mode that much smaller than the others.
        thin_chains: share of chains that may end where the flow is thin before a word is said about it.
        negligible: mass there, with three standard errors, below which nothing is said: such chains are just stuck.
        thin_samples: share of moved samples that may.
        annealed_log_z: excess of annealed importance sampling's log Z over that of the samples, and above four
            standard errors.
        annealed_effective: chains times their ESS below which annealed importance sampling says nothing about log Z.
        log_z_bridge: difference of log Z by both sides from that of the samples alone, and above four standard errors.
        bounds: EUBO - ELBO.
        ess_reverse: ESS by the other side over that of the weights, below which it is too small.
        residual: root mean square along the flow, in nats per unit of time.
    """

    pareto_k: tuple[float, float] = (0.5, 0.7)
    beyond: float = 0.05
    even: float = 5.0
    ess: tuple[float, float] = (0.2, 0.02)
    effective: tuple[float, float] = (400.0, 30.0)
    lost: tuple[float, float] = (0.001, 0.05)
    missed_mass: tuple[float, float] = (0.005, 0.02)
    peak_mass: tuple[float, float] = (0.01, 0.05)
    peak_volumes: float = 7.0
    thin_chains: float = 0.02
    negligible: float = 1e-3
    thin_samples: tuple[float, float] = (0.02, 0.2)
    annealed_log_z: tuple[float, float] = (0.1, 0.3)
    annealed_effective: float = 30.0
    log_z_bridge: tuple[float, float] = (0.1, 0.5)
    bounds: tuple[float, float] = (2.0, 10.0)
    ess_reverse: float = 0.5
    residual: float = 3.0


NEXT_STEPS = {
    "heavy tails": (
        "draw 20 times as many samples and see whether log Z and ESS stay; then train longer with points in the tails "
        "(spread or scatter of trajectories' starts, adaptive points), or sample by the diffusion"
    ),
    "degenerate weights": "train longer or with more points; sample by the diffusion with resampling",
    "few samples": "draw more samples: transjet sample DIR -n N",
    "lost samples": "check the log density for points without a value; use float64, or more transport_steps",
    "missed mode": (
        "widen the prior (prior_std), keep a background of uniform points (background_end above 0), and train again "
        "with another seed; do not use these samples' log Z or shares of modes"
    ),
    "unequal modes": (
        "run again with another base.seed and more base.climbers, and trust what both runs agree on: log Z, the number "
        "of modes and their weights"
    ),
    "thin regions": (
        "compare seeds; widen the prior and keep a background of uniform points, or look again with more chains "
        "(`Inquiry` with a larger `Census`)"
    ),
    "sides disagree": "train longer: the flow's density and the target's differ where the samples go",
    "residual along the flow": "draw a larger share of points along trajectories, or train longer",
    "nothing looked for modes": "sample along the ODE of an equation, whose flow has a density; compare seeds",
}
"""Name of a reason -> what to do next."""


class Reason(NamedTuple):
    """Why samples are not to be trusted without more ado.

    Attributes:
        name: one of `NEXT_STEPS`.
        level: "caution" or "do not trust".
        evidence: the figures that say so.
    """

    name: str
    level: str
    evidence: str


@dataclass(frozen=True)
class Verdict:
    """What a run ends with.

    Attributes:
        level: "trust", "caution" or "do not trust", the worst of the reasons'.
        reasons: the worst first; none for "trust".
        next_steps: one for each reason's name.
        figures: all that was looked at, by name.
    """

    level: str
    reasons: tuple[Reason, ...]
    next_steps: tuple[str, ...]
    figures: dict[str, float]

    def __str__(self) -> str:
        """Lines for a terminal."""
        lines = [f"verdict: {self.level}"]
        for reason, step in zip(self.reasons, self.next_steps, strict=True):
            lines += [f"  {reason.name} ({reason.level}): {reason.evidence}", f"    next: {step}"]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Flat: the verdict, its reasons in words, and every figure."""
        words = [f"{reason.name} ({reason.level}): {reason.evidence}" for reason in self.reasons]
        figures = {f"verdict_{name}": value for name, value in self.figures.items()}
        return {"verdict": self.level, "verdict_reasons": words, "verdict_next_steps": list(self.next_steps), **figures}


def decide(figures: Mapping[str, float], thresholds: Thresholds | None = None) -> Verdict:
    """Judge by figures; those that are missing or NaN give no reason, save where nothing looked for lost modes.

    Args:
        figures: from `weight_figures`, `moved_figures`, `chain_figures` and `Trainer.residuals`.
        thresholds: None: `Thresholds()`.

    Returns:
        The verdict.

    Example:
        >>> decide({"n": 10_000, "ess": 0.9, "pareto_k": 0.85, "thin_chains": 0.0}).level
        'do not trust'
    """
    limits, f = Thresholds() if thresholds is None else thresholds, _Figures(figures)
    found = [reason for rule in _RULES if (reason := rule(f, limits)) is not None]
    worst: dict[str, Reason] = {}
    for reason in sorted(found, key=lambda r: -LEVELS.index(r.level)):
        worst.setdefault(reason.name, reason)
    reasons = tuple(worst.values())
    level = reasons[0].level if reasons else TRUST
    return Verdict(level, reasons, tuple(NEXT_STEPS[r.name] for r in reasons), dict(figures))


class _Figures:
    """Figures by name; NaN where there is none, which is above and below nothing."""

    def __init__(self, figures: Mapping[str, float]) -> None:
        self._figures = figures

    def __getattr__(self, name: str) -> float:
        value = self._figures.get(name, math.nan)
        return math.nan if value is None else value


def _reason(name: str, value: float, limits: tuple[float, float], evidence: str) -> Reason | None:
    """A reason where a value is above one of two limits."""
    if not value > limits[0]:
        return None
    return Reason(name, DISTRUST if value > limits[1] else CAUTION, evidence)


def _below(name: str, value: float, limits: tuple[float, float], evidence: str) -> Reason | None:
    return _reason(name, -value, (-limits[0], -limits[1]), evidence)


def _tails(f: _Figures, limits: Thresholds) -> Reason | None:
    if f.largest_weight * f.n <= limits.even:
        return None
    # Of a Pareto tail, what lies beyond its 1/n quantile w has the integral w / (1 - k) / n; k itself is uncertain.
    beyond = f.largest_weight / max(1 - f.pareto_k, _LEAST_GAP)
    text = (
        f"Pareto k {f.pareto_k:.2f} of the largest weights; the largest has {f.largest_weight:.2g} of all weight, "
        f"and such a tail has {beyond:.2g} of the integral beyond it"
    )
    reason = _reason("heavy tails", f.pareto_k, limits.pareto_k, text)
    return reason._replace(level=CAUTION) if reason and beyond <= limits.beyond else reason


def _other_side(f: _Figures, limits: Thresholds) -> Reason | None:
    if not f.ess_reverse < limits.ess_reverse * f.ess:
        return None
    text = f"moved samples put the ESS at {f.ess_reverse:.2g}, the weights at {f.ess:.2g}: large weights were not drawn"
    return Reason("heavy tails", CAUTION, text)


def _thin_samples(f: _Figures, limits: Thresholds) -> Reason | None:
    text = f"the flow's density is below a twentieth of the target's at {f.thin_samples:.2g} of the moved samples"
    return _reason("heavy tails", f.thin_samples, limits.thin_samples, text)


def _weights(f: _Figures, limits: Thresholds) -> Reason | None:
    return _below("degenerate weights", f.ess, limits.ess, f"ESS {f.ess:.2g} +- {f.ess_std_error:.1g}")


def _few(f: _Figures, limits: Thresholds) -> Reason | None:
    effective = f.n * f.ess
    return _below("few samples", effective, limits.effective, f"{effective:.0f} effective samples of {f.n:.0f}")


def _lost(f: _Figures, limits: Thresholds) -> Reason | None:
    return _reason("lost samples", f.lost, limits.lost, f"{f.lost:.2g} of the samples have no finite weight")


def _missed(f: _Figures, limits: Thresholds) -> Reason | None:
    if not f.missed_mass > 2 * f.missed_mass_std_error:
        return None
    text = (
        f"{f.thin_chains:.2g} of {f.chains:.0f} chains from the prior ended where the flow hardly goes; about "
        f"{f.missed_mass:.2g} +- {f.missed_mass_std_error:.1g} of the mass is there"
    )
    return _reason("missed mode", f.missed_mass, limits.missed_mass, text)


def _peaks(f: _Figures, limits: Thresholds) -> Reason | None:
    text = (
        f"{f.thin_peaks:.0f} of {f.peaks:.0f} modes that a fresh search found lie where the flow hardly goes; about "
        f"{f.peak_mass:.2g}{_error(f.peak_mass_std_error)} of the mass is there"
    )
    reason = _reason("missed mode", f.peak_mass, limits.peak_mass, text)
    if reason is None and f.peak_mass_laplace > limits.peak_mass[0]:
        return Reason("missed mode", CAUTION, f"{text}, {f.peak_mass_laplace:.2g} by Laplace's approximation")
    return reason


def _error(value: float) -> str:
    return f" +- {value:.1g}" if math.isfinite(value) else ""


def _unequal(f: _Figures, limits: Thresholds) -> Reason | None:
    if not f.peak_volumes > limits.peak_volumes:
        return None
    text = (
        f"volumes of the modes differ by a factor of e^{f.peak_volumes:.0f}: a search for modes hardly ever starts in "
        "the basin of a small one, and may have missed others"
    )
    return Reason("unequal modes", CAUTION, text)


def _short(f: _Figures, limits: Thresholds) -> Reason | None:
    excess = f.annealed_log_z - f.log_z
    error = math.hypot(f.annealed_log_z_std_error, f.log_z_std_error)
    if not (f.annealed_ess * f.chains > limits.annealed_effective and excess > 4 * error):
        return None
    text = f"log Z is {f.log_z:.3f} by the samples and {f.annealed_log_z:.3f} +- {error:.2g} by chains from the prior"
    return _reason("missed mode", excess, limits.annealed_log_z, text)


def _thin_chains(f: _Figures, limits: Thresholds) -> Reason | None:
    # Few chains are uncertain about the mass, but their estimate has no bias: even one may have met a lost mode.
    if not (f.thin_chains > limits.thin_chains or f.missed_mass > limits.missed_mass[1]):
        return None
    if f.missed_mass + 3 * f.missed_mass_std_error < limits.negligible:
        return None
    text = (
        f"{f.thin_chains:.2g} of {f.chains:.0f} chains from the prior ended where the flow hardly goes; the mass "
        f"there, {f.missed_mass:.2g} +- {f.missed_mass_std_error:.1g}, is uncertain"
    )
    return Reason("thin regions", CAUTION, text)


def _sides(f: _Figures, limits: Thresholds) -> Reason | None:
    gap = abs(f.log_z_bridge - f.log_z)
    if not gap > 4 * f.log_z_std_error:
        return None
    text = f"log Z is {f.log_z:.3f} by the samples and {f.log_z_bridge:.3f} with samples of the target's side"
    return _reason("sides disagree", gap, limits.log_z_bridge, text)


def _bounds(f: _Figures, limits: Thresholds) -> Reason | None:
    text = f"log Z lies between {f.elbo:.3f} and {f.eubo:.3f}"
    return _reason("sides disagree", f.eubo - f.elbo, limits.bounds, text)


def _residual(f: _Figures, limits: Thresholds) -> Reason | None:
    if not f.residual_on_flow > limits.residual:
        return None
    return Reason("residual along the flow", CAUTION, f"root mean square {f.residual_on_flow:.3g} nats a unit of time")


def _blind(f: _Figures, limits: Thresholds) -> Reason | None:
    if math.isfinite(f.thin_chains) or f.annealed_ess * f.chains > limits.annealed_effective:
        return None
    return Reason(
        "nothing looked for modes", CAUTION, "these samples have no density, and chains from the prior say too little"
    )


_RULES: tuple[Callable[[_Figures, Thresholds], Reason | None], ...] = (
    _missed, _peaks, _unequal, _short, _tails, _thin_samples, _other_side, _weights, _lost, _sides, _bounds,
    _thin_chains, _few, _residual, _blind,
)  # fmt: skip
