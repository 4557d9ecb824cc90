"""The leaves of a checkpointed pytree: what must agree, their raw bytes, and the way back."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from transjet.errors import CheckpointError, DTypeError

_RAW_KINDS = "biufc"  # bool, signed, unsigned, float, complex: what numpy can write as plain bytes
_SCALARS: dict[type, type[np.generic]] = {bool: np.bool_, int: np.int64, float: np.float64}


class LeafSpec(NamedTuple):
    """What has to agree between a stored leaf and the one it is loaded into.

    Attributes:
        name: path of the leaf in its pytree, such as `['drift'][0][1]`.
        dtype: `float32` and the like, `key<fry>` for a typed key, `python int` for a plain number.
        shape: shape of the leaf; a typed key array counts keys, not words.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        """The leaf in words, for messages."""
        return f"{self.name or 'the root'} {self.dtype}{list(self.shape)}"


class RawLeaf(NamedTuple):
    """A leaf as bytes: its spec, the plain array behind it, and the generator of a typed key."""

    spec: LeafSpec
    raw: np.ndarray
    impl: str | None


def describe(name: str, leaf: Any) -> LeafSpec:
    """Return the spec of a leaf: an array, a `jax.ShapeDtypeStruct`, a typed key, or a plain number.

    Raises:
        DTypeError: the leaf is none of these.
    """
    if type(leaf) in _SCALARS:
        return LeafSpec(name, f"python {type(leaf).__name__}", ())
    dtype = getattr(leaf, "dtype", None)
    if dtype is None or not (_is_key(leaf) or np.dtype(dtype).kind in _RAW_KINDS):
        raise DTypeError(
            f"checkpoint leaf {name or 'root'}: expected an array of bool, int, float, complex, a typed key "
            f"or a plain number, got {dtype or type(leaf).__name__}; keep anything else in `meta`"
        )
    word = str(dtype) if _is_key(leaf) else np.dtype(dtype).name  # the name leaves the byte order out
    return LeafSpec(name, word, tuple(leaf.shape))


def to_raw(name: str, leaf: Any) -> RawLeaf:
    """Fetch a leaf to the host as a little-endian array in C order.

    Raises:
        DTypeError: the leaf cannot be stored.
        CheckpointError: the array is spread over processes, so that none holds it whole.
    """
    spec = describe(name, leaf)
    impl = str(jax.random.key_impl(leaf)) if _is_key(leaf) else None
    if not getattr(leaf, "is_fully_addressable", True) and not leaf.is_fully_replicated:
        raise CheckpointError(
            f"checkpoint leaf {name}: expected an array that this process holds whole, got one spread over "
            "processes; gather it first (jax.experimental.multihost_utils.process_allgather)"
        )
    try:
        raw = np.asarray(jax.random.key_data(leaf) if impl else leaf, dtype=_SCALARS.get(type(leaf)))
    except OverflowError:
        raise DTypeError(f"checkpoint leaf {name}: expected an int of at most 64 bits, got {leaf}") from None
    return RawLeaf(spec, np.require(raw.astype(raw.dtype.newbyteorder("<"), copy=False), requirements="C"), impl)


def from_raw(raw: np.ndarray, like: Any, impl: str | None) -> Any:
    """Turn stored bytes back into a leaf of the kind of `like`: same library, placement and weak type.

    Args:
        raw: the stored array.
        like: the leaf to imitate, which has the stored spec already.
        impl: generator of a typed key, None for any other leaf.

    Returns:
        A leaf that is bit for bit the one stored.
    """
    if type(like) in _SCALARS:
        return type(like)(raw[()])
    if isinstance(like, np.ndarray | np.generic):
        return raw if isinstance(like, np.ndarray) else raw[()]
    if impl is not None:
        return _place(jax.random.wrap_key_data(jnp.array(raw), impl=impl), like)
    # A context, not the global flag: float64 leaves survive in a float32 program, whose setting stays.
    with jax.enable_x64(raw.dtype.itemsize // (2 if raw.dtype.kind == "c" else 1) == 8):
        weak = getattr(like, "weak_type", False) and raw.ndim == 0
        return _place(jnp.asarray(raw[()].item()) if weak else jnp.array(raw), like)


def _place(array: jax.Array, like: Any) -> jax.Array:
    # An uncommitted array stays so: committing it would make the first step after a resume compile again.
    return jax.device_put(array, like.sharding) if getattr(like, "committed", False) else array


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(getattr(leaf, "dtype", np.dtype(object)), jax.dtypes.prng_key)
