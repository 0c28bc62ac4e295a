"""One layer after the other."""

from typing import Any

import jax

from .._cell import AbstractSequenceCell, RunPart, as_cell, step_output
from .._errors import inside
from .._misc import split_key, split_keys
from .._types import Key, Keys, Out, Trajectory


class Sequential(AbstractSequenceCell[tuple]):
    """Layers in a chain, each fed with the output of the one before, in the same step.

    Over a sequence it runs layer by layer, each over all steps: an `eqx.nn.Linear` becomes one matrix
    product, and only the neurons are looped. The state is a tuple with one entry per layer (None for a layer
    without state), so a recording reads `record=lambda state, out: state[1].v`.

    **Arguments:**

    - `*layers`: cells, Equinox layers and functions, in order.

    Raises a `TypeError` for what is not a layer, and a `ValueError` for no layers at all.

    ```python
    import equinox as eqx
    import jax
    import snnjax as snn

    key = jax.random.key(0)
    model = snn.Sequential(eqx.nn.Linear(8, 4, key=key), snn.LIF())
    final, zs = snn.unroll(model, jax.random.normal(key, (50, 8)))
    ```
    """

    layers: tuple[Any, ...]

    def __init__(self, *layers: Any):
        if not layers:
            raise ValueError("Sequential was given no layers; it takes at least one.")
        for i, layer in enumerate(layers):
            with inside(f"layers[{i}]"):
                as_cell(layer)
        self.layers = layers

    def __getitem__(self, index: int) -> Any:
        return self.layers[index]

    def __len__(self) -> int:
        return len(self.layers)

    def init_state(self, x: Any, *, key: Key = None) -> tuple:
        states = []
        for i, (layer, key_i) in enumerate(zip(self.layers, split_key(key, len(self.layers)), strict=True)):
            with inside(f"layers[{i}]"):
                cell = as_cell(layer)
                states.append(cell.init_state(x, key=key_i))
                x = step_output(cell, states[-1], x)
        return tuple(states)

    def __call__(self, state: tuple, x: Any, *, key: Key = None) -> tuple[tuple, Out]:
        after = []
        keys = split_key(key, len(self.layers))
        for i, (layer, before) in enumerate(zip(self.layers, state, strict=True)):
            with inside(f"layers[{i}]"):
                new, x = as_cell(layer)(before, x, key=keys[i])
            after.append(new)
        return tuple(after), x

    def scan(self, run: RunPart, state: tuple, xs: Trajectory, keys: Keys) -> tuple[tuple, Trajectory, tuple]:
        final, states = [], []
        layer_keys = split_keys(keys, len(self.layers))
        for i, (layer, before) in enumerate(zip(self.layers, state, strict=True)):
            with jax.named_scope(f"layers[{i}]"):
                after, xs, kept = run(f"layers[{i}]", as_cell(layer), before, xs, layer_keys[i])
            final.append(after)
            states.append(kept)
        return tuple(final), xs, tuple(states)
