"""Weighted samples without end, in the memory of one batch, with running log Z, ESS and standard errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from transjet.errors import ShapeError
from transjet.transport.sampling import WeightedSamples

Array = jax.Array


class RunningFigures(NamedTuple):
    """Figures of all samples so far; NaN where there are too few of them.

    Attributes:
        n: samples so far, lost ones included.
        lost: of these, the ones whose weight is NaN or +inf; they count as weights of zero.
        log_z: log of the mean weight.
        log_z_std_error: its standard error.
        ess: normalised effective sample size, between 1/n and 1.
        ess_std_error: its standard error.
    """

    n: int
    lost: int
    log_z: float
    log_z_std_error: float
    ess: float
    ess_std_error: float


@dataclass
class RunningWeights:
    """Sums of powers of weights seen so far, relative to the greatest one: five numbers, whatever the count.

    Standard errors are by the delta method, as in `transjet.metrics`, and hold for independent samples.

    Example:
        >>> running = RunningWeights()
        >>> running.add([0.0, 0.0, 0.0, -float("inf")])
        >>> running.figures().ess
        0.75
    """

    n: int = 0
    lost: int = 0
    top: float = -math.inf
    sums: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    def add(self, log_weights: Any) -> None:
        """Count log weights (m,) in.

        Raises:
            ShapeError: another shape.
        """
        values = np.asarray(log_weights, np.float64)
        if values.ndim != 1:
            raise ShapeError(f"running weights: expected log weights of shape (m,); got {values.shape}")
        bad = np.isnan(values) | (values == np.inf)
        kept = values[~bad]
        self.n, self.lost = self.n + len(values), self.lost + int(bad.sum())
        top = max(self.top, float(kept.max()) if len(kept) else -math.inf)
        if top == -math.inf:
            return
        w = np.exp(kept - top)
        shrink = math.exp(self.top - top)
        new = (float((w**p).sum()) + s * shrink**p for p, s in enumerate(self.sums, start=1))
        self.top, self.sums = top, tuple(new)  # type: ignore[assignment]

    def figures(self) -> RunningFigures:
        """Log Z, ESS and their standard errors so far."""
        if self.sums[0] == 0:
            nan = math.nan
            return RunningFigures(self.n, self.lost, -math.inf if self.n else nan, nan, nan, nan)
        mean = self.sums[0] / self.n
        m2, m3, m4 = (s / self.n / mean ** (p + 2) for p, s in enumerate(self.sums[1:]))  # moments of w / mean
        ess = 1 / m2
        log_z = self.top + math.log(mean)
        if self.n < 2:
            return RunningFigures(self.n, self.lost, log_z, math.nan, ess, math.nan)
        # The influence of a sample on the ESS r is r (2 u - r u^2 - 1) with u = w / mean.
        spread = ess**2 * (4 * m2 + ess**2 * m4 + 1 - 4 * ess * m3 - 4 + 2 * ess * m2)
        errors = (math.sqrt(max(v, 0.0) / (self.n - 1)) for v in (m2 - 1, spread))
        log_z_error, ess_error = errors
        return RunningFigures(self.n, self.lost, log_z, log_z_error, ess, ess_error)


class StreamBatch(NamedTuple):
    """One batch of a stream.

    Attributes:
        samples: the batch.
        figures: of all batches up to this one.
    """

    samples: WeightedSamples
    figures: RunningFigures


def stream(draw: Callable[[Array], tuple[Array, Array, Array]], key: Array) -> Iterator[StreamBatch]:
    """Batches of weighted samples, for ever; nothing but five sums is kept of those given out.

    The batch number is folded into the key, so that a stream is a function of its key.

    Args:
        draw: `key -> (x (n, d), log weights (n,), log q (n,))`, such as a jitted `push_prior` or `push_prior_sde`.
        key: JAX random key.

    Yields:
        StreamBatch(samples, figures).
    """
    running = RunningWeights()
    number = 0
    while True:
        samples = WeightedSamples(*(np.asarray(a) for a in draw(jax.random.fold_in(key, number))))
        running.add(samples.log_weights)
        yield StreamBatch(samples, running.figures())
        number += 1
