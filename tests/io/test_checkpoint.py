"""Round trips, mismatches and damage of checkpoint files."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.errors import CheckpointError, DTypeError, OutputError
from transjet.io import latest, load, read_meta, save
from transjet.io.checkpoint import numbered
from transjet.io.container import _PREFIX, MAGIC


class State(NamedTuple):
    """A training state with every kind of leaf."""

    params: Any
    momentum: Any
    key: Any
    step: Any
    rate: float
    count: int
    done: bool
    extra: Any = None


def make_state(seed: int = 0) -> State:
    rng = np.random.default_rng(seed)
    with jax.enable_x64(True):
        wide = jnp.asarray(rng.normal(size=(3, 5)))
    layers = tuple({"w": jnp.asarray(rng.normal(size=(4, n)), jnp.float32), "b": jnp.zeros(n)} for n in (7, 1))
    return State(
        params=layers,
        momentum={"wide": wide, "empty": np.zeros((0, 3), np.float32), "mask": rng.random((2, 3)) > 0.5},
        key=jax.random.split(jax.random.key(seed), 3),
        step=jnp.int32(seed + 17),
        rate=float(rng.normal()),
        count=2**40 + seed,
        done=bool(seed % 2),
        extra=np.float64(rng.normal()),
    )


def bits(leaf: Any) -> tuple[str, tuple[int, ...], bytes]:
    if hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        data = np.asarray(jax.random.key_data(leaf))
        return str(leaf.dtype), leaf.shape, data.tobytes()
    array = np.asarray(leaf)
    return str(array.dtype), array.shape, array.tobytes()


def assert_same(got: Any, expected: Any) -> None:
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        assert bits(a) == bits(b)


def test_round_trip_is_bitwise(tmp_path):
    state = make_state()
    meta = {"iteration": 3, "best": float("inf"), "target": "gmm-grid", "list": [1, 2.5, None, True]}
    assert save(tmp_path / "a.ckpt", state, meta=meta) == tmp_path / "a.ckpt"
    got, got_meta = load(tmp_path / "a.ckpt", make_state(1))
    assert_same(got, state)
    assert got_meta == meta == read_meta(tmp_path / "a.ckpt")
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(state), strict=True):
        assert type(a) is type(b)


def test_the_restored_key_draws_the_same_numbers(tmp_path):
    state = make_state()
    save(tmp_path / "a.ckpt", state, meta={})
    got, _ = load(tmp_path / "a.ckpt", make_state(1))
    np.testing.assert_array_equal(jax.random.normal(got.key[1], (5,)), jax.random.normal(state.key[1], (5,)))


@pytest.mark.parametrize("impl", ["threefry2x32", "rbg", "unsafe_rbg"])
def test_every_key_generator(tmp_path, impl):
    key = jax.random.key(5, impl=impl)
    save(tmp_path / "k.ckpt", key, meta={})
    got, _ = load(tmp_path / "k.ckpt", jax.random.key(0, impl=impl))
    assert bits(got) == bits(key)
    assert jax.random.key_impl(got) == jax.random.key_impl(key)


@pytest.mark.parametrize(
    "dtype",
    ["bool", "int8", "int16", "int32", "int64", "uint8", "uint32", "uint64", "float16", "float32", "float64",
     "complex64", "complex128"],
)  # fmt: skip
@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0, 2), (5, 3)])
@pytest.mark.parametrize("library", ["numpy", "jax"])
def test_every_dtype_and_shape_keeps_its_bits(tmp_path, dtype, shape, library):
    rng = np.random.default_rng(3)
    size = np.dtype(dtype).itemsize * int(np.prod(shape))
    noise = rng.integers(0, 2 if dtype == "bool" else 256, size, dtype=np.uint8)
    leaf = np.frombuffer(noise.tobytes(), dtype).reshape(shape)  # any bit pattern, NaN payloads among them
    with jax.enable_x64(True):
        leaf = jnp.array(leaf) if library == "jax" else leaf
    save(tmp_path / "a.ckpt", [leaf], meta={})
    (got,), _ = load(tmp_path / "a.ckpt", [jax.ShapeDtypeStruct(shape, dtype) if library == "jax" else leaf])
    assert bits(got) == bits(leaf)
    assert isinstance(got, jax.Array if library == "jax" else np.ndarray)


def test_strided_and_big_endian_arrays_keep_their_values(tmp_path):
    strided = np.arange(24.0).reshape(4, 6)[::2, ::-1].T
    save(tmp_path / "a.ckpt", {"s": strided, "b": np.arange(5, dtype=">i4")}, meta={})
    got, _ = load(tmp_path / "a.ckpt", {"s": strided, "b": np.zeros(5, np.int32)})
    np.testing.assert_array_equal(got["s"], strided)
    np.testing.assert_array_equal(got["b"], np.arange(5))


def test_a_resumed_step_does_not_compile_again(tmp_path):
    traces = []

    @jax.jit
    def step(state):
        traces.append(1)
        return jax.tree.map(lambda x: x * 2, state)

    state = step({"w": jnp.ones(3), "weak": jnp.asarray(1.5)})
    state = step(state)
    seen = len(traces)
    save(tmp_path / "a.ckpt", state, meta={})
    got, _ = load(tmp_path / "a.ckpt", state)
    step(got)
    assert len(traces) == seen
    assert got["weak"].weak_type
    assert not got["w"].committed


def test_a_committed_array_returns_to_its_device(tmp_path):
    leaf = jax.device_put(jnp.arange(3.0), jax.devices()[0])
    assert leaf.committed
    save(tmp_path / "a.ckpt", leaf, meta={})
    got, _ = load(tmp_path / "a.ckpt", leaf)
    assert got.committed
    assert got.sharding == leaf.sharding


def test_the_global_precision_is_left_alone(tmp_path):
    before = jax.config.jax_enable_x64
    save(tmp_path / "a.ckpt", make_state(), meta={})
    got, _ = load(tmp_path / "a.ckpt", make_state())
    assert jax.config.jax_enable_x64 == before
    assert got.momentum["wide"].dtype == jnp.float64


def test_like_may_be_shapes_only(tmp_path):
    def make():
        return {"w": jnp.ones((2, 3)), "key": jax.random.key(1), "none": None}

    save(tmp_path / "a.ckpt", make(), meta={})
    got, _ = load(tmp_path / "a.ckpt", jax.eval_shape(make))
    assert_same(got, make())


def test_equal_states_make_equal_files(tmp_path):
    save(tmp_path / "a.ckpt", make_state(), meta={"iteration": 1})
    save(tmp_path / "b.ckpt", make_state(), meta={"iteration": 1})
    assert (tmp_path / "a.ckpt").read_bytes() == (tmp_path / "b.ckpt").read_bytes()


W = np.zeros((2, 3), np.float32)


@pytest.mark.parametrize(
    ("stored", "like", "words"),
    [
        ({"w": W}, {"w": W.T}, ["['w'] float32[3, 2]", "['w'] float32[2, 3]"]),
        ({"w": W}, {"w": W.astype(float)}, ["float64[2, 3]", "float32[2, 3]"]),
        ({"w": W}, {"v": W}, ["['v']", "['w']"]),
        ({"w": W, "x": W}, {"w": W}, ["no further leaf", "['x']"]),
        ({"w": W}, {"w": W, "x": W}, ["['x']", "no further leaf"]),
        ({"w": W}, {"w": None}, ["no further leaf", "['w']"]),
        ({"a": W, "w": 1}, {"a": W, "w": 1.0}, ["python float", "python int"]),
        ({"w": 1}, {"w": np.int64(1)}, ["int64", "python int"]),
        (W, [W], ["[0] float32", "the root float32"]),
    ],
)
def test_another_structure_is_refused_and_named(tmp_path, stored, like, words):
    save(tmp_path / "a.ckpt", stored, meta={})
    with pytest.raises(CheckpointError, match="another structure") as caught:
        load(tmp_path / "a.ckpt", like)
    expected, got = str(caught.value).split("expected ")[1].split(", got ")
    assert words[0] in expected
    assert words[1] in got


def test_another_key_generator_is_refused(tmp_path):
    save(tmp_path / "a.ckpt", jax.random.key(0), meta={})
    with pytest.raises(CheckpointError, match=r"expected the root key<rbg>\[\], got the root key<fry>"):
        load(tmp_path / "a.ckpt", jax.random.key(0, impl="rbg"))


@pytest.mark.parametrize(
    "leaf", ["text", object(), np.array(["a"]), np.array([object()]), 2**70, jnp.zeros(2, "bfloat16")]
)
def test_leaves_that_are_no_plain_arrays_are_refused(tmp_path, leaf):
    with pytest.raises(DTypeError, match=r"\['a'\]"):
        save(tmp_path / "a.ckpt", {"a": leaf}, meta={})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [object(), {1, 2}, np.zeros(3), {(1, 2): 3}])
def test_meta_that_is_not_json_is_refused_and_harms_nothing(tmp_path, value):
    save(tmp_path / "a.ckpt", 1.5, meta={})
    with pytest.raises(CheckpointError, match="meta"):
        save(tmp_path / "a.ckpt", 2.5, meta={"value": value})
    assert load(tmp_path / "a.ckpt", 0.0)[0] == 1.5
    assert [p.name for p in tmp_path.iterdir()] == ["a.ckpt"]


def test_numpy_scalars_in_meta_become_plain(tmp_path):
    save(tmp_path / "a.ckpt", 1, meta={"loss": np.float32(0.5), "n": np.int64(3)})
    assert read_meta(tmp_path / "a.ckpt") == {"loss": 0.5, "n": 3}


def test_latest_and_order(tmp_path):
    assert latest(tmp_path) is None
    assert latest(tmp_path / "missing") is None
    for name in ("iteration-9", "iteration-100", "iteration-00000020", "best", "iteration-x"):
        save(tmp_path / f"{name}.ckpt", 1, meta={})
    assert [p.stem for p in numbered(tmp_path)] == ["iteration-9", "iteration-00000020", "iteration-100"]
    assert latest(tmp_path) == tmp_path / "iteration-100.ckpt"


def test_a_missing_file_names_the_good_one_beside_it(tmp_path):
    with pytest.raises(CheckpointError, match="no good one"):
        load(tmp_path / "a.ckpt", 0)
    save(tmp_path / "b.ckpt", 1, meta={})
    with pytest.raises(CheckpointError, match=r"No such file.*b\.ckpt"):
        load(tmp_path / "a.ckpt", 0)


def test_an_unwritable_place_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"expected a writable place.*choose another folder"):
        save(tmp_path / "file" / "a.ckpt", 1, meta={})


def _flip(data: bytes, rng: np.random.Generator) -> bytes:
    position, bit = int(rng.integers(len(data))), int(rng.integers(8))
    return data[:position] + bytes([data[position] ^ 1 << bit]) + data[position + 1 :]


def _flip_in_preamble(data: bytes, rng: np.random.Generator) -> bytes:
    return _flip(data[:60], rng) + data[60:]


def _cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(len(data)))]


def _extend(data: bytes, rng: np.random.Generator) -> bytes:
    return data + rng.bytes(int(rng.integers(1, 100)))


def _zero_a_block(data: bytes, rng: np.random.Generator) -> bytes:
    start = int(rng.integers(len(data) - 64))
    return data[:start] + bytes(64) + data[start + 64 :]


def _other_magic(data: bytes, rng: np.random.Generator) -> bytes:
    return rng.bytes(len(MAGIC)) + data[len(MAGIC) :]


def _swap_blocks(data: bytes, rng: np.random.Generator) -> bytes:
    return data[:-16] + data[-8:] + data[-16:-8]


DAMAGES = [_flip] * 24 + [_flip_in_preamble] * 8 + [_cut] * 12 + [_extend] * 6 + [_zero_a_block] * 6
DAMAGES += [_other_magic] * 3 + [_swap_blocks]


@pytest.mark.parametrize("case", range(len(DAMAGES)))
def test_sixty_damaged_files_are_all_caught(tmp_path, case):
    rng = np.random.default_rng(1000 + case)
    state = make_state(case)
    good = save(tmp_path / "iteration-1.ckpt", state, meta={"iteration": 1})
    newest = save(tmp_path / "iteration-2.ckpt", state, meta={"iteration": 2})
    damaged = DAMAGES[case](newest.read_bytes(), rng)
    assert damaged != newest.read_bytes()
    newest.write_bytes(damaged)
    assert latest(tmp_path) == newest
    with pytest.raises(CheckpointError, match=r"iteration-2\.ckpt is damaged.*newest good one.*iteration-1\.ckpt"):
        load(newest, state)
    assert_same(load(good, state)[0], state)
    assert len(DAMAGES) == 60


@pytest.mark.parametrize(("version", "remedy"), [(0, "that wrote it"), (2, "update transjet"), (999, "update")])
def test_another_version_says_what_to_do(tmp_path, version, remedy):
    import hashlib

    path = save(tmp_path / "iteration-2.ckpt", 1.0, meta={})
    save(tmp_path / "iteration-1.ckpt", 1.0, meta={})
    data = path.read_bytes()
    header_end = 60 + _PREFIX.unpack_from(data)[2]
    prefix = _PREFIX.pack(MAGIC, version, header_end - 60)
    digest = hashlib.sha256(prefix + data[60:header_end]).digest()
    path.write_bytes(prefix + digest + data[60:])
    with pytest.raises(CheckpointError, match=rf"expected 1, got {version}; .*{remedy}.*iteration-1\.ckpt"):
        load(path, 0.0)


def test_only_good_files_are_recommended(tmp_path):
    for i in (1, 2, 3, 4):
        save(tmp_path / f"iteration-{i}.ckpt", i, meta={})
    for i in (2, 4):
        (tmp_path / f"iteration-{i}.ckpt").write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match=r"newest good one beside it is .*iteration-3\.ckpt"):
        load(tmp_path / "iteration-4.ckpt", 0)


def test_the_file_needs_no_pickle_and_no_transjet_to_read(tmp_path):
    import json

    w = np.arange(6, dtype=np.float32).reshape(2, 3)
    data = save(tmp_path / "a.ckpt", {"n": 5, "w": w}, meta={"who": "me"}).read_bytes()
    length = int.from_bytes(data[20:28], "little")
    header = json.loads(data[60 : 60 + length])
    entry = header["leaves"][1]
    assert (60 + length) % 64 == 0
    assert header["meta"] == {"who": "me"}
    assert entry["name"] == "['w']"
    payload = np.frombuffer(data, entry["raw_dtype"], offset=60 + length + entry["offset"]).reshape(entry["raw_shape"])
    np.testing.assert_array_equal(payload, w)
