"""A moving average of parameters, which is smoother than the last step's."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

Array = jax.Array


def moving_average(average: Any, params: Any, decay: float, count: Array) -> Any:
    """decay * average + (1 - decay) * params, leafwise, with a decay that is smaller at first.

    Args:
        average: of the parameters so far; of their structure.
        params: after the step.
        decay: in [0, 1).
        count: steps before this one; the decay is at most (1 + count) / (10 + count), so that the initial parameters
            are forgotten soon.

    Returns:
        The new average.
    """
    leaf = jax.tree.leaves(params)[0]
    steps = count.astype(leaf.dtype)
    kept = jnp.minimum(decay, (1 + steps) / (10 + steps)).astype(leaf.dtype)
    return jax.tree.map(lambda a, p: kept * a + (1 - kept) * p, average, params)
