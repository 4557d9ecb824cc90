from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.errors import ConfigError, DTypeError, ShapeError, TargetError, TransjetError
from transjet.targets import from_log_density


def quadratic(x):
    return -0.5 * jnp.sum(x**2)


def test_a_gaussian_with_all_its_truths():
    target = from_log_density(
        quadratic,
        3,
        name="gauss",
        log_z=1.5 * np.log(2 * np.pi),
        sample=lambda key, n: jax.random.normal(key, (n, 3)),
        modes=np.zeros((1, 3)),
        mode_weights=[1.0],
        box=([-4.0] * 3, [4.0] * 3),
        mean=np.zeros(3),
        std=np.ones(3),
        prior_std=2.0,
        description="a Gaussian",
    )
    assert (target.name, target.dim, target.prior_std, target.description) == ("gauss", 3, 2.0, "a Gaussian")
    x = jnp.array([1.0, -2.0, 0.5])
    assert target.log_density(x) == quadratic(x)
    np.testing.assert_array_equal(jax.jit(jax.grad(target.log_density))(x), -x)
    assert jax.vmap(target.log_density)(jnp.ones((5, 3))).shape == (5,)


def test_defaults_know_nothing():
    target = from_log_density(quadratic, 1)
    known = (
        target.log_z,
        target.sample,
        target.modes,
        target.mode_weights,
        target.box,
        target.mean,
        target.std,
    )
    assert known == (None,) * 7 and target.name == "custom" and target.prior_std == 1.0


def test_dtype_follows_the_point_even_if_the_function_promotes():
    with jax.enable_x64(True):
        shift = jnp.arange(3, dtype=jnp.float64)
        target = from_log_density(lambda x: quadratic(x.astype(jnp.float64) - shift), 3)
        assert target.log_density(jnp.ones(3, jnp.float32)).dtype == jnp.float32
        assert target.log_density(jnp.ones(3, jnp.float64)).dtype == jnp.float64


def test_a_density_with_an_edge_is_allowed():
    target = from_log_density(lambda x: jnp.where(x[0] > 0, quadratic(x), -jnp.inf), 2)
    assert target.log_density(jnp.array([-1.0, 0.0])) == -np.inf


def test_the_users_library_errors_pass_through():
    def refuses(x):
        raise ConfigError("my own message")

    with pytest.raises(ConfigError, match="my own message"):
        from_log_density(refuses, 2)


def half_nan(x):
    return jnp.where(x[0] > 0, quadratic(x), jnp.nan)


def hidden_nan(x):
    return jnp.where(x[0] > 0, jnp.sqrt(jnp.where(x[0] > 0, x[0], 0.0)) * 0.0, 0.0) - jnp.sqrt(x[1] * 0.0)


def branches(x):
    return quadratic(x) if x[0] > 0 else 2 * quadratic(x)


def numpy_inside(x):
    return jnp.sum(np.exp(x))


def not_differentiable(x):
    spec = jax.ShapeDtypeStruct((), jnp.float32)
    return jax.pure_callback(lambda v: np.float32(-np.sum(v**2)), spec, x, vmap_method="sequential")


MALFORMED = {
    "not callable": (3.0, 2, {}, DTypeError, "callable"),
    "dim zero": (quadratic, 0, {}, ShapeError, "dim"),
    "dim float": (quadratic, 2.0, {}, DTypeError, "dim"),
    "dim bool": (quadratic, True, {}, DTypeError, "dim"),
    "dim none": (quadratic, None, {}, DTypeError, "dim"),
    "returns the point": (lambda x: x, 2, {}, ShapeError, r"got shape \(2,\)"),
    "returns shape (1,)": (lambda x: quadratic(x)[None], 2, {}, ShapeError, r"got shape \(1,\)"),
    "keeps dims": (lambda x: jnp.sum(x, keepdims=True), 2, {}, ShapeError, r"got shape \(1,\)"),
    "returns a float": (lambda x: 1.0, 2, {}, TargetError, "got a float"),
    "returns a NumPy scalar": (lambda x: np.float32(1.0), 2, {}, TargetError, "got a float32"),
    "returns none": (lambda x: None, 2, {}, TargetError, "got a NoneType"),
    "returns a pair": (lambda x: (quadratic(x), x), 2, {}, TargetError, "got a tuple"),
    "float of a tracer": (lambda x: float(jnp.sum(x)), 2, {}, TargetError, r"no float\(\)"),
    "item of a tracer": (lambda x: jnp.sum(x).item(), 2, {}, TargetError, "cannot trace"),
    "if on a tracer": (branches, 2, {}, TargetError, "jnp.where instead of if"),
    "numpy on a tracer": (numpy_inside, 2, {}, TargetError, "jax.numpy"),
    "integer result": (lambda x: jnp.sum(x > 0), 2, {}, DTypeError, "got int32"),
    "bool result": (lambda x: x[0] > 0, 2, {}, DTypeError, "got bool"),
    "half result": (lambda x: quadratic(x).astype(jnp.float16), 2, {}, DTypeError, "got float16"),
    "complex result": (lambda x: jax.lax.complex(x[0], x[1]), 2, {}, DTypeError, "got complex64"),
    "raises": (lambda x: {}["key"], 2, {}, TargetError, "KeyError"),
    "wrong width": (lambda x: quadratic(x @ jnp.ones((3, 3))), 2, {}, TargetError, "check that dim fits"),
    "wants a batch": (lambda x: quadratic(x[:, 0]), 2, {}, TargetError, "not a batch"),
    "two arguments": (lambda x, y: quadratic(x), 2, {}, TargetError, "TypeError"),
    "not differentiable": (not_differentiable, 2, {}, TargetError, "jax.grad"),
    "nan everywhere": (lambda x: quadratic(x) * jnp.nan, 2, {}, TargetError, r"NaN at 256 of 256 points"),
    "nan in a half space": (half_nan, 2, {}, TargetError, r"NaN at \d+ of 256 points, such as \[-"),
    "sqrt of negatives": (lambda x: jnp.sqrt(x[0]), 2, {}, TargetError, "is NaN"),
    "pole": (lambda x: jnp.where(x[0] > 0, jnp.inf, 0.0) * x[1] ** 2, 1 + 1, {}, TargetError, "NaN|inf"),
    "plus infinity": (lambda x: jnp.where(x[0] > 0, jnp.inf, x[0]), 2, {}, TargetError, r"is \+inf"),
    "never finite": (lambda x: jnp.where(x[0] > 1e6, x[0], -jnp.inf), 2, {}, TargetError, "-inf at all 256"),
    "gradient nan": (hidden_nan, 2, {}, TargetError, "gradient that is not finite"),
    "mode outside": (
        lambda x: jnp.where(x[0] > 0, quadratic(x), -jnp.inf),
        2,
        {"modes": [[-1.0, 0.0]]},
        TargetError,
        r"-inf at 1 of 257 points, such as \[-1",
    ),
    "nan in the box only": (
        lambda x: jnp.where(x[0] > 50, jnp.nan, quadratic(x)),
        2,
        {"box": ([-100.0, -100.0], [100.0, 100.0])},
        TargetError,
        r"NaN at \d+ of 384",
    ),
    "prior_std zero": (quadratic, 2, {"prior_std": 0}, ConfigError, "prior_std"),
    "log_z infinite": (quadratic, 2, {"log_z": np.inf}, ConfigError, "log_z"),
    "modes width": (quadratic, 2, {"modes": np.zeros((1, 3))}, ShapeError, "modes"),
    "weights alone": (quadratic, 2, {"mode_weights": [1.0]}, TargetError, "without modes"),
    "sample not callable": (quadratic, 2, {"sample": 3}, DTypeError, "sample"),
    "sample width": (quadratic, 2, {"sample": lambda key, n: jnp.zeros((n, 3))}, ShapeError, "sample"),
    "sample ignores n": (quadratic, 2, {"sample": lambda key, n: jnp.zeros((7, 2))}, ShapeError, r"\(7, 2\)"),
    "sample integers": (quadratic, 2, {"sample": lambda key, n: np.zeros((n, 2), int)}, DTypeError, "int64"),
    "sample nan": (quadratic, 2, {"sample": lambda key, n: np.full((n, 2), np.nan)}, TargetError, "NaN"),
    "sample raises": (quadratic, 2, {"sample": lambda n: np.zeros((n, 2))}, TargetError, "TypeError"),
}


@pytest.mark.parametrize("fn, dim, fields, error, words", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_calls_give_typed_errors_with_a_remedy(fn, dim, fields, error, words):
    with pytest.raises(error, match=words) as caught:
        from_log_density(fn, dim, **fields)
    assert isinstance(caught.value, TransjetError)
    assert ";" in str(caught.value), "the message must end with what to do"


def test_probes_meet_a_small_defect():
    # 5 % of the wide region: N(0, 3^2) lies beyond 1.645 * 3 with that probability.
    with pytest.raises(TargetError, match="is NaN"):
        from_log_density(lambda x: jnp.where(x[0] > 4.935, jnp.nan, quadratic(x)), 1)
