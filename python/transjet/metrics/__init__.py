"""Figures of merit of importance-weighted samples, each with its standard error."""

from transjet.metrics.estimate import Estimate
from transjet.metrics.mmd import mmd_squared
from transjet.metrics.modes import mode_coverage, mode_weights, worst_mode_ratio
from transjet.metrics.moments import Moments, std_error_metric, weighted_moments
from transjet.metrics.sinkhorn import sinkhorn_divergence
from transjet.metrics.summary import Summary, summarize
from transjet.metrics.weights import count_nonfinite, elbo, ess, eubo, log_z

__all__ = [
    "Estimate",
    "Moments",
    "Summary",
    "count_nonfinite",
    "elbo",
    "ess",
    "eubo",
    "log_z",
    "mmd_squared",
    "mode_coverage",
    "mode_weights",
    "sinkhorn_divergence",
    "std_error_metric",
    "summarize",
    "weighted_moments",
    "worst_mode_ratio",
]
