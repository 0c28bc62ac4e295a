import functools
import math

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnjax import encode

SAMPLERS = {
    "rate": lambda x, steps, key: encode.rate(x, steps, key=key),
    "poisson": lambda x, steps, key: encode.poisson(x, steps, key=key, dt=0.5),
}
ENCODERS = SAMPLERS | {
    "direct": lambda x, steps, key: encode.direct(x, steps),
    "latency": lambda x, steps, key: encode.latency(x, steps),
    "latency with tau": lambda x, steps, key: encode.latency(x, steps, tau=5.0),
}
every_encoder = pytest.mark.parametrize("encoder", list(ENCODERS.values()), ids=ENCODERS)
every_sampler = pytest.mark.parametrize("encoder", list(SAMPLERS.values()), ids=SAMPLERS)
every_spiking = pytest.mark.parametrize("encoder", [f for name, f in ENCODERS.items() if name != "direct"])


def examples(dtype, shape=(3, 4)):
    return jnp.asarray(np.random.default_rng(0).uniform(size=shape), dtype)


# What all have in common


# Compiling a Poisson sampler takes a second, and each shape is compiled anew. Most tests that call
# it use this shape, and `traced` where values must not be known.
STEPS, SHAPE = 6, (4,)


def traced(encoder, x):
    """The encoding of a traced x, without compiling anything new as jit would."""
    return jax.jvp(encoder, (x,), (jnp.zeros_like(x),))[0]


@every_encoder
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (5,), (2, 3)])
def test_shape_and_dtype(encoder, shape, dtype, getkey):
    x = jax.ShapeDtypeStruct(shape, dtype)
    xs = jax.eval_shape(lambda x, key: encoder(x, 7, key), x, getkey())
    assert xs.shape == (7, *shape)
    assert xs.dtype == dtype


@every_encoder
def test_numpy_jit_and_vmap_equal_eager(encoder, getkey):
    x, keys = examples("float32", (2, *SHAPE)), jr.split(getkey(), 2)
    eager = encoder(np.asarray(x[0]), STEPS, keys[0])
    assert eager.dtype == jnp.float32
    np.testing.assert_array_equal(encoder(x[0], STEPS, keys[0]), eager)
    jitted = jax.jit(lambda x, key: encoder(x, STEPS, key))
    np.testing.assert_array_equal(jitted(x[0], keys[0]), eager)
    batch = jax.vmap(jitted)(x, keys)
    np.testing.assert_array_equal(batch[0], eager)
    np.testing.assert_array_equal(batch[1], jitted(x[1], keys[1]))


@every_spiking
def test_gradient_is_zero_not_nan(encoder, getkey):
    x, key = jnp.array([0.0, 0.01, 0.3, 1.0]), getkey()
    gradient = jax.jit(jax.grad(lambda x: encoder(x, 9, key).sum()))
    np.testing.assert_array_equal(gradient(x), jnp.zeros(4))


OUTSIDE = [-0.1, math.nan, math.inf, -math.inf]


@every_spiking
@pytest.mark.parametrize("bad", OUTSIDE)
def test_out_of_range_raises(encoder, bad, dtype, getkey):
    x, key = jnp.array([0.5, bad, 0.2], dtype), getkey()
    with pytest.raises(ValueError, match=r"x has 1 of 3 values outside \[0, .*the first of them"):
        encoder(x, 8, key)
    with pytest.raises(ValueError, match="x has 1 of 3"):
        encoder(np.asarray(x), 8, key)
    with pytest.raises(ValueError, match="x has 1 of 3"):  # known values inside of a jit
        jax.jit(lambda key: encoder(np.asarray(x), 8, key))(key)


@every_spiking
def test_out_of_range_is_nan_where_it_is_traced(encoder, getkey):
    key, dtype = getkey(), "float16"  # in which the bounds themselves may overflow
    for bad in (OUTSIDE[:2], OUTSIDE[2:]):
        x = np.array([0.5, *bad, 0.2])
        zs = np.asarray(traced(lambda x: encoder(x, STEPS, key), jnp.asarray(x, dtype)))
        assert np.isnan(zs[:, 1:3]).all()
        good = encoder(np.array([0.5, 0.5, 0.5, 0.2], dtype), STEPS, key)
        np.testing.assert_array_equal(zs[:, [0, 3]], np.asarray(good)[:, [0, 3]])


@pytest.mark.parametrize("encoder", [encode.rate, encode.poisson])
def test_out_of_range_is_nan_under_jit(encoder, getkey):
    sampled = jax.jit(lambda x: encoder(x, 1, key=getkey()))(jnp.array([-1.0, jnp.nan, 0.0]))
    np.testing.assert_array_equal(sampled, [[np.nan, np.nan, 0.0]])


@pytest.mark.parametrize("name", ["rate", "latency"])
def test_above_one_is_out_of_range(name, getkey):
    x, key = jnp.array([1.0, 1.0 + 1e-6], jnp.float32), getkey()
    with pytest.raises(ValueError, match=r"Accepted are values in \[0, 1\]. Scale the data first"):
        ENCODERS[name](x, 3, key)
    nan = jnp.isnan(traced(lambda x: ENCODERS[name](x, 3, key), x))
    np.testing.assert_array_equal(nan, [[False, True]] * 3)


@every_encoder
def test_steps_below_one(encoder, getkey):
    for steps in (0, -2):
        with pytest.raises(ValueError, match=rf"steps is {steps}\. At least one .* steps >= 1"):
            encoder(jnp.ones(2), steps, getkey())


@every_encoder
def test_steps_must_be_an_integer(encoder, unchecked, getkey):
    with pytest.raises(TypeError, match=r"steps is 3.0 of type float.*must be a Python int"):
        encoder(jnp.ones(2), 3.0, getkey())


@every_encoder
@pytest.mark.parametrize("dtype", [jnp.uint8, jnp.int32, bool, jnp.complex64])
def test_only_floats(encoder, dtype, unchecked, getkey):
    with pytest.raises(TypeError, match=r"x has dtype .* x.astype\(jnp.float32\)"):
        encoder(jnp.ones(2, dtype), 3, getkey())


@every_sampler
def test_old_and_new_keys_give_the_same_numbers(encoder):
    x = jnp.full(SHAPE, 0.6, jnp.float32)
    old, new = (encoder(x, STEPS, key) for key in (jr.PRNGKey(3), jr.key(3)))
    np.testing.assert_array_equal(old, new)
    assert not np.array_equal(new, encoder(x, STEPS, jr.key(4)))


@pytest.mark.parametrize("sampler", [encode.rate, encode.poisson])
def test_a_key_is_required(sampler, unchecked):
    with pytest.raises(TypeError, match="key"):
        sampler(jnp.ones(2), 3)


# direct


def test_direct():
    x = jnp.array([-2.0, 0.5, 7.0])
    np.testing.assert_array_equal(encode.direct(x, 4), np.tile(np.asarray(x), (4, 1)))
    np.testing.assert_array_equal(jax.grad(lambda x: encode.direct(x, 4).sum())(x), [4.0] * 3)


# rate


def test_rate_mean_is_the_probability(getkey):
    steps, x = 20_000, np.array([0.0, 1e-3, 0.1, 0.5, 0.97, 1.0])
    zs = np.asarray(jax.jit(lambda x: encode.rate(x, steps, key=getkey()))(x))
    assert set(np.unique(zs)) == {0.0, 1.0}
    # Binomial: five standard deviations of the mean, exact at 0 and 1.
    sigma = np.sqrt(x * (1 - x) / steps)
    assert (np.abs(zs.mean(0) - x) <= 5 * sigma).all()
    # Steps are independent: no correlation from one to the next.
    z = zs[:, 3] - 0.5
    assert abs((z[1:] * z[:-1]).mean()) < 5 * 0.25 / math.sqrt(steps)


@pytest.mark.parametrize("half", [jnp.float16, jnp.bfloat16])
def test_rate_of_small_probabilities_in_half_precision(half, getkey):
    # Numbers drawn in bfloat16 would be below 0.001 with probability 1/128.
    steps, x = 50_000, jnp.array(0.001, half)
    probability = float(x)
    zs = np.asarray(jax.jit(lambda x: encode.rate(x, steps, key=getkey()))(x), np.float32)
    assert abs(zs.mean() - probability) < 5 * math.sqrt(probability / steps)


# poisson


def test_poisson_mean_and_variance_are_rate_times_dt(getkey):
    steps, dt, x = 20_000, 0.5, jnp.array([0.0, 0.1, 1.0, 60.0])
    zs = np.asarray(encode.poisson(x, steps, key=getkey(), dt=dt), np.float64)
    mean = np.asarray(x, np.float64) * dt
    np.testing.assert_array_equal(zs, np.round(zs))
    assert (np.abs(zs.mean(0) - mean) <= 5 * np.sqrt(mean / steps)).all()
    # The variance of a Poisson sample variance is (mean + 2 mean^2) / steps.
    assert (np.abs(zs.var(0) - mean) <= 5 * np.sqrt((mean + 2 * mean**2) / steps) + 1e-9).all()


def test_poisson_beyond_the_sampler(getkey):
    key = getkey()
    with pytest.raises(ValueError, match=r"x has 1 of 1 values outside \[0, 1e\+09\]"):
        encode.poisson(jnp.array([1e10]), 3, key=key, dt=1e-3)
    x = jnp.array([1e10, 1e6, 1e6, 1e38], "float32")
    zs = traced(lambda x: encode.poisson(x, STEPS, key=key), x)
    np.testing.assert_array_equal(jnp.isnan(zs), [[True, False, False, True]] * STEPS)


@pytest.mark.parametrize("dt", [0.0, -1.0, math.nan, math.inf])
def test_poisson_dt(dt, getkey):
    with pytest.raises(ValueError, match=rf"dt is {dt}.*must be positive"):
        encode.poisson(jnp.ones(2), 3, key=getkey(), dt=dt)


def test_poisson_tiny_dt_does_not_let_infinity_in(getkey):
    key = getkey()
    x = jnp.array([jnp.inf, 1.0, 1e38, 0.0], "float32")
    zs = traced(lambda x: encode.poisson(x, STEPS, key=key, dt=1e-35), x)
    np.testing.assert_array_equal(jnp.isnan(zs), [[True, False, False, False]] * STEPS)


# latency


@functools.partial(jax.jit, static_argnames=("steps", "tau", "threshold"))
def latency(x, steps, tau=None, threshold=0.01):
    return encode.latency(x, steps, tau=tau, threshold=threshold)


def spike_times(zs):
    """Time of the only spike, or -1; fails if there are two."""
    zs = np.asarray(zs)
    assert (zs.sum(0) <= 1).all()
    assert set(np.unique(zs)) <= {0.0, 1.0}
    return np.where(zs.sum(0) == 1, zs.argmax(0), -1)


def test_latency_linear():
    x = jnp.array([1.0, 0.75, 0.5, 0.26, 0.02, 0.01, 0.0], "float32")
    times = spike_times(latency(x, 101, threshold=0.015))
    np.testing.assert_array_equal(times, [0, 25, 50, 74, 98, -1, -1])


def test_latency_linear_is_exact_for_many_steps_in_half_precision():
    # 1 - 0.125 = 0.875 is exact, but 875 and 1000 are not all representable in bfloat16.
    assert spike_times(latency(np.array([0.125], jnp.bfloat16), 1002)) == [round(0.875 * 1001)]


def test_latency_logarithmic():
    x, tau, threshold = np.array([1.0, 0.5, 0.25, 0.21, 0.2, 0.1, 0.0]), 10.0, 0.2
    times = spike_times(latency(jnp.asarray(x, "float32"), 20, tau=tau, threshold=threshold))
    reference = [round(tau * math.log(value / (value - threshold))) for value in x[:3]]
    np.testing.assert_array_equal(times, [*reference, 19, -1, -1, -1])  # 30 is clipped to 19


def test_latency_logarithmic_is_the_charging_time_of_a_membrane():
    x, tau, threshold, dt = 0.6, 30.0, 0.3, 1e-3
    v, t = 0.0, 0.0
    while v <= threshold:
        v, t = v + dt / tau * (x - v), t + dt
    assert spike_times(latency(jnp.array([x]), 100, tau=tau, threshold=0.3)) == [round(t)]


@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=2), st.sampled_from([None, 3.0]))
@settings(max_examples=30, deadline=None)
def test_latency_larger_is_never_later(pair, tau):
    low, high = sorted(pair)
    times = spike_times(latency(jnp.array([low, high], jnp.float32), 12, tau=tau))
    if times[0] >= 0:
        assert 0 <= times[1] <= times[0]


def test_latency_one_step():
    np.testing.assert_array_equal(latency(np.array([0.0, 0.5, 1.0]), 1), [[0.0, 1.0, 1.0]])


@pytest.mark.parametrize("threshold", [-0.1, 1.0, math.nan])
def test_latency_threshold(threshold):
    with pytest.raises(ValueError, match=rf"threshold is {threshold}. Accepted is 0 <= threshold"):
        encode.latency(jnp.ones(2), 3, threshold=threshold)


def test_latency_threshold_zero():
    zs = latency(np.array([0.0, 1e-6]), 3, threshold=0)
    np.testing.assert_array_equal(spike_times(zs), [-1, 2])
    with pytest.raises(ValueError, match=r"threshold is 0\. Accepted is 0 < threshold < 1"):
        encode.latency(jnp.ones(2), 3, tau=5.0, threshold=0)


@pytest.mark.parametrize("tau", [0.0, -1.0, math.nan, math.inf])
def test_latency_tau(tau):
    with pytest.raises(ValueError, match=rf"tau is {tau}. A time constant must be positive"):
        encode.latency(jnp.ones(2), 3, tau=tau)


# delta


def delta_reference(xs, threshold):
    zs, references, reference = [], [], xs[0]
    for x in xs:
        on, off = x - reference > threshold, x - reference < -threshold
        reference = x if on or off else reference
        zs.append([on, off])
        references.append(reference)
    return np.array(zs, float), np.array(references)


@given(
    # Multiples of 1/64, whose differences are exact.
    st.lists(st.integers(-640, 640).map(lambda n: n / 64), min_size=1, max_size=8),
    st.sampled_from([0.0, 0.125, 1.0, 4.0]),
)
@settings(max_examples=100, deadline=None)
def test_delta_equals_the_definition_and_tracks_the_signal(values, threshold):
    xs = np.resize(np.array(values, np.float32), 8)  # one length, so that scan compiles once
    zs = np.asarray(encode.delta(xs, threshold))
    expected, _ = delta_reference(xs, threshold)
    np.testing.assert_array_equal(zs, expected)
    # Holding the value at the last spike rebuilds the signal to within the threshold.
    fired = zs.any(-1)
    last = np.maximum.accumulate(np.where(fired, np.arange(8), 0))
    assert (np.abs(xs - xs[last]) <= threshold).all()
    assert not zs.all(-1).any()  # never ON and OFF at once


@given(st.lists(st.integers(-1, 1), min_size=30, max_size=30))
@settings(max_examples=30, deadline=None)
def test_delta_small_moves_are_rebuilt_from_spikes_alone(moves):
    # Moves of 1/4 and a threshold of 7/16: each spike stands for exactly 1/2.
    xs = np.cumsum(moves) / 4
    zs = np.asarray(encode.delta(jnp.asarray(xs), 0.4375))
    rebuilt = xs[0] + 0.5 * np.cumsum(zs[:, 0] - zs[:, 1])
    assert (np.abs(rebuilt - xs) <= 0.4375).all()


def test_delta_notices_slow_drift_and_takes_whole_jumps():
    drift = jnp.asarray(0.25 * np.arange(9))
    np.testing.assert_array_equal(encode.delta(drift, 0.625)[:, 0], [0, 0, 0, 1, 0, 0, 1, 0, 0])
    jump = jnp.array([0.0, 10.0, 10.0, 9.5, 8.5])
    np.testing.assert_array_equal(encode.delta(jump, 1.0), [[0, 0], [1, 0], [0, 0], [0, 0], [0, 1]])


def test_delta_exactly_the_threshold_does_not_spike():
    np.testing.assert_array_equal(encode.delta(jnp.array([0.0, 0.5, -0.5]), 0.5), np.zeros((3, 2)))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_delta_shape_and_dtype(shape, dtype):
    zs = jax.eval_shape(encode.delta, jax.ShapeDtypeStruct((12, *shape), dtype))
    assert zs.dtype == dtype
    assert zs.shape == (12, *shape, 2)


def test_delta_elements_are_independent():
    xs = jnp.asarray(np.random.default_rng(1).normal(size=(12, 2, 3)), "float32")
    zs = encode.delta(xs, 0.7)
    flat = np.asarray(xs).reshape(12, -1)
    expected = np.stack([delta_reference(x, 0.7)[0] for x in flat.T], axis=1)
    np.testing.assert_array_equal(zs.reshape(12, -1, 2), expected)
    np.testing.assert_array_equal(jax.jit(lambda xs: encode.delta(xs, 0.7))(xs), zs)
    in_batch = jax.jit(jax.vmap(lambda xs: encode.delta(xs, 0.7)))(jnp.stack([xs, -xs]))
    np.testing.assert_array_equal(in_batch[0], zs)
    np.testing.assert_array_equal(in_batch[1], zs[..., ::-1])  # a mirrored signal swaps ON and OFF


def test_delta_gradient_is_zero():
    xs = jnp.array([0.0, 1.0, -1.0])
    np.testing.assert_array_equal(jax.grad(lambda xs: encode.delta(xs).sum())(xs), jnp.zeros(3))


def test_delta_of_unknown_values():
    xs = jnp.array([0.0, jnp.nan, 1.0, jnp.inf, 1.0])
    with pytest.raises(ValueError, match="xs contains NaN or infinite values"):
        encode.delta(xs)
    zs = jax.jit(encode.delta)(xs)
    nan = np.nan
    np.testing.assert_array_equal(zs, [[0, 0], [nan, nan], [1, 0], [nan, nan], [0, 0]])
    assert jnp.isnan(jax.jit(encode.delta)(xs.at[0].set(jnp.nan))).all()


def test_delta_errors(unchecked):
    with pytest.raises(ValueError, match=r"threshold is -1\. Accepted is 0 <= threshold < inf"):
        encode.delta(jnp.zeros(3), -1)
    with pytest.raises(ValueError, match=r"xs has shape \(\). Accepted is \(time, \*shape\)"):
        encode.delta(jnp.array(1.0))
    with pytest.raises(ValueError, match=r"xs has shape \(0, 2\).*at least one time step"):
        encode.delta(jnp.zeros((0, 2)))
    with pytest.raises(TypeError, match="xs has dtype int"):
        encode.delta(jnp.arange(3))
