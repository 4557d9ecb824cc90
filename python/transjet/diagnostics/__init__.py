"""Failure signatures, found while a run goes on, and named with their remedy."""

from transjet.diagnostics.finding import REMEDIES, Finding
from transjet.diagnostics.monitor import Monitor
from transjet.diagnostics.weights import entropic_coverage, pareto_k

__all__ = ["REMEDIES", "Finding", "Monitor", "entropic_coverage", "pareto_k"]
