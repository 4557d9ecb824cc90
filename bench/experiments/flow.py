"""What a trained flow does on its way from the prior to the target: where it is at time t, and how fast."""

import math

_PARTICLES, _STEPS, _PROBES = 2000, 40, 256


def _velocity(sampler, state):
    """The velocity of the deterministic flow, `(x (n, d), t (n,)) -> (n, d)`."""
    from transjet.problems.points import flow_of

    return flow_of(sampler.problem, state.best_params).velocity


def _path(sampler, state, particles):
    """Positions of particles from the prior at evenly spaced times, (steps + 1, particles, d), and their velocities."""
    import jax
    import jax.numpy as jnp

    from transjet.collocation.along import midpoint_path

    velocity = _velocity(sampler, state)
    start = sampler.prior.sample(jax.random.key(77), particles, jnp.float32)

    def both():
        path = midpoint_path(velocity, start, _STEPS, 1e3)
        times = jnp.linspace(0, 1, _STEPS + 1, dtype=start.dtype)
        return path, jax.vmap(lambda x, t: velocity(x, jnp.full(particles, t)))(path, times)

    return jax.jit(both)()


def drift_figures(sampler, state, quick=False):
    """Kinetic energy of the flow, and its velocity at points that are the same for all seeds and methods.

    The points lie on straight lines from samples of the prior to exact ones of the target.
    """
    import jax
    import jax.numpy as jnp
    import numpy as np

    _, velocities = _path(sampler, state, 64 if quick else _PARTICLES)
    squares = np.mean(np.sum(np.asarray(velocities, float) ** 2, axis=2), axis=1)
    energy = float(np.mean((squares[1:] + squares[:-1]) / 2))
    keys = jax.random.split(jax.random.key(78), 3)
    t = jax.random.uniform(keys[0], (_PROBES,), minval=0.05, maxval=0.95)
    z, y = sampler.prior.sample(keys[1], _PROBES, jnp.float32), sampler.target.sample(keys[2], _PROBES)
    mu = jax.jit(_velocity(sampler, state))((1 - t)[:, None] * z + t[:, None] * y, t)
    return {"kinetic_energy": energy, "drift": [[float(f"{v:.5g}") for v in row] for row in mu.tolist()]}


def drift_distance(rows):
    """RMS distance between the drifts of two seeds, relative to their RMS size, averaged over pairs of seeds."""
    import itertools

    import numpy as np

    drifts = [np.asarray(row["drift"]) for row in rows if "drift" in row]
    squares = [2 * np.sum((a - b) ** 2) / (np.sum(a**2) + np.sum(b**2)) for a, b in itertools.combinations(drifts, 2)]
    return float(np.mean(np.sqrt(squares))) if squares else None


def _near(x, modes, radius):
    """Whether points (..., d) lie within `radius` of a mode."""
    import numpy as np

    return (np.linalg.norm(x[..., None, :] - modes, axis=-1) < radius).any(axis=-1)


def _density_shares(sampler, state, times, radius, points):
    """Share of exp V_t within `radius` of a mode, by quadrature in a box; also of the prior and the target alone."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    lower, upper = (1.6 * np.asarray(corner) for corner in sampler.target.box)
    axes = [np.linspace(a, b, points) for a, b in zip(lower, upper, strict=True)]
    x = jnp.asarray(np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, len(axes)), jnp.float32)
    v = jax.jit(sampler.problem.log_density(state.best_params))
    near = _near(np.asarray(x), sampler.target.modes, radius)

    def share(log_density):
        w = np.exp(np.asarray(log_density, float) - np.max(log_density))
        return float(w[near].sum() / w.sum())

    ends = share(sampler.prior.log_density(x)), share(jax.vmap(sampler.target.log_density)(x))
    return [share(v(x, jnp.full(len(x), t, jnp.float32)).value) for t in times], ends


def _crossing(times, values, level=0.5):
    """First time at which linearly interpolated values reach a level; None: never."""
    for (a, u), (b, v) in zip(zip(times, values, strict=True), zip(times[1:], values[1:], strict=True), strict=False):
        if v >= level:
            return a if u >= level else a + (b - a) * (level - u) / (v - u)
    return None


def emergence(sampler, state, quick=False, radius=1.1):
    """When modes emerge: the share of mass near a mode, 0 as in the prior and 1 as in the target, at times 0 to 1.

    Once for the density V_t and once for the particles of the flow; they agree where the equation is solved. The
    coverage is the entropy of the particles' nearest modes.
    """
    import numpy as np

    path = np.asarray(_path(sampler, state, 64 if quick else _PARTICLES)[0])[:: _STEPS // 20]
    times = np.linspace(0, 1, len(path)).round(4).tolist()
    density, (first, last) = _density_shares(sampler, state, times, radius, 40 if quick else 160)
    modes = sampler.target.modes

    def scaled(shares):
        return [round((s - first) / (last - first), 4) for s in shares]

    along = scaled(_near(path, modes, radius).mean(axis=1).tolist())
    profile = {"t": times, "density": scaled(density), "particles": along}
    profile["coverage"] = [round(_coverage(x, sampler.target), 4) for x in path]
    found = {f"emergence_{name}": _crossing(times, profile[name]) for name in ("density", "particles")}
    return found | {"emergence": profile}


def _coverage(x, target):
    import numpy as np

    shares = np.bincount(target.assign_modes(x), minlength=len(target.modes)) / len(x)
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum() / math.log(len(target.modes)))
