"""Exact against estimated divergences as the dimension grows: time, memory, bias and variance.

    python bench/dimension.py --json bench/results/dimension/cpu.json

For every dimension: milliseconds and MiB of the gradient J^T R of logCE (two networks of 3 x 64) and of the Gram
matrix, exact and with k directions; and at one point, over many draws, mean and variance of the estimated residual
beside the exact one and the formula; and a short training by Gauss-Newton with either, measured by the exact residual.
"""

import argparse
import json
import pathlib

from measure import interleave, machine, peak_memory, pin

COUNTS = (1, 4, 16)
DRAWS = 16384


def problem(dim):
    """logCE between Gaussians of widths 1 and 0.7, with networks that are no longer near zero."""
    import jax.numpy as jnp

    from transjet.equations import continuity
    from transjet.models import MLP
    from transjet.paths import BoundaryPath, GaussianPrior

    path = BoundaryPath(GaussianPrior(dim, 1.0), lambda x: -0.5 * jnp.sum((x / 0.7) ** 2))
    options = {"input_scale": 2.0, "last_gain": 1.0}
    return continuity(path, MLP(dim, dim, **options), MLP(dim, 1, **options))


def draw_points(dim, n, seed=0):
    import jax
    import jax.numpy as jnp

    from transjet.collocation import Points

    keys = jax.random.split(jax.random.key(seed))
    return Points(jax.random.normal(keys[0], (n, dim), jnp.float32), jax.random.uniform(keys[1], (n,)))


def timings(dim, n, rounds):
    """Milliseconds and MiB, exact and per number of directions."""
    import jax

    equation, key = problem(dim), jax.random.key(1)
    params, points = equation.init(key), draw_points(dim, n)
    calls, memory = {}, {}
    for count in (0, *(k for k in COUNTS if k < dim)):
        estimated = equation.with_directions(count)

        @jax.jit
        def gradient(params, points, key, equation=estimated):
            lin = equation.linearize(params, equation.batch(points, key))
            return lin.vjp(lin.residual)

        @jax.jit
        def gram(params, points, key, equation=estimated):
            return equation.linearize(params, equation.batch(points, key)).gram()

        for name, function in (("gradient", gradient), ("gram", gram)):
            label = f"{name}, {count or 'exact'}"
            calls[label] = lambda f=function: jax.block_until_ready(f(params, points, key))
            calls[label]()
            memory[label] = round(peak_memory(calls[label]), 1)
    return {label: time | {"MiB": memory[label]} for label, time in interleave(calls, rounds).items()}


def statistics(dim):
    """Mean, variance and formula of the estimated residual at one point, per number of directions."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    equation = problem(dim)
    params, point = equation.init(jax.random.key(1)), draw_points(dim, 1)
    copies = type(point)(*(jnp.repeat(a, DRAWS, axis=0) for a in point))
    drift = equation.unknowns["drift"].model
    jacobian = jax.jacfwd(lambda x: drift.apply(params["drift"], x[None], point.t)[0])(point.x[0])
    jacobian = np.asarray(jacobian, np.float64)
    even = 0.5 * (jacobian + jacobian.T)
    off_diagonal = (even**2).sum() - (np.diag(even) ** 2).sum()
    exact, rows = float(equation.residual(params, point)[0]), {}
    for count in (k for k in COUNTS if k < dim):
        estimated = equation.with_directions(count)
        batch = estimated.batch(copies, jax.random.key(2))
        values = np.asarray(estimated.residual(params, batch), np.float64)
        squares = (values - values.mean()) ** 2
        rows[str(count)] = {
            "bias of R": values.mean() - exact,
            "its standard error": values.std() / DRAWS**0.5,
            "bias of R^2": (values**2).mean() - exact**2,
            "variance": squares.mean(),
            "standard error of the variance": squares.std() / DRAWS**0.5,
            "formula": 2.0 / count * off_diagonal,
        }
    return {"exact R": exact, "estimates": rows}


def training(dim, n, iterations, count):
    """Root mean square of the exact residual on fresh points, before and after dual Gauss-Newton steps."""
    import time

    import jax
    import numpy as np

    from transjet.optim import DualGaussNewton

    exact = problem(dim)
    equation, optimiser = exact.with_directions(count), DualGaussNewton(damping=1e-2)
    params = equation.init(jax.random.key(3))
    state, fresh = optimiser.init(params), draw_points(dim, 512, seed=99)

    @jax.jit
    def step(params, state, key, points):
        return optimiser.step(equation, params, state, equation.batch(points, key))

    def error(params):
        return float(np.sqrt(np.mean(np.asarray(exact.residual(params, fresh), np.float64) ** 2)))

    before = error(params)
    step(params, state, jax.random.key(0), draw_points(dim, n, seed=1))  # compiles
    start = time.perf_counter()
    for i in range(iterations):
        params, state, _ = step(params, state, jax.random.key(i), draw_points(dim, n, seed=i + 100))
    jax.block_until_ready(params)
    seconds = (time.perf_counter() - start) / iterations
    return {"rms before": before, "rms after": error(params), "seconds a step": seconds, "iterations": iterations}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=pathlib.Path, help="where to write the figures")
    parser.add_argument("--dims", type=int, nargs="+", default=[10, 50, 100, 200])
    parser.add_argument("--points", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--iterations", type=int, default=100, help="of the training; 0: none")
    options = parser.parse_args()
    pin(options.cores)
    results = {"machine": machine(), "points": options.points, "draws": DRAWS, "dims": {}}
    for dim in options.dims:
        row = {"cost": timings(dim, options.points, options.rounds), "estimates": statistics(dim)}
        if options.iterations:
            row["training"] = {
                str(count or "exact"): training(dim, options.points, options.iterations, count) for count in (0, 4)
            }
        results["dims"][str(dim)] = row
        print(json.dumps({dim: row}, indent=1), flush=True)
        if options.json:
            options.json.parent.mkdir(parents=True, exist_ok=True)
            options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
