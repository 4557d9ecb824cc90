"""Random keys: training uses the seed's own key, and each use of the trained sampler a stream of its own."""

from __future__ import annotations

import jax

# Far from the small numbers that splitting a key amounts to, so that no stream meets one of training's.
_STREAMS = {"run": 2**30 + 1, "sample": 2**30 + 2, "eval": 2**30 + 3, "distances": 2**30 + 4}


def training_key(seed: int) -> jax.Array:
    """The key of `Sampler.init`."""
    return jax.random.key(seed)


def stream_key(seed: int, stream: str) -> jax.Array:
    """The key of samples drawn by "run", "sample" or "eval", or of the exact ones for "distances"."""
    return jax.random.fold_in(jax.random.key(seed), _STREAMS[stream])
