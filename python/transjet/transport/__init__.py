"""Transport of particles by the learned drift."""

from transjet.collocation.mala import Langevin
from transjet.collocation.resample import relative_ess
from transjet.transport.adaptive import adaptive_transport
from transjet.transport.correction import (
    RESAMPLINGS,
    UNWEIGHTINGS,
    Chain,
    Unweighted,
    independence_chain,
    integrated_autocorrelation,
    langevin,
    log_mean_weight,
    resample_indices,
    unweighted,
)
from transjet.transport.ode import Field, NetworkField, Transported, ode_transport
from transjet.transport.sampling import WeightedSamples, log_density_of, push_prior, sample_in_batches
from transjet.transport.sde import SCHEMES, Diffusion, SdeOptions, SdeTransported, push_prior_sde, sde_transport
from transjet.transport.stream import RunningFigures, RunningWeights, StreamBatch, stream

__all__ = [
    "RESAMPLINGS",
    "SCHEMES",
    "UNWEIGHTINGS",
    "Chain",
    "Diffusion",
    "Field",
    "Langevin",
    "NetworkField",
    "RunningFigures",
    "RunningWeights",
    "SdeOptions",
    "SdeTransported",
    "StreamBatch",
    "Transported",
    "Unweighted",
    "WeightedSamples",
    "adaptive_transport",
    "independence_chain",
    "integrated_autocorrelation",
    "langevin",
    "log_density_of",
    "log_mean_weight",
    "ode_transport",
    "push_prior",
    "push_prior_sde",
    "relative_ess",
    "resample_indices",
    "sample_in_batches",
    "sde_transport",
    "stream",
    "unweighted",
]
