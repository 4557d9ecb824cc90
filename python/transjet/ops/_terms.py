"""Terms: the networks of a residual, each with its jet and the residual's coefficients; and their flat operands.

Flat order of a term: its jet's operands (x, tau, dtau, [directions], W_1, b_1, ...), then the coefficients.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from transjet.backend import requested
from transjet.errors import BackendError, ConfigError, ShapeError
from transjet.ops._jet import Jet
from transjet.ops._operands import JetStatic, Layers, split
from transjet.ops.divergence_jet import JET as DIVERGENCE
from transjet.ops.gradient_jet import JET as GRADIENT
from transjet.ops.laplacian_jet import JET as LAPLACIAN

Array = jax.Array

JETS: dict[str, Jet] = {jet.spec.name: jet for jet in (GRADIENT, LAPLACIAN, DIVERGENCE)}
"""Every jet by name."""


class Term(NamedTuple):
    """One network's contribution to a residual.

    Attributes:
        jet: name of the jet: "gradient_jet", "laplacian_jet" or "divergence_jet".
        layers: the network, tuple of (W, b).
        x: coordinates, (n, d).
        tau: time features, (n, f).
        dtau: their time derivatives, (n, f).
        coefficients: dR/d(jet), a NamedTuple of the jet's type.
        activation: one name for all hidden layers, or one each.
        directions: as given to the jet.
        backend: as given to the jet.
    """

    jet: str
    layers: Layers
    x: Array
    tau: Array
    dtau: Array
    coefficients: Any
    activation: Any = "tanh"
    directions: Array | None = None
    backend: str = "auto"


@dataclass(frozen=True)
class TermsStatic:
    """Static settings of several terms."""

    jets: tuple[str, ...]
    settings: tuple[JetStatic, ...]

    def depth(self, index: int) -> int:
        """Affine layers of a term's network."""
        return len(self.settings[index].activation) + 1


def check_terms(op: str, terms: Sequence[Term]) -> int:
    """Check that terms are known jets at equally many points; return how many.

    Raises:
        ConfigError: no terms, or an unknown jet.
        ShapeError: different numbers of points, or coefficients that do not fit.
    """
    if not terms:
        raise ConfigError(f"{op}: terms: expected at least one Term; got none")
    for term in terms:
        if term.jet not in JETS:
            raise ConfigError(f"{op}: jet: expected one of {', '.join(JETS)}; got {term.jet!r}")
    counts = {term.x.shape[0] for term in terms}
    if len(counts) > 1:
        raise ShapeError(f"{op}: expected all terms at the same points; got {sorted(counts)} points")
    for term in terms:
        result = JETS[term.jet].spec.result
        shapes = [jnp.shape(c) for c in term.coefficients]
        wanted = [
            (*term.x.shape,) if f == "grad" or (f, term.jet) == ("value", "divergence_jet") else term.x.shape[:1]
            for f in result._fields
        ]
        if shapes != wanted:
            raise ShapeError(
                f"{op}: {term.jet} coefficients: expected shapes {wanted} for {result._fields}; got {shapes}"
            )
    return counts.pop()


def check_vectors(op: str, terms: Sequence[Term], vectors: Sequence[Layers]) -> None:
    """Check that there is a vector of the layers' shapes for every term.

    Raises:
        ShapeError: there is not.
    """
    if len(vectors) != len(terms):
        raise ShapeError(f"{op}: vectors: expected one for each of the {len(terms)} terms; got {len(vectors)}")
    for index, (term, vector) in enumerate(zip(terms, vectors, strict=True)):
        wanted, got = ([jnp.shape(leaf) for leaf in jax.tree.leaves(tree)] for tree in (term.layers, vector))
        if got != wanted:
            raise ShapeError(f"{op}: vectors[{index}]: expected the shapes of the layers, {wanted}; got {got}")


def common_backend(op: str, terms: Sequence[Term]) -> str:
    """The one backend that serves all terms.

    Raises:
        BackendError: terms that ask for different ones.
    """
    names = {requested(term.backend) for term in terms}
    if len(names) > 1:
        raise BackendError(
            f"{op}: expected one backend for all terms, which go through the network together; got "
            f"{', '.join(sorted(names))}. Give the terms the same one"
        )
    return names.pop()


def flatten(terms: Sequence[Term]) -> tuple[TermsStatic, list[Array]]:
    """Check the jets' operands and put them in flat order, the coefficients after them."""
    settings, flat = [], []
    for term in terms:
        static, operands = JETS[term.jet].prepare(
            term.layers, term.x, term.tau, term.dtau, term.activation, term.directions
        )
        settings.append(static)
        flat += [*operands, *(jnp.asarray(c, operands[0].dtype) for c in term.coefficients)]
    return TermsStatic(tuple(term.jet for term in terms), tuple(settings)), flat


def take(operands: Iterator[Array], count: int) -> list[Array]:
    """The next `count` operands."""
    return [next(operands) for _ in range(count)]


def unflatten(static: TermsStatic, operands: Iterator[Array]) -> list[Term]:
    """Undo `flatten`; what comes after the terms is left in the iterator. The terms name the reference backend."""
    terms = []
    for index, (name, settings) in enumerate(zip(static.jets, static.settings, strict=True)):
        head = 3 if settings.directions is None else 4
        x, tau, dtau, directions, layers = split(settings, take(operands, head + 2 * static.depth(index)))
        result = JETS[name].spec.result
        c = result(*take(operands, len(result._fields)))
        terms.append(Term(name, layers, x, tau, dtau, c, settings.activation, directions, "xla"))
    return terms


def pairs(leaves: Sequence[Array]) -> Layers:
    """W_1, b_1, W_2, b_2, ... as ((W_1, b_1), ...)."""
    return tuple(zip(leaves[::2], leaves[1::2], strict=True))


def tuples(layers: Layers) -> Layers:
    """Layers with tuples for whatever sequences they came in."""
    return tuple((w, b) for w, b in layers)
