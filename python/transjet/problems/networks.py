"""The networks of a problem, as a configuration describes them."""

from __future__ import annotations

from transjet.config import RunConfig
from transjet.models import MLP, TimeFeatures


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
        backend=config.backend,
        fourier_scale=model.fourier_scale,
        factorised=model.factorised,
    )
