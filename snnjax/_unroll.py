"""The driver: the only place that knows about time."""

from collections.abc import Callable, Sequence
from typing import Any, overload

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Int, PyTree

from ._cell import AbstractCell, AbstractSequenceCell, Stateless, as_cell
from ._errors import InputError, inside, join_path
from ._kernel import AbstractKernel, Recompute
from ._loop import BPTT, AbstractLoop, in_chunks, tile
from ._misc import split_key, type_name
from ._parameter import resolve
from ._statistics import updated_by, with_statistics
from ._types import Key, Keys, Out, Trajectory
from ._whole_sequence import advice, needs_all


class _BadStep(Sequence):
    """The message for each possible first bad step, made only when it is read; index 0 is the last step."""

    def __init__(self, what: str, total: int):
        self.what, self.total = what, total

    def __len__(self) -> int:
        return self.total + 1

    def __getitem__(self, index: Any) -> str:
        return (
            f"{self.what}: NaN or infinity, first at step {self.total - index}. Finite numbers are "
            f"accepted. Look at what enters this layer at that step; without `check=True` it would have "
            f"looked like a silent neuron."
        )


def _finite_per_step(values: PyTree) -> Bool[Array, " time"] | None:
    arrays = jax.tree.leaves(eqx.filter(values, eqx.is_inexact_array))
    flags = [jnp.isfinite(a).reshape(a.shape[0], -1).all(axis=1) for a in arrays]
    return jnp.stack(flags).all(axis=0) if flags else None


class _Run(eqx.Module):
    """Runs a cell over consecutive steps: by its own `scan` if it has one, else step by step."""

    keep_states: bool
    check: bool
    total: int
    start: Int[Array, ""] | int
    kernel: AbstractKernel
    watch: Callable | None = None
    path: str = ""
    loop: AbstractLoop | None = None  # for each part by itself, where the whole is not to be cut into chunks

    def __call__(
        self, name: str, cell: AbstractCell, state: Any, xs: Trajectory, keys: Keys, keep_states: bool = False
    ) -> tuple[Any, Trajectory, PyTree]:
        keep_states, path = keep_states or self.keep_states, join_path(self.path, name)
        with inside(name):
            run = _Run(keep_states, self.check, self.total, self.start, self.kernel, self.watch, path, self.loop)
            return run.whole(cell, state, xs, keys)

    def whole(self, cell: AbstractCell, state: Any, xs: Trajectory, keys: Keys) -> tuple[Any, Trajectory, PyTree]:
        if self.loop is not None and not isinstance(cell, Stateless) and not needs_all(cell):
            return self._in_chunks(self.loop, cell, state, xs, keys)
        is_sequence = isinstance(cell, AbstractSequenceCell)
        label = f"{self.path} ({_label(cell)})" if self.path else _label(cell)
        if self.check and (self.path or not is_sequence):  # a network's input is its first layer's
            xs = self._checked(xs, xs, f"the input of {label}")
        if is_sequence:
            final, outs, states = cell.scan(self, state, xs, keys)
        else:
            final, outs, states = self._step_through(cell, state, xs, keys)
        if self.watch is not None:
            self.watch(self.path, cell, state, xs, keys, outs)
        if self.check:
            outs = self._checked(outs, (outs, states), label)
        return final, outs, states

    def _in_chunks(
        self, loop: AbstractLoop, cell: AbstractCell, state: Any, xs: Trajectory, keys: Keys
    ) -> tuple[Any, Trajectory, PyTree]:
        def run_chunk(state: Any, steps: Any, start: Int[Array, ""] | int) -> tuple[Any, Any]:
            run = _Run(self.keep_states, self.check, self.total, start, self.kernel, self.watch, self.path)
            state, outs, states = run.whole(cell, state, *steps)
            return state, (outs, states)

        final, (outs, states) = loop(run_chunk, state, (xs, keys))
        return final, outs, states

    def _step_through(
        self, cell: AbstractCell, state: Any, xs: Trajectory, keys: Keys
    ) -> tuple[Any, Trajectory, PyTree]:
        return _stepped(cell, state, xs, keys, self.kernel, self.keep_states, bool(self.path))

    def _checked(self, values: PyTree, watched: PyTree, what: str) -> PyTree:
        """`values`, which raise at run time if anything in `watched` is not finite."""
        finite = _finite_per_step(watched)
        if finite is None or not jax.tree.leaves(eqx.filter(values, eqx.is_array)):
            return values
        # Counted from the end, because under `vmap` the largest index of the batch is reported.
        from_end = self.total - (self.start + jnp.argmin(finite))
        bad = ~finite.all()
        index = jnp.where(bad, from_end, 0)
        return eqx.branched_error_if(values, bad, index, _BadStep(what, self.total))


def _step_through(
    cell: AbstractCell,
    state: Any,
    xs: Trajectory,
    keys: Keys,
    kernel: AbstractKernel,
    keep_states: bool,
    owned: bool,
) -> tuple[Any, Trajectory, PyTree]:
    def body(state: Any, step: Any) -> Any:
        x, key = step
        after, out = _checked_transition(cell, state, cell(state, x, key=key))
        return after, (out, after if keep_states else None)

    final, (outs, states) = kernel(body, state, (xs, keys), owned=owned)
    return final, outs, states


# Layers that are alike are traced, batched and differentiated once.
_stepped = eqx.filter_jit(_step_through)


def _label(cell: AbstractCell) -> str:
    return type_name(getattr(cell, "layer", cell))


def _structs(tree: PyTree) -> PyTree:
    return jax.eval_shape(lambda: tree)


def _differences(given: PyTree, wanted: PyTree) -> list[str]:
    """Where two pytrees of shapes differ, a line each."""
    given_leaves = {jax.tree_util.keystr(p): s for p, s in jax.tree.leaves_with_path(given)}
    wanted_leaves = {jax.tree_util.keystr(p): s for p, s in jax.tree.leaves_with_path(wanted)}
    lines = []
    for path in sorted(given_leaves | wanted_leaves):
        a, b = given_leaves.get(path), wanted_leaves.get(path)
        if a is None or b is None or (a.shape, a.dtype) != (b.shape, b.dtype):
            lines.append(f"  state{path}: given {_short(a)}, expected {_short(b)}")
    return lines


def _short(leaf: Any) -> str:
    return "nothing" if leaf is None else f"{leaf.dtype}[{','.join(map(str, leaf.shape))}]"


def _checked_transition(cell: AbstractCell, state: Any, result: Any) -> tuple[Any, Any]:
    """What a step returned, which must keep the structure, shapes and dtypes of the state."""
    if not (isinstance(result, tuple) and len(result) == 2):
        raise InputError(
            f"{type_name(cell)} returned {eqx.tree_pformat(result)} from a step; it must return "
            f"`(state, out)`, in this order."
        )
    before, after = _structs(state), _structs(result[0])
    same_structure = jax.tree.structure(before) == jax.tree.structure(after)
    if not same_structure or _differences(after, before):
        raise InputError(
            f"{type_name(cell)} changes its state in a step.\n"
            f"before: {eqx.tree_pformat(before)}\n"
            f"after:  {eqx.tree_pformat(after)}\n"
            f"A state keeps its structure, shapes and dtypes. Make `init_state` return what a step "
            f"returns; a dtype is kept by `.astype(state.dtype)`.{advice(state)}"
        )
    return result


def _check_state(cell: AbstractCell, state: Any, expected: Any) -> None:
    """A state that was passed in must be one of this model, for inputs of this shape."""
    given = _structs(state)
    lines = _differences(given, expected)
    if jax.tree.structure(given) != jax.tree.structure(expected) and not lines:
        lines = [f"  given {eqx.tree_pformat(given)}", f"  expected {eqx.tree_pformat(expected)}"]
    if lines:
        raise InputError(
            f"the state given to unroll is not a state of this {type_name(cell)} for inputs of this "
            f"shape:\n" + "\n".join(lines) + "\nPass the final state of an earlier `unroll` of the same "
            "model and input shape, or leave `state` out." + advice(state)
        )


def check_time(xs: Trajectory) -> None:
    """All leaves must have the same number of steps, at least one."""
    shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(xs)]
    if not shapes or any(len(shape) == 0 for shape in shapes):
        raise InputError(
            f"unroll was given xs of shape {shapes[0] if shapes else 'nothing'}; it takes arrays with time "
            f"on axis 0. For one step use `xs[None]`."
        )
    lengths = sorted({shape[0] for shape in shapes})
    if lengths != [lengths[0]] or lengths[0] == 0:
        raise InputError(
            f"unroll was given xs of shape {shapes if len(shapes) > 1 else shapes[0]}; it takes at least "
            f"one time step, and the same number of steps in every array. Time is axis 0."
        )


@overload
def unroll(
    cell: Any,
    xs: Trajectory,
    state: Any = None,
    *,
    key: Key = None,
    record: Callable[[Any, Out], PyTree] | None = None,
    loop: AbstractLoop = BPTT(),
    check: bool = False,
    kernel: AbstractKernel = Recompute(),
    statistics: None = None,
) -> tuple[Any, PyTree]: ...


@overload
def unroll(
    cell: Any,
    xs: Trajectory,
    state: Any = None,
    *,
    key: Key = None,
    record: Callable[[Any, Out], PyTree] | None = None,
    loop: AbstractLoop = BPTT(),
    check: bool = False,
    kernel: AbstractKernel = Recompute(),
    statistics: eqx.nn.State,
) -> tuple[Any, PyTree, eqx.nn.State]: ...


def unroll(
    cell: Any,
    xs: Trajectory,
    state: Any = None,
    *,
    key: Key = None,
    record: Callable[[Any, Out], PyTree] | None = None,
    loop: AbstractLoop = BPTT(),
    check: bool = False,
    kernel: AbstractKernel = Recompute(),
    statistics: eqx.nn.State | None = None,
) -> Any:
    """Run a cell, or a whole network, over a sequence.

    **Arguments:**

    - `cell`: a cell or a layer. Wrapped parameters are resolved once, outside the time loop.
    - `xs`: the inputs of one example, time on axis 0, `(time, *shape)`. A batch is `jax.vmap`.
    - `state`: the state to begin with, for instance the final state of the sequence before; None for
        `cell.init_state`.
    - `key`: a PRNG key for stochastic cells, split per step and per layer.
    - `record`: a function of the state after a step and of its output; what it returns is stacked over time
        and returned in place of the outputs. Recording never changes a spike.
    - `loop`: how the backward pass goes through time: `BPTT()`, `CheckpointedBPTT()`,
        `Budget(bytes)`, `TruncatedBPTT(window)`.
    - `check`: raise at run time if a value is NaN or infinite, with the name of the layer and the first such
        step. Costs time; for debugging.
    - `kernel`: how the loop of a cell over the steps is run and differentiated: `Recompute()`, or `Autodiff()`.
    - `statistics`: what norms keep between sequences, of a model that was made by `eqx.nn.make_with_state`.

    **Returns:** the state after the last step, and the outputs (or recordings) with time on axis 0; with `statistics`
    also these as they are after the sequence. In inference mode they stay the same.

    Raises an `InputError` (a `ValueError`) for inputs a layer cannot take, no time steps, a state of another
    model or shape, and a cell whose step changes the structure of its state.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    xs = 0.3 * jnp.ones((50, 8))                               # 50 steps, 8 neurons
    state, zs = snn.unroll(snn.LIF(tau=10.0), xs)
    _, vs = snn.unroll(snn.LIF(tau=10.0), xs, state, record=lambda state, z: state.v)
    ```
    """
    # Compiled as a whole also when called eagerly: what is not recorded is then not kept either.
    if statistics is None:
        return _compiled(as_cell(cell), xs, state, key, record, loop, check, kernel)
    cell = as_cell(with_statistics(cell, statistics))
    final, ys = _compiled(cell, xs, state, key, record, loop, check, kernel)
    return final, ys, updated_by(statistics, final)


def run_part(cell: AbstractCell, state: Any, xs: Trajectory, keys: Keys, kernel: AbstractKernel) -> tuple:
    """A cell over consecutive steps, as it is run inside of a network: the final state and the outputs."""
    return _Run(False, False, jax.tree.leaves(xs)[0].shape[0], 0, kernel).whole(cell, state, xs, keys)[:2]


def tile_of(cell: AbstractCell, steps: int) -> int:
    """How many steps all layers of a network are run for, before they are for the next ones."""
    tiled = isinstance(cell, AbstractSequenceCell) and not needs_all(cell) and jax.default_backend() == "cpu"
    return tile(steps) if tiled else steps


def run_whole(
    cell: AbstractCell,
    xs: Trajectory,
    state: Any,
    key: Key,
    record: Callable | None,
    loop: AbstractLoop,
    check: bool,
    kernel: AbstractKernel,
    watch: Callable | None = None,
    start: Int[Array, ""] | int = 0,
) -> tuple[Any, PyTree]:
    """What `unroll` compiles. `watch(path, cell, state, xs, keys, outs)` is told of every part that is run.

    `start` is the number of steps before these, of whose keys they get the next ones.
    """
    xs = jax.tree.map(jnp.asarray, xs)
    check_time(xs)
    total = jax.tree.leaves(xs)[0].shape[0]
    cell = resolve(cell)
    first = jax.tree.map(lambda a: a[0], xs)
    init_key, step_key = split_key(key, 2)
    if state is None:
        state = cell.init_state(first, key=init_key)
    else:
        expected = eqx.filter_eval_shape(lambda x, k: cell.init_state(x, key=k), first, init_key)
        _check_state(cell, state, expected)
        state = jax.tree.map(jnp.asarray, state)
    # The key of a step depends on its index only, so that a sequence may be cut anywhere.
    keys = None if step_key is None else jax.vmap(lambda t: jr.fold_in(step_key, t))(start + jnp.arange(total))

    parts_loop = loop if needs_all(cell) else None

    def run_chunk(state: Any, steps: Any, start: Int[Array, ""] | int) -> tuple[Any, PyTree]:
        xs, keys = steps
        run = _Run(record is not None or check, check, total, start, kernel, watch, loop=parts_loop)
        state, outs, states = run.whole(cell, state, xs, keys)
        return state, outs if record is None else jax.vmap(record)(states, outs)

    if type(loop) is BPTT and watch is None:  # who watches sees each layer's whole sequence
        return in_chunks(run_chunk, state, (xs, keys), tile_of(cell, total))
    if parts_loop is not None:
        return run_chunk(state, (xs, keys), 0)
    return loop(run_chunk, state, (xs, keys))


# Inlined where the caller compiles: XLA optimises little across the border of a call.
_compiled = eqx.filter_jit(run_whole, inline=True)  # pyright: ignore[reportCallIssue]
