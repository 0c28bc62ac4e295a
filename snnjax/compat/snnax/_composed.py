"""Networks of snnax that are made of others: chains, branches, local feedback, residual blocks."""

import functools
import operator
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax

from ..._cell import AbstractCell
from ..._container import Concatenate, Residual
from ..._container import Parallel as _Parallel
from ..._container import Sequential as _Sequential
from ..._errors import InputError
from ..._types import Key
from ._compound import CompoundLayer, listed
from ._graph import GraphStructure, StatefulModel, gen_feed_forward_struct
from ._leaky import LIF
from ._normalisation import BatchNormLayer
from ._sigma_delta import SigmaDelta
from ._stateless import Flatten


def Sequential(*layers: Any, delay_per_layer: bool = False) -> AbstractCell:
    """Layers in a chain, within a step.

    With `delay_per_layer` every layer, also one without state, is heard one step later by the next, as the library
    computes (its text says otherwise); the states are then under `state.layers`.
    """
    layers = listed(layers)
    if not delay_per_layer:
        return _Sequential(*layers)
    return StatefulModel(gen_feed_forward_struct(len(layers)), layers, delay_per_layer=True)


class _Pick(eqx.Module):
    """One of several inputs; a single array is everybody's."""

    index: int = eqx.field(static=True)
    total: int = eqx.field(static=True)

    def __call__(self, x: Any) -> Any:
        if not isinstance(x, tuple | list):
            return x
        if len(x) != self.total:
            raise InputError(
                f"Parallel was given {len(x)} inputs for {self.total} layers; it takes one per layer, or a single "
                f"array for all of them."
            )
        return x[self.index]


def _sum(outs: Sequence[Any]) -> Any:
    return functools.reduce(operator.add, outs)


def Parallel(*layers: Any) -> _Parallel:
    """Layers side by side, whose outputs are added. The input is a tuple with one array per layer, or one for all."""
    layers = listed(layers)
    picked = [_Sequential(_Pick(index, len(layers)), layer) for index, layer in enumerate(layers)]
    return _Parallel(*picked, combine=_sum)


def SequentialLocalFeedback(
    *layers: Any,
    feedback_layers: dict[int, int] | None = None,
    combine: Any = Concatenate(axis=0),
    delay_per_layer: bool = False,
) -> StatefulModel:
    """Layers in a chain, some of which are also heard by an earlier one, or by themselves, one step later.

    `feedback_layers` maps a layer to the one that hears it; without it, every `CompoundLayer` hears itself. What a
    layer hears is put together by `combine`: concatenated along axis 0, or added by `snn.Sum()`.
    """
    layers = listed(layers)
    chain = gen_feed_forward_struct(len(layers))
    if feedback_layers is None:
        pairs = [(index, index) for index, layer in enumerate(layers) if isinstance(layer, CompoundLayer)]
    else:
        pairs = list(feedback_layers.items())
    heard = [list(ids) for ids in chain.input_connectivity]
    for source, target in pairs:
        if not (0 <= target < len(layers) and target <= source < len(layers)):
            raise ValueError(
                f"feedback_layers was given {source}: {target}; it takes a layer of 0 to {len(layers) - 1} and one "
                f"before it, or itself. For other connections use GraphStructure."
            )
        heard[target].append(source)
    structure = GraphStructure(len(layers), chain.input_layer_ids, heard)
    return StatefulModel(structure, layers, combine, delay_per_layer)


def ResNetBlock(
    layer_order: Sequence[str],
    layer_params: Sequence[Sequence[Any]],
    stateful_layer_type: str = "LIF",
    key: Key = None,
    *,
    shortcut: Any = None,
) -> Residual:
    """Layers with normalisation and neurons, around which the input is passed on: `out = body(x) + shortcut(x)`.

    The library builds the layers and leaves the skip connection out. Batch normalisation takes a batch: run it under
    `jax.vmap(..., axis_name="batch_axis")`, or in inference mode.

    **Arguments:**

    - `layer_order`: a letter per layer, `"c"` for a convolution, `"l"` for a linear layer; the first linear layer after
        a convolution flattens.
    - `layer_params`: per layer `[in_channels, out_channels, kernel_size, stride, padding]`, or
        `[in_features, out_features]`. They have no bias.
    - `stateful_layer_type`: the neurons, `"LIF"` (decays 0.9 and 0.7) or `"SigmaDelta"`.
    - `key`: for the weights; without one they are those of key 0.
    - `shortcut`: a layer for the skip, where the block changes the shape; the input as it is otherwise.

    Raises a `ValueError` for other letters and types, and an `InputError` if body and skip differ in shape.

    ```python
    import jax
    import snnjax as snn
    from snnjax.compat.snnax import ResNetBlock

    block = ResNetBlock(["c", "c"], [[2, 4, 3, 1, 1], [4, 2, 3, 1, 1]], key=jax.random.key(0))
    xs = jax.random.normal(jax.random.key(1), (10, 8, 2, 5, 5))                   # time, batch, channels, height, width
    run = lambda x: snn.unroll(block, x)[1]
    ys = jax.vmap(run, in_axes=1, out_axes=1, axis_name="batch_axis")(xs)
    assert ys.shape == xs.shape
    ```
    """
    if len(layer_order) != len(layer_params) or not layer_order:
        raise ValueError(
            f"ResNetBlock was given {len(layer_order)} letters and {len(layer_params)} lists of parameters; it takes "
            f"one list per letter, and at least one."
        )
    layers: list[Any] = []
    keys = jax.random.split(jax.random.key(0) if key is None else key, len(layer_order))
    for index, (letter, params) in enumerate(zip(layer_order, layer_params, strict=True)):
        if letter == "c":
            layers.append(eqx.nn.Conv2d(*params, use_bias=False, key=keys[index]))
        elif letter == "l":
            if index > 0 and layer_order[index - 1] == "c":
                layers.append(Flatten())
            layers.append(eqx.nn.Linear(*params, use_bias=False, key=keys[index]))
        else:
            raise ValueError(
                f"ResNetBlock.layer_order was given {letter!r}; it takes 'c' for a convolution, 'l' for a linear layer."
            )
        layers += [BatchNormLayer(eps=1e-10, forget_weight=0.2, gamma=0.7), _neuron(stateful_layer_type)]
    return Residual(_Sequential(*layers), shortcut)


def _neuron(kind: str) -> AbstractCell:
    if kind == "LIF":
        return LIF([0.9, 0.7])
    if kind == "SigmaDelta":
        return SigmaDelta()
    raise ValueError(f"ResNetBlock.stateful_layer_type was given {kind!r}; it takes 'LIF' or 'SigmaDelta'.")
