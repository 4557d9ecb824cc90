"""Does a trained flow serve a changed target: as it is, and as the start of more training."""

import dataclasses
import itertools

from experiments import rows
from experiments.base import Arm, Experiment
from experiments.budget import prepare, train
from experiments.definitions import GRID

_CENTRES = list(itertools.product((-5.0, 0.0, 5.0), repeat=2))
_BASE_SECONDS = 15


def _mixture(centres, variance, name):
    from transjet.targets import gaussian_mixture

    return gaussian_mixture(centres, variance=variance, name=name, prior_std=3.0)


def _shifted():
    """Every centre moved by 0.5 in a direction of its own."""
    import numpy as np

    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, len(_CENTRES))
    moved = np.asarray(_CENTRES) + 0.5 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return _mixture(moved, 0.3, "gmm-grid-shifted")


def _wider():
    return _mixture(_CENTRES, 0.6, "gmm-grid-wider")


def _turned():
    """Covariances with the eigenvalues 0.5 and 0.18, each component's turned by an angle of its own."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    base, count = _mixture(_CENTRES, 0.3, "gmm-grid-turned"), len(_CENTRES)
    angles = np.random.default_rng(1).uniform(0, np.pi, count)
    axes = np.stack([[np.cos(angles), -np.sin(angles)], [np.sin(angles), np.cos(angles)]]).transpose(2, 0, 1)
    stds = np.sqrt([0.5, 0.18])
    covariances = np.einsum("kij,j,klj->kil", axes, stds**2, axes)
    norm = np.log(2 * np.pi * np.prod(stds) * count)

    def log_density(x):
        centres = jnp.asarray(_CENTRES, x.dtype)
        scaled = jnp.einsum("kij,ki->kj", jnp.asarray(axes, x.dtype), x - centres) / jnp.asarray(stds, x.dtype)
        return jax.nn.logsumexp(-0.5 * jnp.sum(scaled**2, axis=1)) - norm

    def sample(key, n):
        key_component, key_noise = jax.random.split(key)
        k = jax.random.randint(key_component, (n,), 0, count)
        noise = jax.random.normal(key_noise, (n, 2)) * jnp.asarray(stds, jnp.float32)
        return jnp.asarray(_CENTRES, noise.dtype)[k] + jnp.einsum(
            "nij,nj->ni", jnp.asarray(axes, noise.dtype)[k], noise
        )

    spread = np.var(np.asarray(_CENTRES), axis=0) + np.einsum("kii->ki", covariances).mean(axis=0)
    return dataclasses.replace(base, log_density=log_density, sample=sample, std=np.sqrt(spread), description="")


def run(arm, seed, quick=False):
    """A row: warm arms take the parameters that a budget of training on gmm-grid gave."""
    import jax

    start = None
    if arm.extra["warm"]:
        base = prepare(Arm("base", GRID, {}, _BASE_SECONDS), quick)
        state = base.sampler.init(jax.random.key(seed))
        end = base.sampler.trainer.iterations
        params = train(base.sampler, state, end, None if quick else _BASE_SECONDS, base.spent)[0].best_params

        def start(state):
            return state._replace(params=params, best_params=params)
    else:

        def start(state):
            return state

    return rows.run(arm, seed, quick, start=start)


ROBUSTNESS = Experiment(
    "robustness",
    "A flow trained on one target as the start for another",
    f"A flow trained on `gmm-grid` for {_BASE_SECONDS} CPU seconds is evaluated on a changed target, and trained on "
    "it; against the same training from scratch. Changes: every centre moved by 0.5 in a random direction; the "
    "variance 0.6 in place of 0.3; covariances with the eigenvalues 0.5 and 0.18, turned at random. The first figure "
    "is the ESS before any training on the changed target; later ones are in the curve. What the warm start has been "
    "trained with before is not part of its budget.",
    tuple(
        Arm(f"{change}, {'warm' if warm else 'cold'}", target, extra={"warm": warm}, seconds=16)
        for change, target in {"moved centres": _shifted, "wider": _wider, "turned": _turned}.items()
        for warm in (True, False)
    ),
    run,
    columns=("ess_before", "ess", "log_z_error", "mode_coverage", "iteration", "cpu_seconds"),
)
