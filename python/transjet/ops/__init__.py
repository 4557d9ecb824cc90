"""Jets of networks over batches of points, and the Gauss-Newton products built on them.

All operations work under jit, grad, jvp, vmap, scan, checkpoint and shard_map, in float32 and float64.
"""

from typing import Any

from transjet.backend import BACKENDS, Choice, full_precision, use_backend, use_precision
from transjet.errors import ConfigError
from transjet.ops._operands import check_activation
from transjet.ops._terms import JETS, Term
from transjet.ops.activations import ACTIVATIONS
from transjet.ops.activations import value as activate
from transjet.ops.cholesky_solve import cholesky_solve
from transjet.ops.cholesky_solve import explain as _explain_cholesky_solve
from transjet.ops.directions import hutchinson_directions
from transjet.ops.divergence_jet import DivergenceJet, divergence_jet
from transjet.ops.gauss_newton import explain as _explain_gauss_newton
from transjet.ops.gauss_newton import gauss_newton, gauss_newton_with_product
from transjet.ops.gradient_jet import GradientJet, gradient_jet
from transjet.ops.gram import explain as _explain_gram
from transjet.ops.gram import gram
from transjet.ops.jacobian_factors import explain as _explain_jacobian_factors
from transjet.ops.jacobian_factors import jacobian_factors
from transjet.ops.laplacian_jet import LaplacianJet, laplacian_jet
from transjet.ops.null import explain as _explain_null
from transjet.ops.null import null
from transjet.ops.ode_transport import OdeTransport, ode_transport
from transjet.ops.ode_transport import explain as _explain_ode_transport
from transjet.ops.products import jacobian_product, jacobian_transpose_product


def explain(op: str, *args: Any, **kwargs: Any) -> Choice:
    """What would run for an operation's operands on the default platform, and why not something else.

    Args:
        op: name of an operation: "null", "gauss_newton", "jacobian_factors", "gram", "cholesky_solve",
            "ode_transport" or a jet, such as "laplacian_jet".
        *args: its operands: layers, x, tau, dtau of a jet; terms, and vectors for "gauss_newton"; those of the others.
        **kwargs: its options, and `role`: "forward", "tangent" or "cotangent".

    Returns:
        The choice; print it to read it.

    Raises:
        ConfigError: an unknown operation or role.
        BackendError: a backend asked for by name cannot serve the call.
    """
    explained: dict[str, Any] = {
        "null": _explain_null,
        "gauss_newton": _explain_gauss_newton,
        "jacobian_factors": _explain_jacobian_factors,
        "gram": _explain_gram,
        "cholesky_solve": _explain_cholesky_solve,
        "ode_transport": _explain_ode_transport,
    }
    explained |= {name: jet.explain for name, jet in JETS.items()}
    if op not in explained:
        raise ConfigError(f"explain: op: expected one of {', '.join(explained)}; got {op!r}")
    return explained[op](*args, **kwargs)


__all__ = [
    "ACTIVATIONS",
    "BACKENDS",
    "JETS",
    "Choice",
    "DivergenceJet",
    "GradientJet",
    "LaplacianJet",
    "OdeTransport",
    "Term",
    "activate",
    "check_activation",
    "cholesky_solve",
    "divergence_jet",
    "explain",
    "full_precision",
    "gauss_newton",
    "gauss_newton_with_product",
    "gradient_jet",
    "gram",
    "hutchinson_directions",
    "jacobian_factors",
    "jacobian_product",
    "jacobian_transpose_product",
    "laplacian_jet",
    "null",
    "ode_transport",
    "use_backend",
    "use_precision",
]
