"""Networks, points and the calls that benchmarks make: transjet's ops on any backend, and folx."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np

from transjet import ops

FEATURES = 1


def network(d, width, outputs, dtype="float32", depth=3, seed=0):
    """Random tanh network of d + FEATURES inputs."""
    rng = np.random.default_rng(seed)
    sizes = (d + FEATURES, *(width,) * depth, outputs)
    return tuple(
        (jnp.asarray(rng.standard_normal((a, b)) / np.sqrt(a), dtype), jnp.asarray(0.1 * rng.standard_normal(b), dtype))
        for a, b in itertools.pairwise(sizes)
    )


def term(jet, n, d, width, dtype="float32", seed=0, depth=3):
    """A network at n random points with random coefficients of its jet."""
    rng = np.random.default_rng(seed)
    x, tau, dtau = (jnp.asarray(rng.standard_normal((n, k)), dtype) for k in (d, FEATURES, FEATURES))
    layers = network(d, width, d if jet == "divergence_jet" else 1, dtype, depth, seed)
    shapes = jax.eval_shape(lambda: ops.JETS[jet](layers, x, tau, dtau))
    c = type(shapes)(*(jnp.asarray(rng.standard_normal(s.shape), dtype) for s in shapes))
    return ops.Term(jet, layers, x, tau, dtau, c)


def continuity_terms(n, d, width, dtype="float32"):
    """The two networks of the continuity equation's residual: drift and potential."""
    return [term("divergence_jet", n, d, width, dtype), term("gradient_jet", n, d, width, dtype, seed=1)]


def fields(t, backend):
    """The jet of a term."""
    return ops.JETS[t.jet](t.layers, t.x, t.tau, t.dtau, backend=backend)


def _gradient(t, compute):
    """J^T u of `compute(layers) -> fields` for the term's coefficients."""
    _, pull = jax.vjp(compute, t.layers)
    return pull(t.coefficients)[0]


def transjet_call(role, terms, backend):
    """A jitted call of a role on terms; J^T W J v is taken along the parameters themselves."""

    names = [t.jet for t in terms]  # no operands of a jitted function

    @jax.jit
    def call(arrays):
        terms = [ops.Term(name, *a) for name, a in zip(names, arrays, strict=True)]
        if role == "forward":
            return [fields(t, backend) for t in terms]
        if role == "cotangent":
            return [_gradient(t, lambda layers, t=t: fields(t._replace(layers=layers), backend)) for t in terms]
        return ops.gauss_newton([t._replace(backend=backend) for t in terms], [t.layers for t in terms])

    return functools.partial(call, [(t.layers, t.x, t.tau, t.dtau, t.coefficients) for t in terms])


def folx_call(role, t):
    """The same for one Laplacian jet by folx, which gives value, gradient and Laplacian, not the derivative in time."""
    import folx

    def jets(layers, x, tau):
        def net(x, tau):
            z = jnp.concatenate([x, tau])
            for weight, bias in layers[:-1]:
                z = jnp.tanh(z @ weight + bias)
            return (z @ layers[-1][0] + layers[-1][1])[0]

        def at(x, tau):
            out = folx.forward_laplacian(lambda x: net(x, tau))(x)
            return out.x, out.jacobian.dense_array, out.laplacian

        return jax.vmap(at)(x, tau)

    c = t.coefficients.value, t.coefficients.grad, t.coefficients.laplacian

    def call(layers, x, tau, c):
        if role == "forward":
            return jets(layers, x, tau)
        if role == "cotangent":
            return jax.vjp(lambda p: jets(p, x, tau), layers)[1](c)[0]

        def residual(p):
            value, grad, laplacian = jets(p, x, tau)
            return c[0] * value + (c[1] * grad).sum(axis=1) + c[2] * laplacian

        return jax.vjp(residual, layers)[1](jax.jvp(residual, (layers,), (layers,))[1])[0]

    return functools.partial(jax.jit(call), t.layers, t.x, t.tau, c)


def without_dt(t):
    """The term with the coefficient of the derivative in time zero: what folx computes."""
    return t._replace(coefficients=t.coefficients._replace(dt=jnp.zeros_like(t.coefficients.dt)))


def waiting(call):
    """The call with the wait for its results."""
    return lambda: jax.block_until_ready(call())


def difference(one, other):
    """Largest difference of two trees of arrays over the largest number, leaf by leaf."""
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return max(
        float(np.max(np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64))) / np.max(np.abs(b)))
        for a, b in pairs
    )
