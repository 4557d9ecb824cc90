"""`ode_transport`: particles through 20 Runge-Kutta steps with their log density, fused and as a scan of jets."""

import jax
import jax.numpy as jnp
import pytest

from transjet.backend import availability
from transjet.models import MLP
from transjet.transport import NetworkField, ode_transport


def transport_call(d, n, backend, fused, steps):
    """The call, jitted."""
    model = MLP(d, d, backend=backend)
    field = NetworkField(model, model.init(jax.random.key(0)))
    x = jax.random.normal(jax.random.key(1), (n, d), jnp.float32)
    call = jax.jit(lambda x: ode_transport(field if fused else lambda x, t: field(x, t), x, steps=steps))
    return lambda: jax.block_until_ready(call(x))


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "scan"])
@pytest.mark.parametrize("backend", ["cpu", "xla"])
@pytest.mark.parametrize("d", [2, 10])
def bench_ode_transport(benchmark, d, backend, fused):
    state = availability(backend)
    if not state.available:
        pytest.skip(state.reason)
    benchmark.group = f"ode_transport, d = {d}, 1024 particles, 20 steps, 3 x 64, float32"
    benchmark.pedantic(transport_call(d, 1024, backend, fused, 20), rounds=5, warmup_rounds=1)
