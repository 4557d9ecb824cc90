"""Floating-point operations that the jets' products cannot do without: 2 for each multiply-add of a matrix product.

Activations, sums and copies are not counted, nor products with unit vectors or zeros. With S streams through the
hidden layers (value, what moves with time, second order, a tangent for each coordinate) and h of them that need a
product in the first layer, in multiply-adds a point:

    forward            first: the value's d + f inputs, and f for the derivative in time; hidden: S in out; last: below
    J^T u (cotangent)  one more sweep back and the outer products: hidden 3 S in out, first 2 h (d + f) out
    J^T W J v          and J v: hidden 4 S in out, first 3 h (d + f) out

`gradient_jet` forward is one stream forward and one back, whatever d.
"""

import itertools


def _shape(jet, d):
    """S and h of the products with factors."""
    return {"gradient_jet": (2, 2), "laplacian_jet": (d + 3, 2), "divergence_jet": (d + 1, 1)}[jet]


def multiply_adds(jet, role, d, features, hidden):
    """Per point, for a role: "forward", "cotangent" or "gauss_newton"."""
    streams, head = _shape(jet, d)
    inputs, top = d + features, hidden[-1]
    between = sum(a * b for a, b in itertools.pairwise(hidden))
    scalar = jet != "divergence_jet"
    if role == "forward":
        if jet == "gradient_jet":
            return 2 * inputs * hidden[0] + 2 * between + top
        first = (inputs + (features if scalar else 0)) * hidden[0]
        return first + streams * between + (streams * top if scalar else 2 * d * top)
    if role == "cotangent":
        return 2 * head * inputs * hidden[0] + 3 * streams * between + (head * top if scalar else 2 * d * top)
    if role == "gauss_newton":
        return 3 * head * inputs * hidden[0] + 4 * streams * between + (2 * head * top if scalar else 4 * d * top)
    raise ValueError(role)


def gflop(jet, role, n, d, features, hidden):
    """Of n points, in 10^9."""
    return 2e-9 * n * multiply_adds(jet, role, d, features, hidden)
