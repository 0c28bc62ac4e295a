"""How a model will be run over a sequence, and in how much memory, before it is run."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from ._cell import AbstractCell, AbstractSequenceCell, Stateless, as_cell
from ._kernel import AbstractKernel, Recompute
from ._kernel._trace import Loop
from ._kernel._weights import products
from ._loop import BPTT, AbstractLoop, CheckpointedBPTT
from ._misc import type_name
from ._parameter import trainable
from ._types import Key, Trajectory
from ._unroll import run_whole


@dataclasses.dataclass(frozen=True)
class Part:
    """A layer in a `Plan`. `operations`: of a forward pass; `kept`: bytes per sequence kept for the backward pass."""

    path: str
    name: str
    schedule: str
    why: str
    given: str
    returned: str
    operations: int
    kept: int


@dataclasses.dataclass(frozen=True)
class Plan:
    """What `explain` found; `print` shows it as a table."""

    steps: int
    parts: tuple[Part, ...]

    def __str__(self) -> str:
        rows = [("layer", "", "given", "returned", "operations", "kept", "schedule")]
        for part in self.parts:
            operations, kept = _short(part.operations, 1000, ""), _short(part.kept, 1024, "B")
            rows.append((part.path or ".", part.name, part.given, part.returned, operations, kept, part.schedule))
        widths = [max(len(row[i]) for row in rows) for i in range(6)]
        lines = [f"{self.steps} steps"]
        for row, why in zip(rows, ["", *(part.why for part in self.parts)], strict=True):
            cells = [cell.ljust(width) for cell, width in zip(row[:6], widths, strict=True)]
            lines.append("  ".join([*cells, row[6] + (f": {why}" if why else "")]).rstrip())
        return "\n".join(lines)


def explain(model: Any, xs: Trajectory, *, key: Key = None, kernel: AbstractKernel = Recompute()) -> Plan:
    """The schedule of a model: what is computed for all steps at once, what is looped, and why.

    Nothing is run. Operations and bytes are those of one example.

    **Arguments:**

    - `model`: a cell or a layer.
    - `xs`: the inputs of one example, time on axis 0; arrays or `jax.ShapeDtypeStruct`s.
    - `key`: a PRNG key, for stochastic models.
    - `kernel`: as for `unroll`.

    **Returns:** a `Plan`, to be printed.

    ```python
    import equinox as eqx
    import jax
    import snnjax as snn

    model = snn.Sequential(eqx.nn.Linear(8, 4, key=jax.random.key(0)), snn.LIF())
    plan = snn.explain(model, jax.ShapeDtypeStruct((50, 8), "float32"))
    print(plan)
    assert [part.schedule for part in plan.parts] == ["all steps at once", "loop"]
    ```
    """
    parts: list[Part] = []

    def watch(path: str, cell: AbstractCell, state: Any, xs: Any, keys: Any, outs: Any) -> None:
        part = _part(path, cell, state, xs, keys, outs, kernel)
        if part is not None:
            parts.append(part)

    def whole(xs: Trajectory, key: Key) -> Any:
        return run_whole(as_cell(model), xs, None, key, None, BPTT(), False, kernel, watch)

    eqx.filter_eval_shape(whole, xs, key)
    return Plan(jax.tree.leaves(xs)[0].shape[0], tuple(parts))


def _part(path: str, cell: AbstractCell, state: Any, xs: Any, keys: Any, outs: Any, kernel: AbstractKernel) -> Any:
    steps = jax.tree.leaves(xs)[0].shape[0]
    x, key = jax.tree.map(lambda a: a[0], (xs, keys))
    loop = Loop(lambda state, x: cell(state, x, key=key), state, x)
    if isinstance(cell, Stateless):
        schedule, why, kept = "all steps at once", "it has no state", _bytes(xs)
    elif isinstance(cell, AbstractSequenceCell):
        if any(isinstance(leaf, AbstractCell) for leaf in _children(cell)):
            return None  # its parts are listed
        schedule, why, kept = "its own way through time", type_name(cell), _bytes(outs)
    else:
        schedule, why = "loop", f"{len(loop.body)} operations a step"
        kept = steps * _bytes(state)
        if isinstance(kernel, Recompute):
            found = products(loop)
            outside = len(loop._before)
            why += f", {outside} outside of it" if outside else ""
            why += f", gradient of {len(found)} weights after it" if found else ""
            kept += steps * sum(2 * _bytes(p.eqn.outvars[0].aval) for p in found)
        else:
            why += f", kept as {type(kernel).__name__} does, which may be more"
    name = type_name(getattr(cell, "layer", cell))
    return Part(path, name, schedule, why, _shape(xs), _shape(outs), steps * _operations(loop), kept)


def _children(cell: Any) -> list:
    def inner(node: Any) -> bool:
        return node is not cell and (isinstance(node, AbstractCell) or callable(node))

    return [as_cell(n) for n in jax.tree.leaves(cell, is_leaf=inner) if inner(n) and not isinstance(n, type)]


def _operations(loop: Loop) -> int:
    """Multiplications and additions count as one each."""
    total = 0
    for eqn in loop.body:
        size = sum(math.prod(v.aval.shape) for v in eqn.outvars)
        if eqn.primitive.name == "dot_general":
            ((contracted, _), _) = eqn.params["dimension_numbers"]
            size *= 2 * math.prod(eqn.invars[0].aval.shape[axis] for axis in contracted)
        total += size
    return total


def _bytes(tree: Any) -> int:
    return sum(math.prod(a.shape) * jnp.dtype(a.dtype).itemsize for a in jax.tree.leaves(tree) if hasattr(a, "dtype"))


def _shape(tree: Any) -> str:
    return " ".join(f"{a.dtype}[{','.join(map(str, a.shape))}]" for a in jax.tree.leaves(tree)) or "nothing"


def _short(number: float, thousand: int, unit: str) -> str:
    for prefix in ("", "k", "M", "G", "T"):
        if number < thousand or prefix == "T":
            break
        number /= thousand
    return f"{number:.3g} {prefix}{unit}".strip()


@dataclasses.dataclass(frozen=True)
class Memory:
    """What `memory` found: for each loop, the temporary bytes of a forward pass, and of a forward and backward pass."""

    forward: dict[str, int]
    backward: dict[str, int]

    def __str__(self) -> str:
        width = max(map(len, self.forward))
        lines = [f"{'loop':{width}}  forward     forward and backward"]
        for name, forward in self.forward.items():
            lines.append(f"{name:{width}}  {_short(forward, 1024, 'B'):10}  {_short(self.backward[name], 1024, 'B')}")
        return "\n".join(lines)


def memory(
    model: Any,
    xs: Trajectory,
    *,
    batch: int | None = None,
    loops: Sequence[AbstractLoop] = (BPTT(), CheckpointedBPTT()),
    key: Key = None,
    kernel: AbstractKernel = Recompute(),
) -> Memory:
    """Peak temporary memory of a model under each loop, by the account of the compiler; nothing is run.

    Inputs, outputs, parameters and their gradients are not part of it. The backward pass is that of a loss that looks at
    every output.

    **Arguments:**

    - `model`: a cell or a layer.
    - `xs`: the inputs of one example, time on axis 0; arrays or `jax.ShapeDtypeStruct`s.
    - `batch`: how many examples at once, by `jax.vmap`; None for one without it.
    - `loops`: the loops to compare.
    - `key`: a PRNG key, for stochastic models.
    - `kernel`: as for `unroll`.

    **Returns:** a `Memory`, to be printed; its `forward` and `backward` are dictionaries.

    ```python
    import jax
    import snnjax as snn

    report = snn.memory(snn.LIF(), jax.ShapeDtypeStruct((1000, 64), "float32"))
    print(report)
    assert report.backward["CheckpointedBPTT(size=None)"] < report.backward["BPTT()"]
    ```
    """
    cell = as_cell(model)
    params, rest = eqx.partition(cell, trainable(cell))

    def run(params: Any, xs: Trajectory, loop: AbstractLoop) -> Any:
        def one(xs: Trajectory) -> Any:
            return run_whole(eqx.combine(params, rest), xs, None, key, None, loop, False, kernel)[1]

        return one(xs) if batch is None else jax.vmap(one, in_axes=1, out_axes=1)(xs)

    def struct(a: Any) -> jax.ShapeDtypeStruct:
        shape = a.shape if batch is None else (a.shape[0], batch, *a.shape[1:])
        return jax.ShapeDtypeStruct(shape, a.dtype)

    def temporary(function: Any, *args: Any) -> int:
        analysis = jax.jit(function).lower(*args).compile().memory_analysis()
        return analysis.temp_size_in_bytes

    inputs = jax.tree.map(struct, xs)
    forward, backward = {}, {}
    for loop in loops:
        weights = jax.eval_shape(lambda p, x, loop=loop: run(p, x, loop), params, inputs)

        def gradient(params: Any, xs: Trajectory, weights: Any, loop: AbstractLoop = loop) -> Any:
            def loss(params: Any) -> Any:
                outs = run(params, xs, loop)
                return sum(jnp.vdot(a, w) for a, w in zip(jax.tree.leaves(outs), jax.tree.leaves(weights), strict=True))

            return jax.grad(loss)(params)

        forward[str(loop)] = temporary(lambda p, x, loop=loop: run(p, x, loop), params, inputs)
        backward[str(loop)] = temporary(gradient, params, inputs, weights)
    return Memory(forward, backward)
