"""Watches a run and says what goes wrong, once, with the remedy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from transjet.diagnostics import scores, steps
from transjet.diagnostics.finding import REMEDIES, Finding
from transjet.train import Record

_KEPT = 200  # records that signatures look at


class Monitor:
    """Takes a run's records and scores, and finds failure signatures in them.

    Args:
        iterations: planned steps; some signatures are none at the beginning.
        on_finding: called with every new finding.

    Attributes:
        findings: what was found, in order; each name once.
    """

    def __init__(self, iterations: int, on_finding: Callable[[Finding], Any] | None = None) -> None:
        self.findings: list[Finding] = []
        self._iterations = max(1, iterations)
        self._on_finding = on_finding or (lambda finding: None)
        self._records: list[Record] = []
        self._scores: list[dict[str, float]] = []

    def observe(self, record: Record, _phase: str = "") -> None:
        """Take the record of a step, as `train.run` passes it to `on_record`. A new phase starts afresh."""
        self._keep(record)
        for name, signature in steps.SIGNATURES.items():
            self._report(name, record.iteration, signature(self._records))

    def _keep(self, record: Record) -> None:
        if self._records and (record.damping > 0) != (self._records[-1].damping > 0):
            self._records.clear()  # another optimiser: its figures are of another kind
        self._records.append(record)
        surplus = max(0, len(self._records) - _KEPT)
        del self._records[1 : 1 + surplus]  # not the first one, which later ones are compared with

    def score(self, record: Record, figures: Mapping[str, float]) -> None:
        """Take the scores at a step.

        Args:
            record: of the step.
            figures: by name: "ess", "log_z", "log_z_std_error", "pareto_k", "coverage" on fresh samples,
                "residual_train", "residual_held_out", "residual_on_flow" as `Trainer.residuals` gives them. Signatures
                of what is missing are not looked for.
        """
        self._scores.append({**figures, "iteration": record.iteration})
        progress = record.iteration / self._iterations
        for name, signature in scores.SIGNATURES.items():
            self._report(name, record.iteration, signature(self._scores, progress))

    def to_json(self) -> list[dict[str, Any]]:
        """The findings as plain tables."""
        return [finding._asdict() for finding in self.findings]

    def remember(self) -> dict[str, Any]:
        """What a checkpoint has to keep, JSON-able; the records are in the history."""
        finite = [{name: v for name, v in figures.items() if math.isfinite(v)} for figures in self._scores]
        return {"findings": self.to_json(), "scores": finite}

    def restore(self, memory: Mapping[str, Any], records: Iterable[Record]) -> None:
        """Go on where `remember` was called, after the records up to there."""
        self.findings = [Finding(**finding) for finding in memory["findings"]]
        self._scores = [dict(figures) for figures in memory["scores"]]
        self._records.clear()
        for record in records:
            self._keep(record)

    def _report(self, name: str, iteration: int, evidence: str) -> None:
        if evidence and name not in {finding.name for finding in self.findings}:
            self.findings.append(Finding(name, iteration, evidence, REMEDIES[name]))
            self._on_finding(self.findings[-1])
