"""Looking inside: probes that keep what a neuron's own state does not."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from ._cell import AbstractCell, AbstractSequenceCell, RunPart, Stateless, step_output
from ._container import Edge
from ._misc import type_name
from ._reset import AbstractReset, NoReset
from ._surrogate import AbstractSpike
from ._types import Key, Keys, Out, Trajectory
from ._whole_sequence import AbstractWholeSequenceCell


class Probed(eqx.Module):
    """State of a `Probe`.

    `state` is the cell's own, `before` the same before the reset, `out` what the cell put out in this step.
    """

    state: PyTree
    before: PyTree
    out: PyTree
    name: str = eqx.field(static=True)
    spiking: bool = eqx.field(static=True)


def is_spiking(cell: Any) -> bool:
    """Whether a cell fires: whether it holds a spike function."""
    leaves = jax.tree.leaves(cell, is_leaf=lambda node: isinstance(node, AbstractSpike))
    return any(isinstance(leaf, AbstractSpike) for leaf in leaves)


def _is_reset(node: Any) -> bool:
    return isinstance(node, AbstractReset)


class Probe(AbstractSequenceCell[Probed]):
    """A cell that keeps its output and its state before the reset, for recording; spikes are unchanged.

    The state before the reset comes from the same step with every reset replaced by `NoReset`, so it works
    for any cell that has its reset as a field.

    **Arguments:**

    - `cell`: the cell to look into.
    - `name`: under which `observations` lists it.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    xs = 0.4 * jnp.ones((20, 3))
    record = lambda state, out: state.before.v
    _, peaks = snn.unroll(snn.Probe(snn.LIF()), xs, record=record)
    assert peaks.max() > 1.0
    ```
    """

    cell: AbstractCell
    name: str = eqx.field(default="", static=True)

    def init_state(self, x: Any, *, key: Key = None) -> Probed:
        state = self.cell.init_state(x, key=key)
        out = jax.tree.map(jnp.zeros_like, step_output(self.cell, state, x))
        return self._probed(state, state, out)

    def __call__(self, state: Probed, x: Any, *, key: Key = None) -> tuple[Probed, Out]:
        after, out = self.cell(state.state, x, key=key)
        return self._probed(after, self._before(state.state, x, key), out), out

    def scan(self, run: RunPart, state: Probed, xs: Trajectory, keys: Keys) -> tuple[Probed, Trajectory, Probed]:
        final, outs, states = run("", self.cell, state.state, xs, keys, keep_states=True)
        # The states before the resets are made beside the loop, so that nobody pays for what is not recorded.
        previous = jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest[:-1]]), state.state, states)
        if keys is None:
            before = jax.vmap(lambda s, x: self._before(s, x, None))(previous, xs)
        else:
            before = jax.vmap(self._before)(previous, xs, keys)
        last_before, last_out = jax.tree.map(lambda a: a[-1], (before, outs))
        return self._probed(final, last_before, last_out), outs, self._probed(states, before, outs)

    def _before(self, state: Any, x: Any, key: Key) -> Any:
        """The state after a step in which every reset is replaced by none."""
        unreset = jax.tree.map(lambda node: NoReset() if _is_reset(node) else node, self.cell, is_leaf=_is_reset)
        return unreset(state, x, key=key)[0]

    def _probed(self, state: Any, before: Any, out: Any) -> Probed:
        name = self.name or type_name(self.cell)
        return Probed(state, before, out, name=name, spiking=is_spiking(self.cell))


def is_neuron_cell(node: Any) -> bool:
    """A cell with state of its own and no other cell inside, unless it says that it is one with what it holds."""
    if not isinstance(node, AbstractCell) or isinstance(node, Stateless | AbstractWholeSequenceCell):
        return False
    if node.is_neuron:
        return True
    inner = jax.tree.leaves(node, is_leaf=lambda n: n is not node and isinstance(n, AbstractCell))
    return not any(isinstance(leaf, AbstractCell) for leaf in inner)


def probe(model: PyTree) -> PyTree:
    """The model with every neuron in it wrapped in a `Probe`, named by its place in the model.

    **Arguments:**

    - `model`: a cell, a container, or any pytree of them.

    **Returns:** the same model, to be unrolled with `record=observations`.

    ```python
    import equinox as eqx
    import jax
    import snnjax as snn

    key = jax.random.key(0)
    model = snn.Sequential(eqx.nn.Linear(8, 4, key=key), snn.LIF(), snn.LI())
    xs = jax.random.normal(key, (50, 8))
    _, seen = snn.unroll(snn.probe(model), xs, record=snn.observations)
    assert seen["layers[1] (LIF)"].out.shape == (50, 4)
    ```
    """

    def wrap(path: Any, node: Any) -> Any:
        if not is_neuron_cell(node):
            return node
        place = jax.tree_util.keystr(path).removeprefix(".")
        kind = type_name(node)
        return Probe(node, name=f"{place} ({kind})" if place else kind)

    def is_whole(node: Any) -> bool:
        return isinstance(node, Edge) or is_neuron_cell(node)  # the delay of an edge is no neuron

    return jax.tree_util.tree_map_with_path(wrap, model, is_leaf=is_whole)


def observations(state: Any, out: Out = None) -> dict[str, Probed]:
    """What the probes of a model hold: a dictionary from names to `Probed`. A `record` for `unroll`.

    **Arguments:**

    - `state`: the state of a model made by `probe`.
    - `out`: not used; there so that the function is a `record`.

    **Returns:** name -> `Probed`, with time on axis 0 when `unroll` records it.
    """
    del out

    def is_probed(node: Any) -> bool:
        return isinstance(node, Probed)

    leaves = jax.tree.leaves(state, is_leaf=is_probed)
    return {leaf.name: leaf for leaf in leaves if is_probed(leaf)}
