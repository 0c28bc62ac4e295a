"""Wrong input never gives a silently wrong number: it names the layer, what was given, and the remedy."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn

from .helpers import assert_equal

KEY = jr.key(0)


@pytest.fixture
def model():
    return snn.Sequential(eqx.nn.Linear(5, 4, key=KEY), snn.LIF(tau=2.0), eqx.nn.Linear(4, 3, key=KEY), snn.LI())


def test_wrong_feature_size_names_the_layer(model):
    with pytest.raises(snn.InputError, match=r"layers\[0\]: Linear .*\(6,\).*takes \(5,\)"):
        snn.unroll(model, jnp.ones((7, 6)))


def test_wrong_feature_size_deep_inside_names_the_path(model):
    outer = snn.Sequential(jnp.tanh, snn.Residual(model))
    with pytest.raises(snn.InputError, match=r"layers\[1\]\.body\.layers\[0\]: Linear"):
        snn.unroll(outer, jnp.ones((7, 6)))


def test_wrong_feature_size_when_stepping_by_hand(model):
    state = model.init_state(jnp.ones(5))
    with pytest.raises(snn.InputError, match=r"layers\[0\]: Linear .*\(6,\)"):
        model(state, jnp.ones(6))


@pytest.mark.parametrize("shape", [(7, 2, 5), (7,)])
def test_wrong_rank_points_to_vmap(model, shape):
    with pytest.raises(snn.InputError, match=r"layers\[0\]: Linear.*jax\.vmap"):
        snn.unroll(model, jnp.ones(shape))


def test_square_batch_is_not_taken_for_features(model):
    """(time, 5, 5) would multiply without an error if ranks were not checked."""
    with pytest.raises(snn.InputError, match=r"jax\.vmap"):
        snn.unroll(model, jnp.ones((7, 5, 5)))


def test_wrong_channels_of_a_convolution():
    layer = eqx.nn.Conv2d(2, 3, 3, key=KEY)
    with pytest.raises(snn.InputError, match=r"layers\[0\]: Conv2d .*\(3, 8, 8\).*\(2, size0, size1\)"):
        snn.unroll(snn.Sequential(layer, snn.LIF()), jnp.ones((4, 3, 8, 8)))


def test_errors_of_other_layers_are_noted_with_their_place():
    model = snn.Sequential(snn.LIF(), eqx.nn.LayerNorm(9))
    with pytest.raises(ValueError, match="shape") as caught:
        snn.unroll(model, jnp.ones((4, 3)))
    assert "raised inside layers[1]" in caught.value.__notes__


@pytest.mark.parametrize("shape", [(0, 5), (0,)])
def test_no_time_steps(model, shape):
    with pytest.raises(snn.InputError, match="at least one time step"):
        snn.unroll(model, jnp.ones(shape))


def test_no_time_axis():
    with pytest.raises(snn.InputError, match=r"time on axis 0.*xs\[None\]"):
        snn.unroll(snn.LIF(), jnp.asarray(1.0))


def test_unequal_numbers_of_steps():
    class Adds(snn.AbstractCell):
        def init_state(self, x, *, key=None):
            return jnp.zeros_like(x[0])

        def __call__(self, state, x, *, key=None):
            return state, x[0] + x[1]

    with pytest.raises(snn.InputError, match="same number of steps"):
        snn.unroll(Adds(), (jnp.ones(3), jnp.ones(4)))


@pytest.mark.parametrize("integer", [jnp.int32, jnp.uint8, jnp.bool_])
def test_integer_spikes_are_converted_for_layers_with_weights(model, integer):
    spikes = jr.bernoulli(KEY, 0.5, (9, 5))
    model = jax.tree.map(lambda a: a.astype(jnp.float32) if eqx.is_array(a) else a, model)
    _, expected = snn.unroll(model, spikes.astype(jnp.float32))
    _, ys = snn.unroll(model, spikes.astype(integer))
    assert_equal(ys, expected)


def test_embeddings_keep_their_indices():
    embedding = eqx.nn.Embedding(10, 3, key=KEY)
    for layer in (embedding, eqx.nn.Sequential([embedding, eqx.nn.LayerNorm(3)])):
        _, ys = snn.unroll(snn.Sequential(layer, snn.LI()), jnp.array([1, 2, 3]))
        assert ys.shape == (3, 3)


@pytest.mark.parametrize("cell", [snn.IF(), snn.LIF(), snn.CubaLIF(), snn.ALIF(), snn.LI()], ids=repr)
@pytest.mark.parametrize("integer", [jnp.int32, jnp.uint8, jnp.bool_])
def test_integer_currents_are_refused(cell, integer, unchecked):
    with pytest.raises(snn.InputError, match=r"floating-point currents.*astype\(jnp\.float32\)"):
        snn.unroll(cell, jnp.ones((3, 2), integer))
    with pytest.raises(snn.InputError, match="floating-point currents"):
        cell(cell.init_state(jnp.ones(2)), jnp.ones(2, integer))


def test_state_of_another_batch_size():
    state, _ = snn.unroll(snn.LIF(), jnp.ones((3, 8)))
    with pytest.raises(snn.InputError, match=r"state\.v: given float64\[8\], expected float64\[9\]"):
        snn.unroll(snn.LIF(), jnp.ones((3, 9)), state)


def test_state_of_another_model(model):
    state, _ = snn.unroll(snn.CubaLIF(), jnp.ones((3, 8)))
    with pytest.raises(snn.InputError, match=r"not a state of this LIF[^$]*state\.i: .* expected nothing"):
        snn.unroll(snn.LIF(), jnp.ones((3, 8)), state)


def test_state_of_another_model_with_the_same_leaves():
    state, _ = snn.unroll(snn.LI(), jnp.ones((3, 8)))
    with pytest.raises(snn.InputError, match="not a state of this LIF"):
        snn.unroll(snn.LIF(), jnp.ones((3, 8)), state)


def test_state_of_another_dtype():
    state, _ = snn.unroll(snn.LIF(), jnp.ones((3, 8), jnp.float32))
    with pytest.raises(snn.InputError, match=r"given float32\[8\], expected float64\[8\]"):
        snn.unroll(snn.LIF(), jnp.ones((3, 8)), state)


class Shrinks(snn.AbstractCell):
    def init_state(self, x, *, key=None):
        return {"v": x, "w": x}

    def __call__(self, state, x, *, key=None):
        return {"v": x}, x


class Narrows(snn.AbstractCell):
    def init_state(self, x, *, key=None):
        return x

    def __call__(self, state, x, *, key=None):
        return state.astype(jnp.float32), x


class Widens(snn.AbstractCell):
    def init_state(self, x, *, key=None):
        return jnp.zeros(())

    def __call__(self, state, x, *, key=None):
        return state + x, x


class Forgets(snn.AbstractCell):
    def init_state(self, x, *, key=None):
        return x

    def __call__(self, state, x, *, key=None):
        return x


@pytest.mark.parametrize("cell", [Shrinks(), Narrows(), Widens()], ids=repr)
def test_a_cell_that_changes_its_state(cell):
    with pytest.raises(snn.InputError, match=f"{type(cell).__name__} changes its state[^$]*before: [^$]*after: "):
        snn.unroll(cell, jnp.ones((3, 2)))


def test_a_cell_that_changes_its_state_inside_a_network():
    with pytest.raises(snn.InputError, match=r"layers\[1\]: Narrows changes its state"):
        snn.unroll(snn.Sequential(jnp.tanh, Narrows()), jnp.ones((3, 2)))


def test_a_cell_that_returns_no_pair():
    with pytest.raises(snn.InputError, match=r"must return `\(state, out\)`"):
        snn.unroll(Forgets(), jnp.ones((3, 2)))


NEURONS = [snn.LIF, snn.CubaLIF, snn.ALIF, snn.LI]
BAD_POSITIVE = [0.0, -1.0, float("nan"), float("inf"), jnp.array([1.0, -1.0]), np.array([0.0])]


@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize("field", ["tau", "dt"])
@pytest.mark.parametrize("value", BAD_POSITIVE, ids=str)
def test_time_constants_must_be_positive(neuron, field, value):
    with pytest.raises(ValueError, match=f"{neuron.__name__}.{field} was given .*above 0"):
        neuron(**{field: value})


@pytest.mark.parametrize(("neuron", "field"), [(snn.CubaLIF, "tau_i"), (snn.ALIF, "tau_a")])
def test_other_time_constants_must_be_positive(neuron, field):
    with pytest.raises(ValueError, match=f"{neuron.__name__}.{field} was given -1.0.*above 0"):
        neuron(**{field: -1.0})


@pytest.mark.parametrize("neuron", [snn.IF, snn.LIF, snn.CubaLIF, snn.ALIF])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), jnp.array([1.0, jnp.nan])], ids=str)
def test_thresholds_must_be_finite(neuron, value):
    with pytest.raises(ValueError, match=f"{neuron.__name__}.threshold was given .*finite"):
        neuron(threshold=value)


@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize("value", [0.0, 1.0, -0.1, 1.5, float("nan"), jnp.array([0.5, 1.0])], ids=str)
def test_decays_must_lie_between_0_and_1(neuron, value):
    with pytest.raises(ValueError, match=f"{neuron.__name__}.decay was given .*between 0 and 1"):
        neuron(decay=value)


def test_a_decay_from_an_interval_that_is_too_wide():
    with pytest.raises(ValueError, match=r"LIF\.decay was given 1\."):
        snn.LIF(decay=snn.Interval(1.5, 0, 2))


def test_tau_and_decay_contradict():
    with pytest.raises(ValueError, match="both tau and decay"):
        snn.LIF(tau=5.0, decay=0.9)
    assert snn.LIF(decay=0.9).decay == 0.9


@pytest.mark.parametrize("value", ["20", None, 1j, jnp.array(1j)], ids=str)
def test_time_constants_must_be_numbers(value):
    with pytest.raises(Exception, match=r"tau"):
        snn.LIF(tau=value)


def test_integer_arrays_are_no_parameters():
    with pytest.raises(TypeError, match=r"LIF\.tau .*int.*astype"):
        snn.LIF(tau=jnp.array([1, 2]))
    assert snn.LIF(tau=20).tau == 20  # a Python integer is a constant


def test_checks_wait_for_values_under_a_trace():
    neuron = jax.jit(lambda tau: snn.LIF(tau=tau).tau)(jnp.array(2.0))
    assert neuron == 2.0


@pytest.mark.parametrize("value", [0.0, -1.0, float("inf")])
def test_surrogate_slopes_must_be_positive(value):
    with pytest.raises(ValueError, match=r"ATan\.slope was given"):
        snn.ATan(slope=value)


def test_reset_values_must_be_finite():
    with pytest.raises(ValueError, match=r"ValueReset\.value was given"):
        snn.ValueReset(float("nan"))


def test_ranges_of_parameters():
    with pytest.raises(ValueError, match="Positive was given -1"):
        snn.Positive(-1.0)
    with pytest.raises(ValueError, match=r"Interval was given 2.0; it takes values strictly between 0"):
        snn.Interval(2.0, 0, 1)
    with pytest.raises(ValueError, match="lower < upper"):
        snn.Interval(0.5, 1, 0)
    with pytest.raises(TypeError, match="floating-point"):
        snn.Positive(jnp.array([1, 2]))


def test_dropout_without_a_key():
    model = snn.Sequential(snn.LIF(), eqx.nn.Dropout(0.5))
    with pytest.raises(snn.InputError, match=r"layers\[1\]: Dropout .*no key.*key=jax.random.key"):
        snn.unroll(model, jnp.ones((3, 2)))
    snn.unroll(eqx.nn.inference_mode(model), jnp.ones((3, 2)))


@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf])
@pytest.mark.parametrize("loop", [snn.BPTT(), snn.CheckpointedBPTT(3), snn.TruncatedBPTT(4)], ids=repr)
def test_nan_in_the_input_is_found(model, bad, loop):
    xs = jnp.ones((10, 5)).at[7, 2].set(bad)
    with pytest.raises(Exception, match=r"the input of layers\[0\] \(Linear\): NaN.* at step 7\."):
        snn.unroll(model, xs, check=True, loop=loop)


def test_nan_in_the_input_of_a_bare_cell():
    with pytest.raises(Exception, match=r"the input of LIF: NaN.* at step 2\."):
        snn.unroll(snn.LIF(), jnp.ones((5, 3)).at[2:].set(jnp.nan), check=True)


def test_nan_in_one_example_of_a_batch(model):
    xs = jnp.ones((10, 3, 5)).at[4, 1].set(jnp.nan).at[8, 2].set(jnp.nan)
    run = eqx.filter_jit(jax.vmap(lambda x: snn.unroll(model, x, check=True)[1], in_axes=1))
    with pytest.raises(Exception, match=r"at step 4\."):
        run(xs)


def test_nan_made_by_a_layer_names_that_layer():
    model = snn.Sequential(jnp.tanh, snn.Residual(snn.Sequential(lambda x: jnp.log(x - 0.5), snn.LIF())))
    xs = jnp.ones((6, 2)).at[3].set(0.1)
    with pytest.raises(Exception, match=r"layers\[1\]\.body\.layers\[0\] \(<lambda>\): NaN.*step 3\."):
        snn.unroll(model, xs, check=True)


def test_nan_in_a_membrane_does_not_look_like_silence():
    """The output of this cell is finite: only its state tells."""

    class Diverges(snn.AbstractCell):
        def init_state(self, x, *, key=None):
            return jnp.ones_like(x)

        def __call__(self, state, x, *, key=None):
            v = state * 1e200
            return v, (v > 1.0).astype(x.dtype)

    with pytest.raises(Exception, match=r"Diverges: NaN or infinity, first at step 1\."):
        snn.unroll(Diverges(), jnp.ones((4, 2)), check=True)


def test_check_changes_nothing(model):
    xs = jr.normal(KEY, (10, 5))
    assert_equal(snn.unroll(model, xs, check=True), snn.unroll(model, xs))


@pytest.mark.parametrize("bad", [-1, 1.5, "2"], ids=str)
def test_delays_are_whole(bad):
    with pytest.raises(Exception, match="steps"):
        snn.Delay(bad)


def test_loops_need_steps():
    with pytest.raises(ValueError, match=r"CheckpointedBPTT\.size was given 0"):
        snn.CheckpointedBPTT(0)
    with pytest.raises(ValueError, match=r"TruncatedBPTT\.window was given 0"):
        snn.TruncatedBPTT(0)


def test_containers_refuse_what_is_no_layer(unchecked):
    with pytest.raises(ValueError, match="at least one"):
        snn.Sequential()
    with pytest.raises(ValueError, match="at least one"):
        snn.Parallel()
    with pytest.raises(TypeError, match="takes cells, Equinox layers and functions") as caught:
        snn.Sequential(jnp.tanh, 3)
    assert "raised inside layers[1]" in caught.value.__notes__
    with pytest.raises(TypeError, match="Make an instance"):
        snn.as_cell(snn.LIF)
    norm, _ = eqx.nn.make_with_state(eqx.nn.BatchNorm)(3, axis_name="batch", mode="batch")
    with pytest.raises(snn.InputError, match="and was given none"):
        snn.unroll(snn.Sequential(norm), jnp.ones((4, 3)))


def test_shapes_that_do_not_add():
    with pytest.raises(snn.InputError, match="shortcut"):
        snn.unroll(snn.Residual(eqx.nn.Linear(3, 2, key=KEY)), jnp.ones((4, 3)))
    branches = snn.Parallel(eqx.nn.Linear(3, 2, key=KEY), snn.LIF())
    with pytest.raises(snn.InputError, match="equal shapes"):
        snn.unroll(branches, jnp.ones((4, 3)))
    feedback = snn.Recurrent(snn.LIF(), eqx.nn.Linear(3, 2, key=KEY))
    with pytest.raises(snn.InputError, match="input projection in front"):
        snn.unroll(feedback, jnp.ones((4, 3)))
