"""Transport of particles by the learned drift."""

from transjet.transport.adaptive import adaptive_transport
from transjet.transport.ode import Field, NetworkField, Transported, ode_transport
from transjet.transport.sampling import WeightedSamples, log_density_of, push_prior, sample_in_batches

__all__ = [
    "Field",
    "NetworkField",
    "Transported",
    "WeightedSamples",
    "adaptive_transport",
    "log_density_of",
    "ode_transport",
    "push_prior",
    "sample_in_batches",
]
