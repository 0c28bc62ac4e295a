"""sinabs layers against its equations, written out in numpy, and its documented arguments one by one."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn
from snnjax.compat import sinabs

B, T, N = 2, 12, 3
# Few spikes come from small tests; these data make every neuron fire, and fall below zero.
DATA = np.random.default_rng(0).normal(0.4, 1.2, (B, T, N))
WEIGHTS = np.array([[0.3, -0.8, 0.1], [0.5, 0.2, -0.4], [-0.7, 0.6, 0.2]])
BIAS = np.array([0.1, -0.2, 0.3])


def linear(weights=WEIGHTS, bias=BIAS):
    layer = eqx.nn.Linear(N, N, key=jr.key(0))
    return eqx.tree_at(lambda linear: (linear.weight, linear.bias), layer, (jnp.asarray(weights), jnp.asarray(bias)))


def by_hand(
    data,
    tau_mem=np.inf,
    tau_syn=None,
    threshold=1.0,
    limit=np.inf,
    subtract=None,
    reset_value=None,
    low=-np.inf,
    norm=False,
    tau_adapt=None,
    scale=0.0,
    recurrent=False,
):
    """The equations of the library, step by step."""
    a_mem, a_syn = np.exp(-1 / tau_mem), None if tau_syn is None else np.exp(-1 / tau_syn)
    a_adapt = 0.0 if tau_adapt is None else np.exp(-1 / tau_adapt)
    v, i, b, back = (np.zeros_like(data[:, 0]) for _ in range(4))
    seen = {"out": [], "v_mem": [], "i_syn": [], "b": [], "spike_threshold": []}
    for t in range(data.shape[1]):
        x = data[:, t] + back
        i = x if a_syn is None else a_syn * (i + x)
        current = (1 - a_mem) * i if norm else i
        if tau_adapt is not None:
            i = current
        v = a_mem * v + current
        raised = threshold + scale * b
        s = np.minimum(np.where(v > 0, np.trunc(v / raised), 0.0), limit)
        if reset_value is not None:
            v = np.where(s == 0, v, 0.0) + reset_value
        else:
            v = v - s * (raised if subtract is None else subtract)
        v = np.maximum(v, low)
        b = a_adapt * b + (1 - a_adapt) * s
        if recurrent:
            back = s @ WEIGHTS.T + BIAS
        for name, value in zip(seen, (s, v, i, b, threshold + scale * b), strict=True):
            seen[name].append(value)
    return {name: np.stack(values, 1) for name, values in seen.items()}


VECTOR = np.array([3.0, 8.0, 20.0])
LAYERS = {
    "LIF": (lambda: sinabs.LIF(5.0, norm_input=False, record_states=True), {"tau_mem": 5.0}),
    "LIF-normalised": (
        lambda: sinabs.LIF(jnp.asarray(VECTOR), spike_threshold=jnp.asarray(VECTOR / 40), record_states=True),
        {"tau_mem": VECTOR, "threshold": VECTOR / 40, "norm": True},
    ),
    "LIF-synapse": (
        lambda: sinabs.LIF(5.0, 3.0, 0.4, sinabs.SingleSpike, min_v_mem=-0.5, record_states=True),
        {"tau_mem": 5.0, "tau_syn": 3.0, "threshold": 0.4, "limit": 1, "low": -0.5, "norm": True},
    ),
    "LIF-alphas": (
        lambda: sinabs.LIF(5.0, 3.0, train_alphas=True, norm_input=False, record_states=True),
        {"tau_mem": 5.0, "tau_syn": 3.0},
    ),
    "LIF-subtract": (
        lambda: sinabs.LIF(
            5.0,
            spike_fn=sinabs.MaxSpike(2),
            reset_fn=sinabs.MembraneSubtract(0.7),
            norm_input=False,
            record_states=True,
        ),
        {"tau_mem": 5.0, "limit": 2, "subtract": 0.7},
    ),
    "LIF-reset": (
        lambda: sinabs.LIF(5.0, reset_fn=sinabs.MembraneReset(-0.2), norm_input=False, record_states=True),
        {"tau_mem": 5.0, "reset_value": -0.2},
    ),
    "LIFRecurrent": (
        lambda: sinabs.LIFRecurrent(5.0, linear(), 3.0, norm_input=False, record_states=True),
        {"tau_mem": 5.0, "tau_syn": 3.0, "recurrent": True},
    ),
    "IAF": (lambda: sinabs.IAF(0.8, min_v_mem=-0.5, record_states=True), {"threshold": 0.8, "low": -0.5}),
    "IAF-synapse": (lambda: sinabs.IAF(tau_syn=3.0, record_states=True), {"tau_syn": 3.0}),
    "IAFRecurrent": (
        lambda: sinabs.IAFRecurrent(linear(), 0.8, sinabs.SingleSpike, record_states=True),
        {"threshold": 0.8, "limit": 1, "recurrent": True},
    ),
    "ALIF": (
        lambda: sinabs.ALIF(5.0, 8.0, record_states=True, norm_input=False),
        {"tau_mem": 5.0, "tau_adapt": 8.0, "scale": 1.8, "limit": 1},
    ),
    "ALIF-synapse": (
        lambda: sinabs.ALIF(5.0, 8.0, 3.0, 0.5, 0.1, sinabs.MultiSpike, min_v_mem=-0.1, record_states=True),
        {"tau_mem": 5.0, "tau_adapt": 8.0, "tau_syn": 3.0, "scale": 0.5, "threshold": 0.1, "low": -0.1, "norm": True},
    ),
    "ALIF-alphas": (
        lambda: sinabs.ALIF(5.0, 8.0, 3.0, train_alphas=True, norm_input=False, record_states=True),
        {"tau_mem": 5.0, "tau_adapt": 8.0, "tau_syn": 3.0, "scale": 1.8, "limit": 1},
    ),
    "ALIFRecurrent": (
        lambda: sinabs.ALIFRecurrent(5.0, 8.0, linear(), 3.0, 0.5, norm_input=False, record_states=True),
        {"tau_mem": 5.0, "tau_adapt": 8.0, "tau_syn": 3.0, "scale": 0.5, "limit": 1, "recurrent": True},
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layer_equals_its_equations(name):
    """Spikes and recordings, also of the layers whose recordings sinabs mixes up."""
    make, options = LAYERS[name]
    result, wanted = make().run(jnp.asarray(DATA)), by_hand(DATA, **options)
    assert wanted["out"].max() >= 1
    np.testing.assert_allclose(result.outputs, wanted["out"], atol=1e-12)
    names = {"v_mem"} | ({"i_syn"} if "tau_syn" in options else set())
    names |= {"b", "spike_threshold"} if "tau_adapt" in options else set()
    assert set(result.recordings) == names
    for recorded, values in result.recordings.items():
        np.testing.assert_allclose(values, wanted[recorded], atol=1e-12, err_msg=recorded)
    np.testing.assert_allclose(result.firing_rate, wanted["out"].mean())


@pytest.mark.parametrize("name", ["LIF-synapse", "ALIF-synapse", "LIFRecurrent", "ALIFRecurrent"])
def test_pieces_equal_the_whole(name):
    """Also of the layers in which sinabs forgets the current or the feedback between calls."""
    layer, data = LAYERS[name][0](), jnp.asarray(DATA)
    whole, first = layer.run(data), layer.run(data[:, :5])
    second = layer.run(data[:, 5:], first.state)
    np.testing.assert_allclose(jnp.concatenate([first.outputs, second.outputs], 1), whole.outputs, atol=1e-12)
    for a, b in zip(jax.tree.leaves(second.state), jax.tree.leaves(whole.state), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_a_layer_is_a_cell():
    layer, data = LAYERS["LIF-synapse"][0](), jnp.asarray(DATA)
    result = layer.run(data)
    state, spikes = snn.unroll(layer, data[1])
    np.testing.assert_array_equal(layer.forward(data), result.outputs)
    np.testing.assert_array_equal(spikes, result.outputs[1])
    np.testing.assert_allclose(state.v, result.state.v[1], rtol=1e-12)
    model = snn.Sequential(linear(), layer, snn.LI())
    assert snn.unroll(model, data[0], record=lambda state, out: layer.recorded(state[1]))[1]["i_syn"].shape == (T, N)


def test_dtype_and_axes_of_the_input_are_kept():
    images = jnp.ones((2, 3, 1, 4, 4), jnp.float32)
    result = sinabs.LIF(5.0, 3.0, record_states=True).run(images)
    assert (result.outputs.shape, result.outputs.dtype) == (images.shape, images.dtype)
    assert (result.recordings["i_syn"].shape, result.state.i.shape) == (images.shape, (2, 1, 4, 4))
    assert sinabs.LIF(5.0).run(images).recordings == {}


def test_exp_leak_puts_out_the_membrane_before_it_is_clipped():
    data = jnp.array([[[-1.0], [0.5], [1.0]]])
    result = sinabs.ExpLeak(jnp.array(4.0), min_v_mem=-0.25, record_states=True).run(data)
    a = np.exp(-1 / 4)
    out = [-1.0, -0.25 * a + 0.5, (-0.25 * a + 0.5) * a + 1.0]
    np.testing.assert_allclose(result.outputs.ravel(), out)
    np.testing.assert_allclose(result.recordings["v_mem"].ravel(), np.maximum(out, -0.25))
    scaled = sinabs.ExpLeak(4.0, train_alphas=True, norm_input=True).forward(data)
    np.testing.assert_allclose(scaled[0, :, 0], (1 - a) * np.array([-1, 0.5 - a, 1 + a * (0.5 - a)]))
    np.testing.assert_allclose(sinabs.LIF(4.0, spike_fn=None, reset_fn=snn.NoReset()).forward(data), scaled)


# --- spikes and their derivatives ---


def test_how_many_spikes():
    v = jnp.array([-3.0, 0.0, 0.79, 0.8, 1.7, 4.1])
    fire = lambda spike: spike.fire(v, 0.8).tolist()  # noqa: E731
    assert fire(sinabs.SingleSpike()) == [0, 0, 0, 1, 1, 1]
    assert fire(sinabs.MultiSpike()) == [0, 0, 0, 1, 2, 5]
    assert fire(sinabs.MaxSpike(2)) == [0, 0, 0, 1, 2, 2]
    assert fire(sinabs.MaxSpike()) == [0, 0, 0, 1, 2, 5]


@pytest.mark.parametrize("spike", [sinabs.SingleSpike, sinabs.MultiSpike, lambda s: sinabs.MaxSpike(1, s)])
def test_the_derivative_is_that_of_the_surrogate_and_none_reaches_the_threshold(spike):
    surrogate = sinabs.Gaussian(0.1, 0.4, 2.0)
    spike, v, threshold = spike(surrogate), jnp.linspace(-1, 4, 21), jnp.array(0.8)
    by_v, by_threshold = jax.grad(lambda v, t: spike.fire(v, t).sum(), (0, 1))(v, threshold)
    np.testing.assert_allclose(by_v, surrogate(v, 0.8))
    assert by_threshold == 0
    assert jax.jvp(lambda t: spike.fire(v, t), (threshold,), (threshold,))[1].sum() == 0


def normal(x, sigma):
    return np.exp(-((x / sigma) ** 2) / 2) / (sigma * np.sqrt(2 * np.pi))


def test_surrogates_have_their_published_forms():
    v, threshold = jnp.array([-0.2, 0.3, 0.8, 1.1, 1.6]), 0.8
    d = np.asarray(v) - threshold
    np.testing.assert_allclose(sinabs.Heaviside(0.6)(v, threshold), np.array([0, 1, 1, 1, 1]) / 0.8)
    np.testing.assert_allclose(sinabs.Gaussian(0.1, 0.3, 2.0)(v, threshold), 2 * normal(d - 0.1, 0.3))
    middle, sides = normal(d - 0.1, 0.3), normal(d - 0.3, 1.2) + normal(d + 0.3, 1.2)
    np.testing.assert_allclose(
        sinabs.MultiGaussian(0.1, 0.3, 0.2, 4, 1.5)(v, threshold), 1.5 * (1.2 * middle - 0.2 * sides)
    )
    np.testing.assert_allclose(
        sinabs.SingleExponential(0.25, 3.0)(v, threshold), 3 / 0.2 * np.exp(-np.abs(d) / 0.2), rtol=1e-12
    )
    # Distances: to the threshold below it, and twice that to the nearest multiple above it.
    distance = np.array([1.0, 0.5, 0.0, 0.6, 0.0])
    np.testing.assert_allclose(
        sinabs.PeriodicExponential(0.25, 3.0)(v, threshold), 3 * np.exp(-distance / 0.25), rtol=1e-12
    )


def test_a_layer_uses_its_surrogate():
    """The first step of a LIF: the derivative of the spike times that of the membrane."""
    surrogate = sinabs.Gaussian()
    layer = sinabs.LIF(5.0, spike_fn=sinabs.MaxSpike(3), surrogate_grad_fn=surrogate)
    gradient = jax.grad(lambda x: layer.forward(x).sum())(jnp.array([[[2.0]]]))
    gain = 1 - np.exp(-1 / 5)
    np.testing.assert_allclose(gradient.item(), gain * surrogate(jnp.array(2 * gain), 1.0), rtol=1e-12)
    custom = sinabs.LIF(5.0, surrogate_grad_fn=lambda v, threshold: 7 * threshold + 0 * v)
    assert jax.grad(lambda x: custom.forward(x).sum())(jnp.array([[[2.0]]])).item() == pytest.approx(7 * gain)


def test_other_spike_functions():
    class Half(sinabs.SpikeFunction):
        surrogate: sinabs.Gaussian = sinabs.Gaussian()

        def count(self, v, threshold):
            return 0.5 * (v >= threshold).astype(v.dtype)

    data = jnp.array([[[2.0], [0.0]]])
    assert sinabs.IAF(spike_fn=Half).forward(data).ravel().tolist() == [0.5, 0.5]
    assert sinabs.IAF(spike_fn=snn.MultiSpike(maximum=1)).forward(data).ravel().tolist() == [1.0, 1.0]


def test_the_reset_has_a_gradient():
    """In sinabs a reset is not cut: dv_after/dv = 1 - threshold * surrogate."""
    layer = sinabs.IAF(0.8, surrogate_grad_fn=sinabs.SingleExponential(0.5, 1.0))
    after = lambda x: layer(layer.init_state(x), x)[0].v  # noqa: E731
    slope = 1 / 0.4 * np.exp(-0.3 / 0.4)
    assert jax.grad(after)(jnp.array(1.1)).item() == pytest.approx(1 - 0.8 * slope)
    subtract = sinabs.IAF(0.8, reset_fn=sinabs.MembraneSubtract(0.5))
    after = lambda x: subtract(subtract.init_state(x), x)[0].v  # noqa: E731
    assert jax.grad(after)(jnp.array(1.1)).item() == pytest.approx(1 - 0.5 * slope)
    detached = sinabs.IAF(0.8, reset_fn=sinabs.MembraneSubtract(detach=True))
    after = lambda x: detached(detached.init_state(x), x)[0].v  # noqa: E731
    assert jax.grad(after)(jnp.array(1.1)).item() == 1.0


def test_a_reset_to_a_value_shifts_silent_neurons_too():
    reset = sinabs.MembraneReset(reset_value=-0.3)
    v, z = jnp.array([0.5, 1.4]), jnp.array([0.0, 1.0])
    np.testing.assert_allclose(reset(v, z, 1.0), [0.2, -0.3])
    np.testing.assert_array_equal(jax.grad(lambda v: reset(v, z, 1.0).sum())(v), [1, 0])
    np.testing.assert_array_equal(sinabs.MembraneReset(detach=True)(v, z, 1.0), [0.5, 0.0])


def test_a_membrane_at_its_lowest_value_has_no_gradient():
    """Neither below it nor exactly at it, as a silent neuron is that may not fall below zero."""
    layer = sinabs.IAF(min_v_mem=0.0)
    after = lambda x: layer(layer.init_state(x), x)[0].v  # noqa: E731
    assert [jax.grad(after)(jnp.array(x)).item() for x in (-0.5, 0.0)] == [0.0, 0.0]
    assert jax.grad(after)(jnp.array(0.1)).item() > 0


# --- what is trained ---


def test_time_constants_or_decays_are_trained():
    tau = sinabs.LIF(jnp.array(5.0), jnp.array(3.0))
    alpha = sinabs.LIF(5.0, 3.0, train_alphas=True)
    names = lambda layer: {k[0].name for k, leaf in jax.tree.leaves_with_path(snn.trainable(layer)) if leaf}  # noqa: E731
    assert names(tau) == {"tau_mem", "tau_syn"}
    assert names(alpha) == {"alpha_mem", "alpha_syn"}
    assert names(sinabs.ALIF(5.0, 8.0, train_alphas=True)) == {"alpha_mem", "alpha_adapt"}
    assert names(sinabs.LIF(5.0)) == set()
    for layer in (tau, alpha):
        np.testing.assert_allclose(layer.alpha_mem_calculated, np.exp(-1 / 5))
        np.testing.assert_allclose(layer.alpha_syn_calculated, np.exp(-1 / 3))
        np.testing.assert_allclose(layer.tau_mem_calculated, 5.0)
        np.testing.assert_allclose(layer.tau_syn_calculated, 3.0)
    np.testing.assert_allclose(sinabs.ALIF(5.0, snn.Positive(8.0)).alpha_adapt_calculated, np.exp(-1 / 8))
    assert sinabs.LIF(5.0).alpha_syn_calculated is sinabs.LIF(5.0).tau_syn_calculated is None
    assert sinabs.IAF().alpha_mem_calculated == 1
    assert sinabs.IAF().tau_mem_calculated is None


def test_trained_decays_have_no_range():
    layer = eqx.tree_at(lambda layer: layer.alpha_mem, sinabs.ExpLeak(5.0, train_alphas=True), jnp.array(1.5))
    assert layer.forward(jnp.array([[[1.0], [0.0]]])).ravel().tolist() == [1.0, 1.5]


def test_thresholds_are_not_trained():
    """But an array in an ALIF is, and so is its scale: the reset subtracts the raised threshold."""
    lif = sinabs.LIF(jnp.array(5.0), spike_threshold=jnp.ones(N), min_v_mem=-jnp.ones(N))
    alif = sinabs.ALIF(5.0, 8.0, spike_threshold=jnp.ones(N), adapt_scale=jnp.array(0.5), norm_input=False)
    assert [leaf for leaf in jax.tree.leaves(snn.trainable(lif)) if leaf is True] == [True]
    gradient = eqx.filter_grad(lambda layer: layer.run(jnp.asarray(DATA)).state.v.sum())(alif)
    assert jnp.all(gradient.spike_threshold != 0)
    assert gradient.adapt_scale != 0


# --- layouts and states ---


@pytest.mark.parametrize("sizes", [{"batch_size": B}, {"num_timesteps": T}, {"batch_size": B, "num_timesteps": T}])
def test_squeezed_layers_take_batch_and_time_in_one_axis(sizes):
    data = jnp.asarray(DATA)
    squeezed, plain = sinabs.LIFSqueeze(**sizes, tau_mem=5.0, record_states=True), sinabs.LIF(5.0, record_states=True)
    result, wanted = squeezed.run(data.reshape(B * T, N)), plain.run(data)
    np.testing.assert_array_equal(result.outputs.reshape(B, T, N), wanted.outputs)
    np.testing.assert_array_equal(result.recordings["v_mem"], wanted.recordings["v_mem"])
    again = squeezed.run(data.reshape(B * T, N), result.state).outputs.reshape(B, T, N)
    np.testing.assert_array_equal(again, plain.run(data, wanted.state).outputs)


@pytest.mark.parametrize(
    ("squeezed", "plain", "options"),
    [
        (sinabs.IAFSqueeze, sinabs.IAF, {"spike_threshold": 0.5}),
        (sinabs.ExpLeakSqueeze, sinabs.ExpLeak, {"tau_mem": 4.0}),
        (sinabs.ALIFSqueeze, sinabs.ALIF, {"tau_mem": 4.0, "tau_adapt": 9.0, "norm_input": False}),
    ],
)
def test_every_layer_can_be_squeezed(squeezed, plain, options):
    flat = squeezed(num_timesteps=T, **options).forward(jnp.asarray(DATA).reshape(B * T, N))
    np.testing.assert_array_equal(flat.reshape(B, T, N), plain(**options).forward(jnp.asarray(DATA)))


def test_squeezed_layers_refuse_what_does_not_divide():
    with pytest.raises(TypeError, match="neither batch_size nor num_timesteps"):
        sinabs.LIFSqueeze(tau_mem=5.0)
    for sizes in ({"batch_size": 5}, {"batch_size": B, "num_timesteps": T + 1}):
        with pytest.raises(snn.InputError, match=r"batch_size=.* and num_timesteps="):
            sinabs.IAFSqueeze(**sizes).forward(jnp.zeros((B * T, N)))


def test_states_at_rest_and_at_random():
    layer = sinabs.LIF(5.0, 3.0, shape=(B, N))
    assert all(leaf.shape == (B, N) and not leaf.any() for leaf in jax.tree.leaves(layer.reset_states()))
    state = layer.reset_states(True, {"v_mem": (-4.0, -3.0)}, shape=(50, N), key=jr.key(0))
    assert state.v.shape == (50, N)
    assert ((state.v >= -4) & (state.v < -3)).all()
    assert ((state.i >= 0) & (state.i < 1)).all()
    assert jnp.unique(state.v).size == 50 * N
    recurrent = sinabs.ALIFRecurrent(5.0, 8.0, linear(), shape=(B, N))
    state = recurrent.reset_states(True, {"b": (2.0, 3.0)}, key=jr.key(0))
    assert (state.cell.a >= 2).all()
    assert recurrent.run(jnp.asarray(DATA), state).outputs.shape == DATA.shape


def test_wrong_states_are_refused():
    layer = sinabs.LIF(5.0)
    with pytest.raises(ValueError, match="no shape"):
        layer.reset_states()
    with pytest.raises(ValueError, match=r"states are \['v_mem'\]"):
        layer.reset_states(True, {"i_syn": (0.0, 1.0)}, shape=(B, N), key=jr.key(0))
    with pytest.raises(snn.InputError, match="no key"):
        layer.reset_states(True, shape=(B, N))
    with pytest.raises(snn.InputError, match="as many of both"):
        layer.run(jnp.asarray(DATA), layer.reset_states(shape=(B + 1, N)))
    with pytest.raises(snn.InputError, match=r"takes \(batch, time, \.\.\.\)"):
        layer.forward(jnp.zeros(T))


# --- feedback ---


def test_what_comes_back_is_reshaped():
    connect = lambda spikes: 0.5 * spikes.reshape(-1)[::-1]  # noqa: E731
    data = jnp.zeros((1, 2, 1, 2, 2)).at[0, 0, 0].set(jnp.array([[0.0, 1.0], [2.0, 3.0]]))
    result = sinabs.IAFRecurrent(connect, record_states=True).run(data)
    assert result.recordings["v_mem"][0, 1, 0].tolist() == [[0.5, 0.0], [0.5, 0.0]]
    assert result.outputs[0, 1, 0].tolist() == [[1.0, 1.0], [0.0, 0.0]]


def test_what_comes_back_may_have_a_state_and_be_random():
    delayed = sinabs.IAFRecurrent(snn.Delay(1)).forward(jnp.array([[[1.0], [0.0], [0.0], [0.0], [0.0]]]))
    assert delayed.ravel().tolist() == [1.0, 0.0, 1.0, 0.0, 1.0]
    layer = sinabs.IAFRecurrent(eqx.nn.Dropout(0.5))
    data = jnp.ones((2, 20, 1))
    outs = [layer.run(data, key=key).outputs for key in (jr.key(0), jr.key(0), jr.key(1))]
    assert (outs[0] == outs[1]).all()
    assert (outs[0] != outs[2]).any()
    assert (outs[0][0] != outs[0][1]).any()


def test_feedback_of_another_size_is_refused():
    with pytest.raises(snn.InputError, match=r"rec_connect that puts out \(2,\)"):
        sinabs.LIFRecurrent(5.0, lambda spikes: spikes[:2]).forward(jnp.asarray(DATA))
    with pytest.raises(snn.InputError, match="rec_connect: Linear"):
        sinabs.LIFRecurrent(5.0, eqx.nn.Linear(4, 3, key=jr.key(0))).forward(jnp.asarray(DATA))


# --- refusals, and strong drive ---


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: sinabs.LIF(0.0), "tau_mem"),
        (lambda: sinabs.LIF(jnp.array(-1.0), train_alphas=True), "tau_mem"),
        (lambda: sinabs.LIF(5.0, jnp.array([1.0, 0.0])), "tau_syn"),
        (lambda: sinabs.ALIF(5.0, -1.0), "tau_adapt"),
        (lambda: sinabs.IAF(0.0), "spike_threshold"),
        (lambda: sinabs.IAF(min_v_mem=float("nan")), "min_v_mem"),
        (lambda: sinabs.MaxSpike(0), "max_num_spikes_per_bin"),
        (lambda: sinabs.MembraneSubtract(float("inf")), "subtract_value"),
        (lambda: sinabs.MembraneReset(float("nan")), "reset_value"),
        (lambda: sinabs.SingleExponential(0.0), "grad_width"),
        (lambda: sinabs.PeriodicExponential(-1.0), "grad_width"),
        (lambda: sinabs.Gaussian(sigma=0.0), "sigma"),
        (lambda: sinabs.MultiGaussian(s=0), r"MultiGaussian\.s"),
        (lambda: sinabs.Heaviside(float("nan")), "window"),
        (lambda: sinabs.NeuromorphicReLU(fanout=0), "fanout"),
    ],
)
def test_values_out_of_range_are_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_a_spike_function_must_be_one():
    with pytest.raises(TypeError, match="SingleSpike, MultiSpike"):
        sinabs.LIF(5.0, spike_fn=jnp.tanh)


@pytest.mark.slow
@pytest.mark.parametrize("reset", [sinabs.MembraneSubtract(), sinabs.MembraneReset(-0.3)])
def test_everything_stays_finite_under_strong_drive(reset):
    data = jr.uniform(jr.key(0), (1, 100_000, 1), jnp.float32, -1e3, 1e3)
    layers = [
        sinabs.LIF(jnp.array(5.0, jnp.float32), 3.0, reset_fn=reset, norm_input=False),
        sinabs.ALIF(jnp.array(5.0, jnp.float32), 8.0, 3.0, reset_fn=reset, spike_fn=sinabs.MultiSpike),
    ]
    for layer in layers:
        value, gradient = eqx.filter_value_and_grad(lambda layer: layer.forward(data).mean())(layer)
        assert jnp.isfinite(value)
        assert jnp.isfinite(gradient.tau_mem)


# --- layers without neurons ---


def test_rounding():
    x = jnp.array([-1.5, 0.2, 2.0, 2.7])
    assert sinabs.Quantize()(x).tolist() == sinabs.Quantize.apply(x).tolist() == [-2.0, 0.0, 2.0, 2.0]
    assert sinabs.QuantizeLayer(quantize=False)(x).tolist() == x.tolist()
    for layer in (sinabs.Quantize(), sinabs.QuantizeLayer()):
        assert jax.grad(lambda x, layer=layer: (layer(x) * x).sum())(x).tolist() == (jnp.floor(x) + x).tolist()


def test_stochastic_rounding():
    x = jnp.full(20_000, 2.3)
    rounded = sinabs.StochasticRounding()(x, key=jr.key(0))
    assert set(rounded.tolist()) == {2.0, 3.0}
    assert abs(rounded.mean() - 2.3) < 4 * np.sqrt(0.3 * 0.7 / 20_000)
    assert jax.grad(lambda x: sinabs.StochasticRounding.apply(x, key=jr.key(0)).sum())(x).tolist() == [1.0] * 20_000
    with pytest.raises(snn.InputError, match="no key"):
        sinabs.StochasticRounding()(x)


def test_neuromorphic_relu():
    x = jnp.array([-1.0, 0.6, 2.5, 3.5])
    assert sinabs.NeuromorphicReLU()(x).tolist() == [0.0, 0.0, 2.0, 3.0]
    assert sinabs.NeuromorphicReLU(quantize=False)(x).tolist() == [0.0, 0.6, 2.5, 3.5]
    assert jax.grad(lambda x: sinabs.NeuromorphicReLU()(x).sum())(x).tolist() == [0.0, 1.0, 1.0, 1.0]
    random = sinabs.NeuromorphicReLU(stochastic_rounding=True)
    outs = jax.vmap(lambda key: random(x, key=key))(jr.split(jr.key(0), 50))
    assert [len(set(column)) for column in outs.T.tolist()] == [1, 2, 2, 2]
    assert eqx.nn.inference_mode(random)(x).tolist() == [0.0, 1.0, 2.0, 4.0]
    assert sinabs.NeuromorphicReLU(fanout=3).activity(jnp.ones((2, 5))) == 15.0


def test_sum_pooling():
    x = jnp.arange(30.0).reshape(1, 5, 6)
    assert sinabs.SumPool2d(2)(x).tolist() == [[[14.0, 22.0, 30.0], [62.0, 70.0, 78.0]]]
    assert sinabs.SumPool2d((2, 3), stride=(3, 1))(x).shape == (1, 2, 4)
    assert sinabs.SumPool2d((5, 6), 1)(x).item() == 435.0
    # The last row of windows has one row of the input: its sum counts twice, as a mean of two.
    ceiled = sinabs.SumPool2d(2, ceil_mode=True)(x)
    assert ceiled[0, 2].tolist() == [2 * (24.0 + 25.0), 2 * (26.0 + 27.0), 2 * (28.0 + 29.0)]
    # A window that would begin outside is left out.
    assert sinabs.SumPool2d(1, 5, ceil_mode=True)(x).shape == (1, 1, 2)
    assert jax.grad(lambda x: sinabs.SumPool2d(2)(x).sum())(jnp.array([[[0.0, 0.0], [0.0, 0.0]]])).sum() == 0
    batched = sinabs.SumPool2d(2)(jnp.stack([x, 2 * x]))
    np.testing.assert_array_equal(batched[1], 2 * batched[0])


def test_spiking_max_pooling():
    """The neuron that fired most passes its spikes; another catches up, and then passes its own."""
    trains = jnp.array([[1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 1, 0]], float)
    frames = jnp.zeros((6, 1, 2, 2)).at[:, 0, 0].set(trains.T)
    layer = sinabs.SpikingMaxPooling2dLayer((2, 2))
    assert layer.forward(frames).ravel().tolist() == [1.0, 1.0, 0.0, 1.0, 1.0, 0.0]
    state, first = snn.unroll(layer, frames[:3])
    second = snn.unroll(layer, frames[3:], state)[1]
    np.testing.assert_array_equal(jnp.concatenate([first, second]), layer.forward(frames))
    padded = sinabs.SpikingMaxPooling2dLayer((2, 2), strides=(1, 1), padding=(1, 0, 0, 2)).forward(frames)
    assert padded.shape == (6, 1, 3, 2)
    np.testing.assert_array_equal(padded[:, 0, 0, 0], trains[0])


def test_merge():
    merged = sinabs.Merge()(jnp.ones((2, 1)), jnp.full((1, 3), 2.0))
    assert merged.tolist() == [[3.0, 2.0, 2.0], [1.0, 0.0, 0.0]]
    with pytest.raises(snn.InputError, match="as many axes"):
        sinabs.Merge()(jnp.ones(2), jnp.ones((2, 1)))


def test_layouts():
    data = jnp.asarray(DATA)
    flat = sinabs.FlattenTime()(data)
    assert flat.shape == (B * T, N)
    np.testing.assert_array_equal(sinabs.UnflattenTime(B)(flat), data)
    np.testing.assert_allclose(sinabs.Repeat(linear())(data), DATA @ WEIGHTS.T + BIAS)
    with pytest.raises(snn.InputError, match="as many for all"):
        sinabs.UnflattenTime(5)(flat)
