"""The contract of a cell: one example, one time step, state in and state out."""

import abc
import inspect
from collections.abc import Callable
from typing import Any, ClassVar, Generic, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, PyTree

from ._errors import InputError
from ._events import Events
from ._misc import type_name
from ._primitive import rows
from ._statistics import kept
from ._types import Key, Keys, Out, State, Trajectory


class AbstractCell(eqx.Module, Generic[State]):
    """A state transition: the two methods that make a neuron, a synapse, or a whole network.

    A subclass needs nothing else. `unroll` and the containers do the rest.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    class Decay(snn.AbstractCell):
        factor: float = 0.9

        def init_state(self, x, *, key=None):
            return jnp.zeros_like(x)

        def __call__(self, state, x, *, key=None):
            v = self.factor * state + x
            return v, v

    final, ys = snn.unroll(Decay(), jnp.ones((10, 3)))
    ```
    """

    #: Whether probes take a cell that holds another one as a single neuron, because it reads the other's state.
    is_neuron: ClassVar[bool] = False

    @abc.abstractmethod
    def init_state(self, x: Any, *, key: Key = None) -> State:
        """The state before the first step, made from one step's input.

        **Arguments:**

        - `x`: an array (`unroll` passes the first step) or a `jax.ShapeDtypeStruct`.
        - `key`: a key, for a random initial state.

        **Returns:** the state; every step must keep its structure, shapes and dtypes.
        """

    @abc.abstractmethod
    def __call__(self, state: State, x: Any, *, key: Key = None) -> tuple[State, Out]:
        """One step, in the order of a `lax.scan` body.

        **Arguments:**

        - `state`: the state before the step.
        - `x`: one step's input.
        - `key`: a key, for a random step.

        **Returns:** the state after the step, and the output.
        """


@runtime_checkable
class RunPart(Protocol):
    """How a container runs one of its parts over a whole sequence: see `AbstractSequenceCell.scan`."""

    def __call__(
        self, name: str, cell: AbstractCell, state: Any, xs: Trajectory, keys: Keys, keep_states: bool = False
    ) -> tuple[Any, Trajectory, PyTree]: ...


class AbstractSequenceCell(AbstractCell[State]):
    """A cell that knows a faster way through a whole sequence than one step after the other."""

    @abc.abstractmethod
    def scan(self, run: RunPart, state: State, xs: Trajectory, keys: Keys) -> tuple[State, Trajectory, PyTree]:
        """All steps at once. Must agree with stepping.

        **Arguments:**

        - `run`: `run(name, part, state, xs, keys)` runs a part of this cell over the sequence. The states it returns
            are None unless something is recorded, or `keep_states=True` is asked for.
        - `state`: the state before the first step.
        - `xs`: the inputs, time on axis 0.
        - `keys`: one key per step, or None; parts take theirs by `split_keys`.

        **Returns:** the state after the last step, the outputs, and the states after every step, the last
        two with time on axis 0.
        """


def _accepts_key(layer: Callable) -> bool:
    try:
        parameters = inspect.signature(layer).parameters.values()
    except ValueError:  # some builtins have no signature
        return False
    return any(p.name == "key" or p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)


def _expected_shape(layer: Any) -> tuple[int | str, ...] | None:
    """The input shape of the layers that say it, with words for the axes of free size."""
    if isinstance(layer, eqx.nn.Linear):
        return () if layer.in_features == "scalar" else (layer.in_features,)
    if isinstance(layer, eqx.nn.Conv | eqx.nn.ConvTranspose):
        return (layer.in_channels, *(f"size{i}" for i in range(layer.num_spatial_dims)))
    return None


def _holds_embedding(layer: Any) -> bool:
    """Whether integers may be indices, and must stay integers."""

    def is_embedding(node: Any) -> bool:
        return isinstance(node, eqx.nn.Embedding)

    return any(map(is_embedding, jax.tree.leaves(layer, is_leaf=is_embedding)))


class Stateless(AbstractSequenceCell[None]):
    """A layer without state as a cell: any callable `layer(x)` or `layer(x, key=key)`.

    Over a sequence it leaves the time loop: all steps are computed at once, and an `eqx.nn.Linear` is one
    matrix product. The containers wrap their layers by themselves.

    Boolean and integer spikes are converted to the dtype of the layer's weights.

    **Arguments:**

    - `layer`: any `eqx.nn` layer, another Equinox module, or a function.

    Raises an `InputError` (a `ValueError`) for an input whose shape the layer does not take, and for a layer
    that draws random numbers and is given no key.
    """

    layer: Callable

    def init_state(self, x: Any, *, key: Key = None) -> None:
        del x, key

    def _prepare(self, x: Array, shape: tuple[int, ...], key: Key) -> Array:
        """Check one step's shape, and convert spikes to the weights' dtype."""
        expected = _expected_shape(self.layer)
        if expected is not None and (
            len(expected) != len(shape)
            or any(isinstance(e, int) and e != s for e, s in zip(expected, shape, strict=True))
        ):
            raise InputError(
                f"{type_name(self.layer)} was given one step of shape {shape}; it takes "
                f"({', '.join(map(str, expected))}{',' * (len(expected) == 1)}). Time is axis 0 of the "
                f"sequence, a batch is `jax.vmap` over `unroll`."
            )
        if isinstance(self.layer, eqx.nn.Dropout) and key is None and not self.layer.inference:
            raise InputError(
                "Dropout draws random numbers and was given no key; it takes a PRNG key. Pass "
                "`key=jax.random.key(0)` to `unroll`, or use `eqx.nn.inference_mode(model)`."
            )
        weights = jax.tree.leaves(eqx.filter(self.layer, eqx.is_inexact_array))
        if weights and not jnp.issubdtype(x.dtype, jnp.inexact) and not _holds_embedding(self.layer):
            return x.astype(weights[0].dtype)
        return x

    def _apply(self, x: Any, key: Key) -> Any:
        return self.layer(x, key=key) if _accepts_key(self.layer) else self.layer(x)

    def _of_events(self, x: Events, otherwise: Callable, key: Key) -> Any:
        """The layer's output for one step, or for all; `otherwise` computes it from an array."""
        weights = jax.tree.leaves(eqx.filter(self.layer, eqx.is_inexact_array))
        layer: Any = self.layer
        if type(layer) is not eqx.nn.Linear or layer.weight.ndim != 2:
            return otherwise(x.dense(weights[0].dtype if weights else None))
        self._prepare(weights[0], (x.size,), key)
        ys = x.project(layer.weight)
        return ys if layer.bias is None else ys + layer.bias.reshape((1,) * (ys.ndim - 1) + (-1,))

    def __call__(self, state: None, x: Any, *, key: Key = None) -> tuple[None, Out]:
        del state
        if isinstance(x, Events):
            return None, self._of_events(x, lambda x: self._apply(x, key), key)
        x = self._prepare(x, jnp.shape(x), key) if eqx.is_array(x) else x
        with jax.named_scope(f"snn.{type_name(self.layer)}"):
            return None, self._apply(x, key)

    def scan(self, run: RunPart, state: None, xs: Trajectory, keys: Keys) -> tuple[None, Trajectory, None]:
        if isinstance(xs, Events):
            return None, self._of_events(xs, lambda xs: self.scan(run, state, xs, keys)[1], keys), None
        del run, state
        xs = self._prepare(xs, jnp.shape(xs)[1:], keys) if eqx.is_array(xs) else xs
        with jax.named_scope(f"snn.{type_name(self.layer)}"):
            # A subclass may compute something else.
            layer: Any = self.layer
            if type(layer) is eqx.nn.Linear and layer.weight.ndim == xs.ndim == 2:
                # `vmap` of a matrix-vector product would transpose; written so it is one plain product.
                same = xs.dtype == layer.weight.dtype
                ys = rows(xs, layer.weight, over=1) if same else xs @ layer.weight.T
                ys = ys if layer.bias is None else ys + layer.bias[None, :]
            elif keys is None:
                ys = jax.vmap(lambda x: self._apply(x, None))(xs)
            else:
                ys = jax.vmap(self._apply)(xs, keys)
        return None, ys, None


class Stateful(AbstractCell[eqx.nn.State]):
    """An Equinox layer that keeps something between calls in an `eqx.nn.State`, as a cell: one call per step.

    What it keeps goes on from step to step. `unroll(..., statistics=statistics)` begins with what the last sequence
    left, and returns what this one leaves. The containers wrap such layers by themselves.

    **Arguments:**

    - `layer`: called as `layer(x, state, key=key)`, such as `eqx.nn.BatchNorm` or `eqx.nn.SpectralNorm`.
    """

    layer: eqx.nn.StatefulLayer

    def init_state(self, x: Any, *, key: Key = None) -> eqx.nn.State:
        del x, key
        return kept(self.layer, self.layer)

    def __call__(self, state: eqx.nn.State, x: Any, *, key: Key = None) -> tuple[eqx.nn.State, Out]:
        layer: Any = self.layer
        with jax.named_scope(f"snn.{type_name(layer)}"):
            # Equinox makes a state that was set unusable; whoever called may still look at its own.
            out, after = layer(x, jax.tree.map(lambda a: a, state), key=key)
        return after, out


def as_cell(layer: Any) -> AbstractCell:
    """Any layer as a cell: a cell is returned as it is, another callable is wrapped.

    **Arguments:**

    - `layer`: a cell, an `eqx.nn` layer, another callable module, or a function.

    **Returns:** a cell: `Stateful` for layers with an `eqx.nn.State`, `Stateless` for others.

    Raises a `TypeError` for what cannot be called.

    ```python
    import jax
    import snnjax as snn

    assert isinstance(snn.as_cell(jax.nn.relu), snn.Stateless)
    ```
    """
    if isinstance(layer, AbstractCell):
        return layer
    if isinstance(layer, eqx.nn.StatefulLayer) and layer.is_stateful():
        return Stateful(layer)
    if isinstance(layer, type) or not callable(layer):
        raise TypeError(
            f"a container was given {layer!r}; it takes cells, Equinox layers and functions. "
            f"{'Make an instance of the class first.' if isinstance(layer, type) else ''}"
        )
    return Stateless(layer)


def step_output(cell: AbstractCell, state: Any, x: Any) -> Out:
    """What one step would put out, to build the state of whatever comes after it.

    With arrays the step is really traced, so that the output carries sharding and mapped axes; nothing of
    it is left in the compiled program, because states are built from shapes only.
    """
    key = jr.key(0)  # no number drawn from it reaches a result
    if any(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in jax.tree.leaves(x)):
        return eqx.filter_eval_shape(_output, cell, state, x, key)
    return _traced_output(cell, state, x, key)


def _output(cell: AbstractCell, state: Any, x: Any, key: Key) -> Out:
    return cell(state, x, key=key)[1]


# Once for all layers that are alike.
_traced_output = eqx.filter_jit(_output)
