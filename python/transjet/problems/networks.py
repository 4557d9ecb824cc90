"""The networks of a problem, as a configuration describes them."""

from __future__ import annotations

from transjet.config import RunConfig
from transjet.models import MLP, TimeFeatures

_NEAR_IDENTITY = 0.01  # a flow that starts from a base begins as that base


def network(config: RunConfig, dim: int, outputs: int) -> MLP:
    """A network of (x, t) with `outputs` outputs."""
    model = config.model
    return MLP(
        dim,
        outputs,
        (model.width,) * model.depth,
        model.activation,
        model.input_scale,
        time=TimeFeatures(model.time_frequencies),
        last_gain=_NEAR_IDENTITY if config.base.kind == "pilot" else 0.1,
        backend=config.backend,
        fourier_scale=model.fourier_scale,
        factorised=model.factorised,
    )
