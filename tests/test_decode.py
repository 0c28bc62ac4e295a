import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnjax import decode


def first_spike_reference(zs):
    fired = zs > 0
    return np.where(fired.any(0), fired.argmax(0), len(zs)).astype(float)


# Each decoder with what it is for a sequence without padding.
REFERENCES = {
    decode.count: lambda ys: ys.sum(0),
    decode.rate: lambda ys: ys.mean(0),
    decode.max_membrane: lambda ys: ys.max(0),
    decode.sum_membrane: lambda ys: ys.sum(0),
    decode.mean_membrane: lambda ys: ys.mean(0),
    decode.last: lambda ys: ys[-1],
    decode.first_spike: first_spike_reference,
}
SUMS = (decode.count, decode.sum_membrane)
every_decoder = pytest.mark.parametrize("decoder", list(REFERENCES), ids=lambda f: f.__name__)


def sequence(dtype, shape=(7, 3), seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


@every_decoder
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_shape_and_dtype(decoder, shape, dtype):
    ys, mask = jax.ShapeDtypeStruct((7, *shape), dtype), jax.ShapeDtypeStruct((7,), bool)
    for arguments in ((ys,), (ys, mask)):
        out = jax.eval_shape(decoder, *arguments)
        assert out.dtype == dtype
        assert out.shape == shape


@every_decoder
@pytest.mark.parametrize("shape", [(), (2, 3)])
def test_reference(decoder, shape):
    ys = sequence("float64", (7, *shape))
    # Sums of seven numbers: a few units in the last place.
    np.testing.assert_allclose(jax.jit(decoder)(ys), REFERENCES[decoder](np.asarray(ys)), 1e-14, 1e-14)


@every_decoder
@given(mask=st.lists(st.booleans(), min_size=6, max_size=6).filter(any))
@settings(max_examples=25, deadline=None)
def test_masked_steps_do_not_exist(decoder, mask):
    ys = np.asarray(sequence("float64", (6, 4)))
    expected = REFERENCES[decoder](ys[mask])
    for junk in (0.0, 1e300, np.nan, np.inf, -np.inf):
        with_junk = np.where(np.array(mask)[:, None], ys, junk)
        out = jax.jit(decoder)(with_junk, np.array(mask))
        np.testing.assert_allclose(out, expected, 1e-13)


@every_decoder
def test_numpy_mask_and_full_mask(decoder):
    ys = sequence("float64")
    np.testing.assert_array_equal(decoder(ys, np.ones(7, bool)), decoder(ys))


@every_decoder
@pytest.mark.parametrize("junk", [np.nan, np.inf])
def test_gradient_is_clean_of_masked_steps(decoder, junk):
    mask = np.array([True, False, True, True, False])
    ys = jnp.where(mask[:, None], sequence("float32", (5, 2)), junk)

    def loss(ys):
        return (decoder(ys, mask) ** 2).sum()

    gradient = np.asarray(jax.jit(jax.grad(loss))(ys))
    np.testing.assert_array_equal(gradient[~mask], 0.0)
    unpadded = jax.jit(jax.grad(lambda ys: (decoder(ys) ** 2).sum()))(np.asarray(ys)[mask])
    np.testing.assert_allclose(gradient[mask], unpadded, 1e-6)


def test_gradient_values():
    vs = jnp.array([[1.0], [3.0], [2.0]])

    def of(decoder):
        return jax.jit(jax.grad(lambda vs: decoder(vs).sum()))(vs)[:, 0]

    np.testing.assert_array_equal(of(decode.count), [1, 1, 1])
    np.testing.assert_allclose(of(decode.rate), [1 / 3] * 3)
    np.testing.assert_array_equal(of(decode.max_membrane), [0, 1, 0])
    np.testing.assert_array_equal(of(decode.last), [0, 0, 1])
    np.testing.assert_array_equal(of(decode.first_spike), [0, 0, 0])
    vs = vs.at[2].set(3.0)
    np.testing.assert_array_equal(of(decode.max_membrane), [0, 0.5, 0.5])


@every_decoder
def test_no_valid_step(decoder):
    ys, mask = sequence("float64"), jnp.zeros(7, bool)
    np.testing.assert_array_equal(decoder(ys, mask), [0.0 if decoder in SUMS else np.nan] * 3)
    gradient = jax.jit(jax.grad(lambda ys: decoder(ys, mask).sum()))(ys)
    np.testing.assert_array_equal(gradient, jnp.zeros((7, 3)))


@every_decoder
def test_nan_in_a_valid_step_is_seen(decoder):
    ys = np.ones((4, 2))
    ys[3, 0] = np.nan
    np.testing.assert_array_equal(np.isnan(jax.jit(decoder)(ys)), [True, False])


@every_decoder
def test_jit_and_vmap_equal_eager(decoder):
    ys = sequence("float64", (3, 7, 3))
    mask = np.arange(7) < np.array([7, 4, 1])[:, None]
    eager = jnp.stack([decoder(ys[i], mask[i]) for i in range(3)])
    # The order of a sum may differ between programs by a rounding.
    np.testing.assert_allclose(jax.jit(jax.vmap(decoder))(ys, mask), eager, 1e-14, 1e-14)
    np.testing.assert_allclose(jax.jit(decoder)(ys[1], mask[1]), eager[1], 1e-14, 1e-14)


def test_mean_in_half_precision_does_not_overflow():
    # 70000 steps are infinite in float16, and the mean would be zero or NaN.
    assert decode.rate(jnp.ones(70_000, jnp.float16)) == 1


def test_first_spike_counts_valid_steps():
    first_spike, mask = jax.jit(decode.first_spike), np.array([0, 1, 0, 1, 1], bool)
    zs = np.array([1.0, 0.0, 0.0, 1.0, 1.0])
    assert first_spike(zs) == 0
    assert first_spike(zs, mask) == 1
    assert first_spike(np.zeros(5), mask) == 3
    assert first_spike(np.array([-1.0, 0.0, 0.0, 0.5, 0.0])) == 3  # graded; negative is no spike


@every_decoder
@pytest.mark.parametrize("shape", [(3,), (7, 3), (1, 7), (7, 1), ()])
def test_mask_shape(decoder, shape, unchecked):
    message = r"mask has shape .* of shape \(7, 3\). Accepted is one bool per time step.*jax.vmap"
    with pytest.raises(ValueError, match=message):
        decoder(sequence("float32"), jnp.ones(shape, bool))


@every_decoder
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_mask_dtype(decoder, dtype, unchecked):
    with pytest.raises(TypeError, match=rf"mask has dtype {dtype}.*mask.astype\(bool\)"):
        decoder(sequence("float32"), jnp.ones(7, dtype))


@every_decoder
def test_sequence_errors(decoder, unchecked):
    with pytest.raises(ValueError, match=r"has shape \(0, 2\). .* at least one time step"):
        decoder(jnp.ones((0, 2)))
    with pytest.raises(ValueError, match=r"has shape \(\). Accepted is \(time, \*shape\)"):
        decoder(jnp.array(1.0))
    with pytest.raises(TypeError, match=r"has dtype bool.*astype\(jnp.float32\)"):
        decoder(jnp.ones((4, 2), bool))
