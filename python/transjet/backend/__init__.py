"""Dispatch: the one package that knows about FFI, CUDA, Triton and JAX versions."""

from transjet.backend import cpu as cpu  # registers its kernels
from transjet.backend import cuda as cuda  # likewise
from transjet.backend import triton as triton  # likewise
from transjet.backend.precision import PRECISIONS, requested_precision, use_precision
from transjet.backend.primitive import BoundOperation, full_precision, make_varying, sum_like
from transjet.backend.reference import Operation
from transjet.backend.registry import (
    BACKENDS,
    Availability,
    Kernel,
    Request,
    availability,
    kernels,
    register_kernel,
)
from transjet.backend.select import Choice, requested, use_backend

__all__ = [
    "BACKENDS",
    "PRECISIONS",
    "Availability",
    "BoundOperation",
    "Choice",
    "Kernel",
    "Operation",
    "Request",
    "availability",
    "full_precision",
    "kernels",
    "make_varying",
    "register_kernel",
    "requested",
    "requested_precision",
    "sum_like",
    "use_backend",
    "use_precision",
]
