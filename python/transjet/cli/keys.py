"""Random keys: training uses the seed's own key, and each use of the trained sampler a stream of its own."""

from __future__ import annotations

import jax

# Far from the small numbers that splitting a key amounts to, so that no stream meets one of training's.
_NAMES = ("run", "sample", "eval", "distances", "unweighted", "verdict")
_STREAMS = {name: 2**30 + number for number, name in enumerate(_NAMES, start=1)}


def training_key(seed: int) -> jax.Array:
    """The key of `Sampler.init`."""
    return jax.random.key(seed)


def stream_key(seed: int, stream: str) -> jax.Array:
    """The key of samples drawn by "run", "sample" or "eval", and of the random choices that a further name says."""
    return jax.random.fold_in(jax.random.key(seed), _STREAMS[stream])
