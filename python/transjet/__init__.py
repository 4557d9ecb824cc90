"""transjet: sampling from unnormalised densities by learned transport, on compiled jet kernels.

Give it the log density of a target, up to a constant; it learns a drift that carries a Gaussian prior to the target by
driving the residual of a partial differential equation to zero (arXiv 2407.07873), and returns weighted samples, log Z
and the effective sample size. Its operations are usable on their own: `from transjet import ops`.
"""

import transjet.backend  # noqa: F401  raises here if the compiled core does not fit the running jaxlib
from transjet.config import ModelConfig, PathLossConfig, PhaseConfig, RunConfig, SamplingConfig
from transjet.errors import TransjetError
from transjet.recipes import recipe
from transjet.sampler import Sampler
from transjet.targets import Target, from_log_density, get

__version__ = "0.1.0"

__all__ = [
    "ModelConfig",
    "PathLossConfig",
    "PhaseConfig",
    "RunConfig",
    "Sampler",
    "SamplingConfig",
    "Target",
    "TransjetError",
    "__version__",
    "from_log_density",
    "get",
    "recipe",
]
