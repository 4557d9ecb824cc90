"""Failure signatures, found while a run goes on, and the verdict that it ends with, each with what helps."""

from transjet.diagnostics.evidence import (
    Census,
    Ends,
    Inquiry,
    annealed_chains,
    chain_figures,
    moved_figures,
    moved_samples,
    weight_figures,
)
from transjet.diagnostics.finding import REMEDIES, Finding
from transjet.diagnostics.monitor import Monitor
from transjet.diagnostics.verdict import Reason, Thresholds, Verdict, decide
from transjet.diagnostics.weights import entropic_coverage, pareto_k

__all__ = [
    "REMEDIES",
    "Census",
    "Ends",
    "Finding",
    "Inquiry",
    "Monitor",
    "Reason",
    "Thresholds",
    "Verdict",
    "annealed_chains",
    "chain_figures",
    "decide",
    "entropic_coverage",
    "moved_figures",
    "moved_samples",
    "pareto_k",
    "weight_figures",
]
