"""An equation of your own: the heat equation du/dt = u_xx on (0, pi), u = 0 at both ends, u(x, 0) = sin x.

The ansatz u = sin(x) (1 + t phi(x, t)) has the initial and the boundary values built in; the exact solution is
exp(-t) sin x. Run with `python examples/heat_equation.py`.
"""

import jax
import jax.numpy as jnp

from transjet.collocation import UniformBox
from transjet.equations import Equation, Unknown
from transjet.models import MLP
from transjet.optim import DualGaussNewton
from transjet.train import Phase, Trainer, run


def assemble(points, data, phi):
    """R = du/dt - u_xx at every point, from phi's jet."""
    sin, cos, t = jnp.sin(points.x[:, 0]), jnp.cos(points.x[:, 0]), points.t
    du_dt = sin * (phi.value + t * phi.dt)
    u_xx = sin * (t * phi.laplacian - 1 - t * phi.value) + 2 * t * cos * phi.grad[:, 0]
    return du_dt - u_xx


def main() -> float:
    """Solve, and return the largest error on a grid at t = 1."""
    model = MLP(dim=1, outputs=1, hidden=(24, 24), input_scale=2.0)
    heat = Equation({"phi": Unknown(model, "laplacian_jet")}, assemble, name="heat")
    phase = Phase(DualGaussNewton(damping=1e-6), UniformBox((0.0,), (jnp.pi,)), iterations=40, points=256)
    trainer = Trainer(heat, (phase,), drift=lambda params: lambda x, t: jnp.zeros_like(x))
    result = run(trainer, trainer.init(jax.random.key(0)))

    x, t = jnp.linspace(0, jnp.pi, 101)[:, None], jnp.ones(101)
    phi = model.apply(result.state.params["phi"], x, t)[:, 0]
    error = float(jnp.max(jnp.abs(jnp.sin(x[:, 0]) * (1 + phi - jnp.exp(-1.0)))))
    print(f"residual rms {result.history[-1].residual_rms:.1e}, largest error at t = 1: {error:.1e}")
    return error


if __name__ == "__main__":
    main()
