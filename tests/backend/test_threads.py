"""The same bits on one processor as on all of them; and the instruction set that the environment asks for."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest

from transjet.backend.ffi import core_status

pytestmark = pytest.mark.skipif(not core_status().available, reason=core_status().reason)

PROGRAM = """
import os, sys
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[1])])
import hashlib
import jax, jax.numpy as jnp, numpy as np
from transjet import ops
from transjet.backend.ffi import core_status

rng = np.random.default_rng(0)
draw = lambda *shape: jnp.asarray(rng.standard_normal(shape), jnp.float32)
n, d, f = 3001, 3, 1
def network(outputs):
    return tuple((draw(a, b) / a**0.5, draw(b)) for a, b in ((d + f, 33), (33, 20), (20, outputs)))
x, tau, dtau = draw(n, d), draw(n, f), draw(n, f)
terms = []
for name, outputs in (("divergence_jet", d), ("gradient_jet", 1), ("laplacian_jet", 1)):
    layers = network(outputs)
    jet = ops.JETS[name](layers, x, tau, dtau, backend="cpu")
    c = type(jet)(*(draw(*field.shape) for field in jet))
    terms.append(ops.Term(name, layers, x, tau, dtau, c, backend="cpu"))
vectors = [t.layers for t in terms]
few = [t._replace(x=x[:500], tau=tau[:500], dtau=dtau[:500],
                  coefficients=type(t.coefficients)(*(c[:500] for c in t.coefficients))) for t in terms]
gram = ops.gram(few)
results = [
    [ops.JETS[t.jet](t.layers, x, tau, dtau, backend="cpu") for t in terms],
    ops.jacobian_product(terms, vectors),
    ops.jacobian_transpose_product(terms, x[:, 0]),
    ops.gauss_newton(terms, vectors, tau[:, 0] ** 2),
    gram,
    ops.cholesky_solve(gram, 10.0, x[:500, 0], backend="cpu"),
    ops.ode_transport(terms[0].layers, x, draw(5, f), 0.1, backend="cpu"),
]
text = b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(results))
print(hashlib.sha256(text).hexdigest(), core_status().simd["selected"])
"""


def run(processors: int, **environment: str) -> list[str]:
    command = [sys.executable, "-c", PROGRAM, str(processors)]
    env = os.environ | environment
    return subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout.split()


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="this process has one processor")
def test_results_do_not_depend_on_the_number_of_threads() -> None:
    one, two = run(1), run(2)
    assert len(one[0]) == hashlib.sha256().digest_size * 2
    assert one == two


@pytest.mark.parametrize("name", core_status().simd.get("supported", ()))
def test_the_environment_chooses_the_instruction_set(name: str) -> None:
    assert run(1, TRANSJET_SIMD=name)[1] == name
