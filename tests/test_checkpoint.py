"""Checkpoints come back exactly, or not at all."""

import enum
import functools
import hashlib
import io
import json
import math
import os
import pickle
import re
import threading
import zipfile

import equinox as eqx
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import jax.random as jr
import ml_dtypes
import numpy as np
import optax
import pytest
from hypothesis import HealthCheck, given, settings

from snnjax import checkpoint
from snnjax.checkpoint import CheckpointError

# Every example of a test writes the same file again.
SHARED_FOLDER = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture],
}


def same_bits(a, b):
    """Equal structure, and leaves of equal sort, dtype, shape, weak type and bits."""
    if jax.tree.structure(a) != jax.tree.structure(b):
        return False
    return all(map(_same_leaf, jax.tree.leaves(a), jax.tree.leaves(b)))


def _same_leaf(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray | np.generic):
        return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    if isinstance(a, jax.Array):
        if (a.dtype, a.shape) != (b.dtype, b.shape):
            return False
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            return _same_leaf(jr.key_data(a), jr.key_data(b))
        same_type = (a.weak_type, a.committed) == (b.weak_type, b.committed)
        return same_type and np.asarray(a).tobytes() == np.asarray(b).tobytes()
    return a == b


def blank(tree):
    """The same tree with other numbers in its arrays."""

    def other(leaf):
        if isinstance(leaf, np.ndarray):
            return np.zeros_like(leaf)
        if eqx.is_array(leaf) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jr.wrap_key_data(jnp.zeros_like(jr.key_data(leaf)), impl=jr.key_impl(leaf))
        return jnp.zeros_like(leaf) if eqx.is_array(leaf) else leaf

    return jax.tree.map(other, tree)


def structs(tree):
    return jax.tree.map(
        lambda x: (
            jax.ShapeDtypeStruct(x.shape, x.dtype, weak_type=getattr(x, "weak_type", False)) if eqx.is_array(x) else x
        ),
        tree,
    )


def small_tree():
    return {"w": jnp.arange(3.0), "tau": 20.0, "key": jr.key(3)}


def seal(body):
    """Give bytes the checksum that belongs to them."""
    return body + hashlib.sha256(body).hexdigest().encode()


def write_crafted(path, members, **info):
    """A zip file of any members with the right checksum: what a stranger could make."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **info) as archive:
        archive.comment = b"sha256:" + b"0" * 64
        for name, content in members.items():
            archive.writestr(name, content)
    path.write_bytes(seal(buffer.getvalue()[:-64]))


def members_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def edited_header(path, edit):
    """Rewrite a checkpoint with a changed header."""
    members = members_of(path)
    header = json.loads(members["header.json"])
    edit(header)
    write_crafted(path, members | {"header.json": json.dumps(header)})


#
# Round trips
#


@pytest.mark.parametrize("float_dtype", [jnp.float32, jnp.float64, jnp.bfloat16])
def test_training_state(tmp_path, getkey, float_dtype):
    optimiser = optax.adam(1e-2)
    modelkey, noisekey = getkey(), getkey()

    @eqx.filter_jit
    def make():
        model = eqx.nn.MLP(3, 2, 4, 1, key=modelkey)
        model = jax.tree.map(lambda x: x.astype(float_dtype) if eqx.is_inexact_array(x) else x, model)
        opt_state = optimiser.init(eqx.filter(model, eqx.is_inexact_array))
        return model, opt_state, noisekey, jnp.asarray(0)

    traces = 0

    @eqx.filter_jit
    def train_step(state, x):
        nonlocal traces
        traces += 1
        model, opt_state, key, step = state
        key, subkey = jr.split(key)
        noise = jr.normal(subkey, (2,), float_dtype)
        grads = eqx.filter_grad(lambda m: jnp.sum(jnp.square(m(x) - noise)))(model)
        with jax.numpy_dtype_promotion("standard"):  # optax raises a float to an integer
            updates, opt_state = optimiser.update(grads, opt_state)
        return eqx.apply_updates(model, updates), opt_state, key, step + 1

    x = jnp.ones(3, float_dtype)
    state = make()
    for _ in range(3):
        state = train_step(state, x)
    path = tmp_path / "deep" / "folder" / "run.ckpt"
    checkpoint.save(path, state, {"step": 3})

    after = train_step(state, x)
    before = traces
    for like in (structs(state), blank(state)):
        loaded, metadata = checkpoint.load(path, like)
        assert metadata == {"step": 3}
        assert same_bits(loaded, state)
        assert same_bits(train_step(loaded, x), after)
        assert traces == before


def test_no_retrace_of_weak_types(tmp_path):
    traces = 0

    @jax.jit
    def step(tree):
        nonlocal traces
        traces += 1
        return jax.tree.map(lambda x: x * 2, tree)

    tree = {"a": jnp.asarray(1.5), "b": jnp.full((2, 3), 2), "c": jnp.asarray(1j), "d": jnp.ones(2)}
    assert [tree[name].weak_type for name in "abcd"] == [True, True, True, False]
    step(tree)
    checkpoint.save(tmp_path / "a", tree)
    for like in (blank(tree), structs(tree)):
        loaded, _ = checkpoint.load(tmp_path / "a", like)
        assert same_bits(loaded, tree)
        step(loaded)
        assert traces == 1


@pytest.mark.parametrize(
    "name",
    [
        *("bool", "int8", "uint16", "int64", "float16", "float32", "float64"),
        *("complex64", "complex128", "bfloat16", "int4", "uint4"),
        *("float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu"),
    ],
)
@pytest.mark.parametrize("shape", [(), (3, 0), (2, 3)])
def test_dtypes_and_shapes(tmp_path, name, shape):
    dtype = np.dtype(getattr(ml_dtypes, name, name))
    array = np.arange(math.prod(shape)).reshape(shape).astype(dtype)
    tree = {"numpy": array, "jax": jnp.asarray(array)}
    checkpoint.save(tmp_path / "a", tree)
    assert same_bits(checkpoint.load(tmp_path / "a", blank(tree))[0], tree)
    loaded, _ = checkpoint.load(tmp_path / "a", structs(tree))
    assert same_bits(loaded, {"numpy": tree["jax"], "jax": tree["jax"]})


numbers = st.sampled_from([np.bool_, np.int8, np.int32, np.uint64, np.float16, np.float32, np.float64, np.complex64])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    array=numbers.flatmap(lambda t: hnp.arrays(t, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3))),
    order=st.sampled_from("CF"),
    as_jax=st.booleans(),
)
def test_any_array(tmp_path, array, order, as_jax):
    """Every bit, that is also NaN, -0.0 and infinity, whatever the memory order."""
    array = np.asarray(array, order=order)
    tree = jnp.asarray(array) if as_jax else array
    checkpoint.save(tmp_path / "a", [tree, (), None])
    loaded, _ = checkpoint.load(tmp_path / "a", [blank(tree), (), None])
    assert same_bits(loaded, [tree, (), None])


@pytest.mark.parametrize("view", ["transposed", "strided", "reversed", "swapped", "broadcast"])
def test_numpy_views(tmp_path, view):
    base = np.arange(24.0).reshape(4, 6)
    array = {
        "transposed": base.T,
        "strided": base[::2, 1::3],
        "reversed": base[::-1],
        "swapped": base.astype(">f8"),
        "broadcast": np.broadcast_to(base[0], (4, 6)),
    }[view]
    checkpoint.save(tmp_path / "a", array)
    loaded, _ = checkpoint.load(tmp_path / "a", np.zeros(array.shape, array.dtype))
    assert loaded.dtype == array.dtype
    assert np.array_equal(loaded, array)
    assert loaded.flags.writeable
    native, _ = checkpoint.load(tmp_path / "a", np.zeros(array.shape))
    assert native.dtype == np.float64
    assert np.array_equal(native, array)


def test_large_array_is_read_in_chunks(tmp_path):
    array = np.random.default_rng(0).normal(size=(513, 1025))  # 4 MB
    checkpoint.save(tmp_path / "a", array)
    assert same_bits(checkpoint.load(tmp_path / "a", blank(array))[0], array)


def test_the_sort_is_that_of_like(tmp_path):
    checkpoint.save(tmp_path / "a", {"a": jnp.arange(3.0), "b": np.arange(3.0)})
    like = {"a": np.zeros(3), "b": jnp.zeros(3)}
    loaded, _ = checkpoint.load(tmp_path / "a", like)
    assert same_bits(loaded, {"a": np.arange(3.0), "b": jnp.arange(3.0)})


def test_numpy_scalars_are_data(tmp_path):
    tree = [np.float32(1.5), np.int8(-3), np.bool_(True)]
    checkpoint.save(tmp_path / "a", tree)
    loaded, _ = checkpoint.load(tmp_path / "a", [np.float32(0), np.int8(0), np.bool_(False)])
    assert same_bits(loaded, tree)


@pytest.mark.parametrize("impl", ["threefry2x32", "rbg", "unsafe_rbg"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0)])
def test_keys(tmp_path, impl, shape):
    keys = jr.split(jr.key(5, impl=impl), shape) if shape else jr.key(5, impl=impl)
    checkpoint.save(tmp_path / "a", {"k": keys, "old": jr.PRNGKey(3)})
    for like in (blank(keys), jax.eval_shape(lambda: keys)):
        loaded, _ = checkpoint.load(tmp_path / "a", {"k": like, "old": jr.PRNGKey(0)})
        assert same_bits(loaded, {"k": keys, "old": jr.PRNGKey(3)})


def test_key_of_another_implementation(tmp_path):
    checkpoint.save(tmp_path / "a", jr.key(0))
    with pytest.raises(CheckpointError, match=r"key key<fry>\[\] in the file, key key<rbg>\[\]"):
        checkpoint.load(tmp_path / "a", jr.key(0, impl="rbg"))
    with pytest.raises(CheckpointError, match=r"key key<fry>\[\] in the file, array uint32\[2\]"):
        checkpoint.load(tmp_path / "a", jr.PRNGKey(0))


def test_sharded_arrays(tmp_path):
    mesh = jax.make_mesh((2,), ("d",))
    sharding = jax.sharding.NamedSharding(mesh, jax.P("d"))
    tree = {
        "strong": jax.device_put(jnp.arange(4.0), sharding),
        "weak": jax.device_put(jnp.full((4,), 2.5), sharding),
        "keys": jax.device_put(jr.split(jr.key(0), 4), sharding),
    }
    assert tree["weak"].weak_type
    checkpoint.save(tmp_path / "a", tree)
    placed = {
        name: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding, weak_type=x.aval.weak_type)
        for name, x in tree.items()
    }
    for like in (tree, placed):
        loaded, _ = checkpoint.load(tmp_path / "a", like)
        assert same_bits(loaded, tree)
        assert all(x.sharding == sharding for x in loaded.values())
    # The file does not know where its arrays were.
    plain = jax.tree.map(lambda x: np.asarray(x), {"strong": tree["strong"], "weak": tree["weak"]})
    loaded, _ = checkpoint.load(tmp_path / "a", plain | {"keys": jr.split(jr.key(1), 4)})
    assert np.array_equal(loaded["strong"], np.arange(4.0))
    assert not loaded["keys"].committed


def test_stateful_equinox_layers(tmp_path):
    make = eqx.nn.make_with_state(eqx.nn.BatchNorm)
    model, state = make(3, "batch", mode="batch")
    _, state = jax.vmap(model, axis_name="batch", in_axes=(0, None), out_axes=(0, None))(
        jnp.arange(6.0).reshape(2, 3), state
    )
    checkpoint.save(tmp_path / "a", (model, state))
    loaded, _ = checkpoint.load(tmp_path / "a", make(3, "batch", mode="batch"))
    assert all(map(_same_leaf, jax.tree.leaves(loaded), jax.tree.leaves((model, state))))


def test_repeated_paths(tmp_path):
    @jax.tree_util.register_pytree_with_keys_class
    class Twins:
        def __init__(self, a, b):
            self.a, self.b = a, b

        def tree_flatten_with_keys(self):
            key = jax.tree_util.GetAttrKey("same")
            return ((key, self.a), (key, self.b)), None

        @classmethod
        def tree_unflatten(cls, aux, children):
            return cls(*children)

    checkpoint.save(tmp_path / "a", Twins(jnp.ones(2), jnp.full((2,), 2.0)))
    loaded, _ = checkpoint.load(tmp_path / "a", Twins(jnp.zeros(2), jnp.zeros(2)))
    assert (loaded.a == 1).all()
    assert (loaded.b == 2).all()


def test_numpy_can_read_it(tmp_path):
    checkpoint.save(tmp_path / "a", {"w": jnp.arange(3.0), "b": jnp.ones(2, jnp.bfloat16)})
    with np.load(tmp_path / "a", allow_pickle=False) as file:
        header = json.loads(file["header.json"])
        lines = {line["path"]: line for line in header["entries"]}
        w, b = lines["['w']"], lines["['b']"]
        assert (w["kind"], w["dtype"], w["shape"]) == ("array", "float64", [3])
        assert (b["kind"], b["dtype"], b["shape"]) == ("array", "bfloat16", [2])
        assert np.array_equal(file[w["member"].removesuffix(".npy")], np.arange(3.0))
        assert file[b["member"].removesuffix(".npy")].dtype == np.uint16
    assert header["format"] == "snnjax checkpoint"
    assert header["written_by"]["jax"] == jax.__version__


def test_same_tree_same_bytes(tmp_path):
    checkpoint.save(tmp_path / "a", small_tree(), {"x": 1})
    checkpoint.save(tmp_path / "b", small_tree(), {"x": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


#
# Metadata
#

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(metadata=st.dictionaries(st.text(), json_values, max_size=4))
def test_metadata_round_trip(tmp_path, metadata):
    checkpoint.save(tmp_path / "a", None, metadata)
    assert checkpoint.read_metadata(tmp_path / "a") == metadata
    assert checkpoint.load(tmp_path / "a", None) == (None, metadata)


def test_metadata_extremes(tmp_path):
    checkpoint.save(tmp_path / "a", jnp.ones(1))
    assert checkpoint.read_metadata(tmp_path / "a") == {}
    checkpoint.save(tmp_path / "a", jnp.ones(1), {"loss": math.nan, "shape": (1, 2)})
    metadata = checkpoint.read_metadata(str(tmp_path / "a"))
    assert math.isnan(metadata["loss"])
    assert metadata["shape"] == [1, 2]


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (
            {"a": {"loss": np.float32(1)}},
            r"metadata\['a'\]\['loss'\] is of type float32.*float\(",
        ),
        ({"a": [0, jnp.ones(2)]}, r"metadata\['a'\]\[1\] is of type ArrayImpl"),
        ({"a": {1: 2}}, r"metadata\['a'\] has the key 1 of type int\. .*str\(key\)"),
        ({"a": {2, 3}}, r"metadata\['a'\] is of type set"),
        ({"a": b"x"}, r"metadata\['a'\] is of type bytes"),
    ],
)
def test_bad_metadata(tmp_path, metadata, message):
    with pytest.raises(TypeError, match=message):
        checkpoint.save(tmp_path / "a", jnp.ones(1), metadata)
    assert list(tmp_path.iterdir()) == []


#
# Another model
#


class Hyper(eqx.Module):
    weight: jax.Array
    tau: object = 20.0
    activation: object = jax.nn.relu
    name: object = eqx.field(static=True, default="a")


def test_another_width_lists_paths_and_shapes(tmp_path, getkey):
    key = getkey()

    def make(width):
        return eqx.nn.MLP(2, 1, width, 1, key=key)

    saved = jax.tree.map(
        lambda x: jnp.ones(x.shape, x.dtype) if isinstance(x, jax.ShapeDtypeStruct) else x,
        eqx.filter_eval_shape(make, 8),
    )
    checkpoint.save(tmp_path / "a", saved)
    loaded, _ = checkpoint.load(tmp_path / "a", eqx.filter_eval_shape(make, 8))
    assert same_bits(loaded, saved)
    with pytest.raises(CheckpointError) as info:
        checkpoint.load(tmp_path / "a", eqx.filter_eval_shape(make, 16))
    message = str(info.value)
    assert str(tmp_path / "a") in message
    for line in (
        ".layers[0].weight: array float64[8, 2] in the file, array float64[16, 2] in the model",
        ".layers[0].bias: array float64[8] in the file, array float64[16] in the model",
        ".layers[1].weight: array float64[1, 8] in the file, array float64[1, 16] in the model",
        ".width_size: static int 8 in the file, static int 16 in the model",
    ):
        assert f"\n  {line}\n" in message
    assert ".layers[1].bias" not in message  # equal: not listed
    assert "Make `like` with the settings of the saved model" in message


def test_long_lists_are_cut(tmp_path):
    checkpoint.save(tmp_path / "a", [jnp.zeros(2)] * 13)
    with pytest.raises(CheckpointError) as info:
        checkpoint.load(tmp_path / "a", [jnp.zeros(3)] * 13)
    assert str(info.value).count("float64[2] in the file") == 10
    assert "\n  and 3 more\n" in str(info.value)
    with pytest.raises(CheckpointError) as info:
        checkpoint.load(tmp_path / "a", [jnp.zeros(3)] * 10 + [jnp.zeros(2)] * 3)
    assert "more\n" not in str(info.value)


def own_activation(x):
    return x


class Volt(float):
    pass


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@pytest.mark.parametrize(
    ("saved", "other", "message"),
    [
        ({"tau": 20.0}, {"tau": 10.0}, r"\.tau: float 20\.0 in the file, float 10\.0 in the model"),
        ({"tau": 20.0}, {"tau": 20}, r"\.tau: float 20\.0 in the file, int 20 in"),
        ({"tau": True}, {"tau": 1}, r"\.tau: bool True in the file, int 1 in"),
        ({"tau": 0.0}, {"tau": -0.0}, r"\.tau: float 0\.0 in the file, float -0\.0 in"),
        ({"tau": 20.0}, {"tau": jnp.asarray(20.0)}, r"float 20\.0 in the file, array float64\[\]"),
        ({"tau": 20.0}, {"tau": None}, r"\.tau: float 20\.0 in the file, not in the model"),
        ({"tau": None}, {"tau": 20.0}, r"\.tau: missing in the file, float 20\.0 in the model"),
        ({"tau": "a"}, {"tau": "b"}, r"\.tau: str 'a' in the file, str 'b' in the model"),
        ({"tau": "a" * 999}, {"tau": "b" * 999}, r"\.tau: str 'a{55} \.\.\. a{35}' in the file"),
        ({"tau": 1j}, {"tau": 2j}, r"complex 1j in the file, complex 2j in"),
        (
            {"tau": Volt(1.0)},
            {"tau": Volt(2.0)},
            r"test_checkpoint:Volt 1\.0 in the file.* 2\.0",
        ),
        (
            {"tau": jax.tree_util.Partial(jnp.sin, 1.0)},
            {"tau": jax.tree_util.Partial(jnp.cos, 1.0)},
            r"\.tau: Partial of function jax\.numpy:sin in the file",
        ),
        ({"tau": Colour.RED}, {"tau": Colour.BLUE}, r"Colour\.RED in the file.*Colour\.BLUE in"),
        (
            {"activation": jax.nn.relu},
            {"activation": jax.nn.gelu},
            r"\.activation: function jax:relu in the file, function jax:gelu in the model",
        ),
        (
            {"activation": jax.nn.relu},
            {"activation": own_activation},
            r"function jax:relu in the file, function tests\.test_checkpoint:own_activation in",
        ),
        (
            {"activation": functools.partial(jnp.clip, max=1)},
            {"activation": functools.partial(jnp.clip, max=2)},
            r"'max': int 1.* in the file, .*'max': int 2",
        ),
        ({"activation": int}, {"activation": str}, r"class builtins:int in the file, class bui"),
        ({"activation": "".join}, {"activation": "".split}, r"function :str\.join in the file"),
        ({"name": "a"}, {"name": "b"}, r"\.name: static str 'a' in the file, static str 'b' in"),
        ({"name": (1, {"k": 2})}, {"name": (1, {"k": 3})}, r"\{str 'k': int 2\}\) in the file"),
        ({"name": frozenset("ab")}, {"name": frozenset("ac")}, r"frozenset \{str 'a', str 'b'\}"),
        ({"name": np.dtype("f4")}, {"name": np.dtype("f8")}, r"static dtype float32 in the file"),
        ({"name": jnp.float32}, {"name": jnp.float64}, r"class jax.numpy:float32 in the file"),
        ({"name": np.sin}, {"name": np.cos}, r"function numpy:sin in the file"),
        ({"name": Ellipsis}, {"name": None}, r"static Ellipsis in the file, static None in"),
        (
            {"activation": functools.partial(abs, np.int8(2))},
            {"activation": functools.partial(abs, np.int8(3))},
            r"builtins:abs with tuple \(tuple \(numpy int8\[\] 2\), .* in the file",
        ),
        ({"name": object()}, {"name": 3}, r"static object of class builtins:object in the file"),
        (
            {"weight": jnp.zeros(3)},
            {},
            r"\.weight: array float64\[3\] in the file, array float64\[2",
        ),
        (
            {"weight": jnp.zeros(2, int)},
            {},
            r"\.weight: array int64\[2\] in the file, array float64",
        ),
        ({"weight": None}, {}, r"\.weight: missing in the file, array float64\[2\] in the model"),
        (
            {"weight": {"a": jnp.zeros(2)}},
            {},
            r"\.weight: missing in the file(.|\n)*\.weight\['a'\]: array float64\[2\] in the file,",
        ),
    ],
)
def test_other_values(tmp_path, saved, other, message):
    defaults = {"weight": jnp.zeros(2)}
    model = Hyper(**(defaults | saved))
    checkpoint.save(tmp_path / "a", model)
    with pytest.raises(CheckpointError, match=message):
        checkpoint.load(tmp_path / "a", Hyper(**(defaults | other)))
    # The same model, however, fits.
    loaded, _ = checkpoint.load(tmp_path / "a", Hyper(**(defaults | saved)))
    assert same_bits(loaded, model)


def test_not_a_number_equals_itself(tmp_path):
    checkpoint.save(tmp_path / "a", {"x": math.nan})
    assert math.isnan(checkpoint.load(tmp_path / "a", {"x": float("nan")})[0]["x"])


def test_modules_without_leaves_differ(tmp_path):
    class Subtract(eqx.Module):
        pass

    class Zero(eqx.Module):
        pass

    checkpoint.save(tmp_path / "a", {"reset": Subtract()})
    checkpoint.load(tmp_path / "a", {"reset": Subtract()})
    with pytest.raises(CheckpointError, match=r"\['reset'\]: class .*Subtract in.*class .*Zero in"):
        checkpoint.load(tmp_path / "a", {"reset": Zero()})


def test_functions_may_move_between_private_modules(tmp_path):
    def relu(x):
        return x

    relu.__module__, relu.__qualname__ = "jax._src.somewhere.else", "relu"
    checkpoint.save(tmp_path / "a", jax.nn.relu)
    assert checkpoint.load(tmp_path / "a", relu)[0] is relu
    relu.__module__ = "jax.elsewhere"
    with pytest.raises(CheckpointError, match=r"jax:relu in the file, .* jax\.elsewhere:relu"):
        checkpoint.load(tmp_path / "a", relu)


def test_a_script_has_its_own_name(tmp_path, monkeypatch):
    """What `python train.py` saves is loaded by a script that imports `train`."""
    import __main__

    def activation(x):
        return x

    activation.__module__, activation.__qualname__ = "train", "activation"
    checkpoint.save(tmp_path / "a", activation)
    activation.__module__ = "__main__"
    monkeypatch.setattr(__main__, "__spec__", None, raising=False)
    monkeypatch.setattr(__main__, "__file__", "somewhere/train.py", raising=False)
    checkpoint.load(tmp_path / "a", activation)
    monkeypatch.setattr(__main__, "__file__", "somewhere/other.py", raising=False)
    with pytest.raises(CheckpointError, match=r"train:activation in the file, .* other:activation"):
        checkpoint.load(tmp_path / "a", activation)


def test_the_root_leaf_has_a_name(tmp_path):
    checkpoint.save(tmp_path / "a", jnp.zeros(2))
    with pytest.raises(CheckpointError, match=r"\(root\): array float64\[2\] in the file, array"):
        checkpoint.load(tmp_path / "a", jnp.zeros(3))


def test_64_bit_arrays_need_64_bits(tmp_path):
    checkpoint.save(tmp_path / "a", [jnp.ones(2)])
    like = [jax.ShapeDtypeStruct((2,), np.float64)]
    with (
        jax.enable_x64(False),
        pytest.raises(CheckpointError, match=r"\[0\] is float64 .*made it float32.*jax_enable_x64"),
    ):
        checkpoint.load(tmp_path / "a", like)


#
# What cannot be saved
#


def test_refused_leaves(tmp_path):
    donated = jnp.ones(3)
    donated.delete()
    for leaf, error, message in [
        (np.array([None]), TypeError, r"\['x'\] is an array of dtype object\..*Convert it"),
        (np.array(["a"]), TypeError, r"\['x'\] is an array of dtype <U1\."),
        (np.array("2020", "M8[s]"), TypeError, r"dtype datetime64\[s\]"),
        (np.zeros(2, [("a", "f4")]), TypeError, r"an array of dtype \[\('a'"),
        (np.ma.array([1.0], mask=[True]), TypeError, r"is a MaskedArray.*numpy\.array"),
        (jax.ShapeDtypeStruct((2,), np.float32), TypeError, r"no values.*Pass the tree with its"),
        (donated, ValueError, r"\['x'\] has been deleted; it was donated.*Save what that"),
    ]:
        with pytest.raises(error, match=message):
            checkpoint.save(tmp_path / "a", {"x": leaf})
    assert list(tmp_path.iterdir()) == []


def test_not_inside_jit(tmp_path):
    with pytest.raises(TypeError, match=r"\['x'\] is traced.*outside of jit"):
        jax.jit(lambda x: checkpoint.save(tmp_path / "a", {"x": x}))(1.0)
    checkpoint.save(tmp_path / "a", {"x": jnp.ones(2)})
    with pytest.raises(TypeError, match=r"\['x'\] is traced"):
        jax.jit(lambda x: checkpoint.load(tmp_path / "a", {"x": x}))(jnp.ones(2))


def test_arrays_of_several_processes(tmp_path, monkeypatch):
    array = jnp.ones(2)
    monkeypatch.setattr(type(array), "is_fully_addressable", property(lambda self: False))
    checkpoint.save(tmp_path / "a", array)  # every process has all of it
    monkeypatch.setattr(type(array), "is_fully_replicated", property(lambda self: False))
    with pytest.raises(ValueError, match=r"spread over several processes.*process_allgather"):
        checkpoint.save(tmp_path / "b", array)
    assert not (tmp_path / "b").exists()


def test_keys_without_a_registered_name(tmp_path):
    import jax.extend.random as jer

    threefry = jer.threefry_prng_impl
    impl = jer.define_prng_impl(
        key_shape=threefry.key_shape,
        seed=threefry.seed,
        split=threefry.split,
        random_bits=threefry.random_bits,
        fold_in=threefry.fold_in,
        name="nameless",
        tag="nml",
    )
    with pytest.raises(TypeError, match=r"no registered name.*key_data"):
        checkpoint.save(tmp_path / "a", jr.key(0, impl=impl))


#
# Interrupted saving
#


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("where", ["replace", "fsync", "write_array", "write", "open_member"])
def test_interrupted_save_keeps_the_old_file(tmp_path, monkeypatch, error, where):
    checkpoint.save(tmp_path / "a", small_tree(), {"old": True})

    def fail(*args, **kwargs):
        raise error

    with monkeypatch.context() as patch:
        if where in ("replace", "fsync"):
            patch.setattr(os, where, fail)
        elif where == "write_array":
            patch.setattr(np.lib.format, where, fail)
        elif where == "write":
            patch.setattr(zipfile.ZipFile, "writestr", fail)
        else:
            patch.setattr(zipfile.ZipFile, "open", fail)
        with pytest.raises(type(error)):
            checkpoint.save(tmp_path / "a", blank(small_tree()))
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
    loaded, metadata = checkpoint.load(tmp_path / "a", small_tree())
    assert metadata == {"old": True}
    assert same_bits(loaded, small_tree())


@pytest.mark.parametrize("writes", range(4))
def test_a_kill_leaves_the_old_file(tmp_path, monkeypatch, writes):
    """Nothing of the new tree is in the old file's place, wherever the writing stopped."""
    checkpoint.save(tmp_path / "a", small_tree(), {"old": True})
    left, write_array, replace = writes, np.lib.format.write_array, os.replace

    def count_down():
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1

    with monkeypatch.context() as patch:
        # A killed process does not clean up either.
        patch.setattr(type(tmp_path), "unlink", lambda self, missing_ok: None)
        patch.setattr(np.lib.format, "write_array", lambda *a, **k: (count_down(), write_array(*a, **k)))
        patch.setattr(os, "replace", lambda *a: (count_down(), replace(*a)))
        if writes < 3:  # two arrays and the renaming
            with pytest.raises(KeyboardInterrupt):
                checkpoint.save(tmp_path / "a", small_tree(), {"old": False})
        else:
            checkpoint.save(tmp_path / "a", small_tree(), {"old": False})
    assert checkpoint.load(tmp_path / "a", small_tree())[1] == {"old": writes < 3}
    assert len(list(tmp_path.iterdir())) == (2 if writes < 3 else 1)
    checkpoint.save(tmp_path / "a", small_tree(), {"newest": True})
    assert checkpoint.load(tmp_path / "a", small_tree())[1] == {"newest": True}


def test_a_folder_that_cannot_be_synced(tmp_path, monkeypatch):
    fsync, calls = os.fsync, []

    def only_files(descriptor):
        calls.append(os.path.isdir(f"/proc/self/fd/{descriptor}"))
        if len(calls) == 2:
            raise OSError("not supported")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", only_files)
    checkpoint.save(tmp_path / "a", small_tree())
    assert len(calls) == (2 if os.name == "posix" else 1)
    assert same_bits(checkpoint.load(tmp_path / "a", small_tree())[0], small_tree())


def test_the_file_is_complete_before_it_has_its_name(tmp_path, monkeypatch):
    """What os.replace is given is a whole checkpoint in the same folder, on the disk."""
    events, replace, fsync = [], os.replace, os.fsync

    def watch(source, target):
        assert source.parent == target.parent == tmp_path
        assert same_bits(checkpoint.load(source, small_tree())[0], small_tree())
        assert not target.exists()
        events.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "replace", watch)
    monkeypatch.setattr(os, "fsync", lambda fd: (events.append("fsync"), fsync(fd)))
    checkpoint.save(tmp_path / "a", small_tree())
    assert events[:2] == ["fsync", "replace"]


def test_left_overs_are_harmless(tmp_path):
    (tmp_path / ".a.tmp").write_bytes(b"half")
    (tmp_path / ".a.deadbeef.tmp").write_bytes(b"half")
    checkpoint.save(tmp_path / "a", small_tree())
    assert same_bits(checkpoint.load(tmp_path / "a", small_tree())[0], small_tree())
    assert (tmp_path / ".a.deadbeef.tmp").read_bytes() == b"half"


def test_two_threads_save_one_path(tmp_path):
    trees = [{"w": jnp.full((1000,), float(i))} for i in range(4)]
    errors = []

    def work(tree):
        try:
            for _ in range(5):
                checkpoint.save(tmp_path / "a", tree)
                loaded, _ = checkpoint.load(tmp_path / "a", tree)
                assert len(np.unique(loaded["w"])) == 1
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(tree,)) for tree in trees]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


#
# Damaged and foreign files
#


# Only numpy: the loops below load it thousands of times.
SMALL = {"w": np.arange(3.0), "tau": 20.0}
SMALL_LIKE = blank(SMALL)


def load_or_refuse(path):
    """Either CheckpointError with path and remedy, or exactly what was saved."""
    try:
        loaded, metadata = checkpoint.load(path, SMALL_LIKE)
    except CheckpointError as caught:
        error = caught
    else:
        assert same_bits(loaded, SMALL)
        assert metadata == {"note": "hello"}
        return True
    assert str(path) in str(error)
    assert re.search("copy it again|save the tree again|Install|Make `like`", str(error))
    return False


@pytest.fixture
def small_file(tmp_path):
    path = tmp_path / "small.ckpt"
    checkpoint.save(path, SMALL, {"note": "hello"})
    assert load_or_refuse(path)
    return path


def test_truncated_anywhere(small_file):
    content = small_file.read_bytes()
    for length in range(len(content)):
        small_file.write_bytes(content[:length])
        assert not load_or_refuse(small_file)


def test_every_flipped_bit_is_found(small_file):
    content = bytearray(small_file.read_bytes())
    for index in range(len(content)):
        content[index] ^= 1 << (index % 8)
        small_file.write_bytes(content)
        assert not load_or_refuse(small_file)
        content[index] ^= 1 << (index % 8)


def test_flipped_bits_with_a_right_checksum(small_file):
    """The readers behind the checksum are safe too: for files that were changed on purpose."""
    body = bytearray(small_file.read_bytes()[:-64])
    loaded = 0
    for index in range(len(body)):
        body[index] ^= 1 << (index % 8)
        small_file.write_bytes(seal(bytes(body)))
        loaded += load_or_refuse(small_file)
        body[index] ^= 1 << (index % 8)
    assert 0 < loaded < len(body)  # dates, for example, do not matter


def test_bytes_added_at_the_end(small_file):
    small_file.write_bytes(small_file.read_bytes() + b"\n")
    assert not load_or_refuse(small_file)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), sealed=st.booleans())
def test_any_bytes(tmp_path, content, sealed):
    path = tmp_path / "any"
    path.write_bytes(seal(content + b"sha256:") if sealed else content)
    assert not load_or_refuse(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"\(0 bytes\) does not end with the checksum"),
        (b"hello" * 100, "does not end with the checksum .*another kind of file, or was cut off"),
        (pickle.dumps({"w": 1}), "does not end with the checksum"),
        (seal(b"no zip sha256:"), r"not a checkpoint of snnjax \(BadZipFile"),
    ],
)
def test_foreign_files(tmp_path, content, message):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        checkpoint.load(tmp_path / "a", SMALL_LIKE)
    with pytest.raises(CheckpointError, match=message):
        checkpoint.read_metadata(tmp_path / "a")


def test_other_archives(tmp_path):
    np.savez(tmp_path / "a.npz", w=np.ones(2))
    with pytest.raises(CheckpointError, match="does not end with the checksum"):
        checkpoint.load(tmp_path / "a.npz", SMALL_LIKE)
    for members, message in [
        ({"w.npy": npy(np.ones(2))}, r"KeyError.*header\.json"),
        ({"header.json": "[1"}, "JSONDecodeError"),
        ({"header.json": "[1]"}, "TypeError"),
        ({"header.json": "[" * 100_000}, "RecursionError"),
        ({"header.json": b"\xff\xfe\x00"}, "Unicode|JSON"),
        ({"header.json": "{}"}, "KeyError: 'format'"),
        ({"header.json": '{"format": "x"}'}, "its format is 'x'"),
    ]:
        write_crafted(tmp_path / "b", members)
        with pytest.raises(CheckpointError, match=message):
            checkpoint.load(tmp_path / "b", SMALL_LIKE)
        with pytest.raises(CheckpointError, match=message):
            checkpoint.read_metadata(tmp_path / "b")


@pytest.mark.parametrize("key", ["version", "entries", "metadata"])
@pytest.mark.parametrize("value", [None, 1.5, "x", [3], {"path": 1}, [{"path": [], "kind": 1}]])
def test_malformed_headers(small_file, key, value):
    edited_header(small_file, lambda header: header.update({key: value}))
    if key == "metadata" and isinstance(value, dict):
        assert checkpoint.read_metadata(small_file) == value
        return
    with pytest.raises(CheckpointError):
        checkpoint.load(small_file, SMALL_LIKE)


def test_newer_version(small_file):
    edited_header(small_file, lambda header: header.update(version=2, written_by={"snnjax": "9.9"}))
    message = r"version 2 .*snnjax 9\.9\..*reads versions up to 1\. Install a newer snnjax"
    with pytest.raises(CheckpointError, match=message):
        checkpoint.load(small_file, SMALL_LIKE)
    with pytest.raises(CheckpointError, match=message):
        checkpoint.read_metadata(small_file)


class Bomb:
    exploded = False

    def __reduce__(self):
        return setattr, (Bomb, "exploded", True)


@pytest.mark.parametrize("claims_to_be_object", [False, True])
def test_pickles_are_refused(small_file, claims_to_be_object):
    objects = np.empty(3, object)
    objects[:] = [Bomb(), 2, 3]
    members = members_of(small_file)
    header = json.loads(members["header.json"])
    line = next(line for line in header["entries"] if line["path"] == "['w']")
    if claims_to_be_object:
        line["dtype"] = "object"
    content = {"header.json": json.dumps(header), line["member"]: npy(objects)}
    write_crafted(small_file, members | content)
    with pytest.raises(CheckpointError, match=r"object\[3\]"):
        checkpoint.load(small_file, SMALL_LIKE)
    assert not Bomb.exploded
    pickle.loads(pickle.dumps(Bomb()))  # the trap works
    assert Bomb.exploded
    Bomb.exploded = False


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(4), r"float64\[4\], not what the header says"),
        (np.zeros(3, np.float32), r"float32\[3\], not what the header says"),
        (np.zeros((3, 1)), r"float64\[3, 1\], not what"),
        (b"\x93NUMPY\x09\x00", "version"),
        (b"", "ValueError"),
        (npy(np.zeros(3))[:-1], "cut off"),
        (npy(np.zeros(3)) + b"x", "longer than its shape"),
        (npy(np.zeros(3)).replace(b"(3,)", b"(1<<"), "TokenError|SyntaxError|ValueError"),
    ],
)
def test_members_that_contradict_the_header(small_file, array, message):
    members = members_of(small_file)
    header = json.loads(members["header.json"])
    name = next(line["member"] for line in header["entries"] if line["path"] == "['w']")
    content = array if isinstance(array, bytes) else npy(array)
    write_crafted(small_file, members | {name: content})
    with pytest.raises(CheckpointError, match=message):
        checkpoint.load(small_file, SMALL_LIKE)


def test_missing_member(small_file):
    members = members_of(small_file)
    write_crafted(small_file, {"header.json": members["header.json"]})
    with pytest.raises(CheckpointError, match=r"KeyError.*\.npy"):
        checkpoint.load(small_file, SMALL_LIKE)


def test_huge_shapes_are_refused_before_they_are_made(small_file, monkeypatch):
    """A header that asks for 8 exabytes is compared with the model first."""

    def enlarge(header):
        line = next(line for line in header["entries"] if line["path"] == "['w']")
        line["shape"] = [1 << 60]

    edited_header(small_file, enlarge)
    monkeypatch.setattr(np, "empty", None)
    with pytest.raises(CheckpointError, match=r"\['w'\]: array float64\[1152921504606846976\] in"):
        checkpoint.load(small_file, SMALL_LIKE)


def test_compressed_members_are_refused(small_file):
    members = members_of(small_file)
    write_crafted(small_file, members, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match=r"member header\.json is compressed"):
        checkpoint.load(small_file, SMALL_LIKE)


def test_missing_file(tmp_path):
    for call in (lambda p: checkpoint.load(p, SMALL_LIKE), checkpoint.read_metadata):
        with pytest.raises(FileNotFoundError, match=r"folder is there.*Check the name.*no\.ckpt"):
            call(tmp_path / "no.ckpt")
        with pytest.raises(FileNotFoundError, match=r"its folder does not exist"):
            call(tmp_path / "nowhere" / "no.ckpt")


def test_memory_errors_are_not_called_damage(small_file, monkeypatch):
    def fail(*args):
        raise MemoryError

    monkeypatch.setattr(np.lib.format, "read_magic", fail)
    with pytest.raises(MemoryError):
        checkpoint.load(small_file, SMALL_LIKE)


def test_nothing_is_pickled(monkeypatch, tmp_path):
    def fail(*args, **kwargs):
        raise AssertionError("pickle was used")

    for name in ("dump", "dumps", "load", "loads", "Pickler", "Unpickler"):
        monkeypatch.setattr(pickle, name, fail)
    tree = {"model": Hyper(jnp.ones(2)), "object": object(), "key": jr.key(0)}
    checkpoint.save(tmp_path / "a", tree)
    assert same_bits(checkpoint.load(tmp_path / "a", blank(tree))[0], tree)
