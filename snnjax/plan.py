"""How a model will be run over a sequence, and in how much memory, before it is run."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.extend.core as jex
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import PyTree

from ._cell import AbstractCell, AbstractSequenceCell, Stateless, as_cell
from ._container import Graph
from ._kernel import AbstractKernel, Recompute
from ._kernel._trace import Loop, traced, variables
from ._kernel._weights import products
from ._loop import BPTT, AbstractLoop, CheckpointedBPTT
from ._loop._memory import backward_bytes, temporary_bytes
from ._misc import type_name
from ._parameter import trainable
from ._types import Key, Keys, Trajectory
from ._unroll import run_part, run_whole, tile_of


@dataclasses.dataclass(frozen=True)
class Part:
    """A row of a `Plan`: a layer that is run over the whole sequence by itself.

    `path` and `name` say which; `schedule` is "all steps at once", "loop", or "its own way through time", and `why` the
    reason; `given` and `returned` are shapes; `operations` counts those of a forward pass over all steps; `kept` is the
    bytes that the backward pass takes over from it, its inputs among them, its parameters not.
    """

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
    """What `explain` found: the number of steps, and the parts in the order in which they are run.

    The parts are run one after the other for `tile` steps, and then for the next ones. `kept` is the bytes kept for the
    backward pass in all, which is less than the sum where one part's output is the next one's input.
    """

    steps: int
    tile: int
    parts: tuple[Part, ...]
    kept: int

    def __str__(self) -> str:
        rows = [("layer", "", "given", "returned", "operations", "kept", "schedule")]
        for part in self.parts:
            cells = part.path or ".", part.name, part.given, part.returned, _count(part.operations), _size(part.kept)
            rows.append((*cells, f"{part.schedule}: {part.why}"))
        total = _count(sum(part.operations for part in self.parts)), _size(self.kept)
        steps = f"{self.steps} steps" + (f", {self.tile} at a time" if self.tile < self.steps else "")
        rows.append(("in all", "", steps, "", *total, ""))
        widths = [max(len(row[i]) for row in rows) for i in range(6)] + [0]
        return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def explain(model: Any, xs: Trajectory, *, key: Key = None, kernel: AbstractKernel = Recompute()) -> Plan:
    """The schedule of a model: what is computed for all steps at once, what is looped, why, and at what cost.

    Nothing is run or compiled. Operations and bytes are those of one example.

    **Arguments:**

    - `model`: a cell or a layer; its arrays may be `jax.ShapeDtypeStruct`s, as `eqx.filter_eval_shape` makes them.
    - `xs`: the inputs of one example, time on axis 0; arrays or `jax.ShapeDtypeStruct`s.
    - `key`: a PRNG key, for stochastic models.
    - `kernel`: as for `unroll`.

    **Returns:** a `Plan`, to be printed.

    Raises what `unroll` raises for such inputs.

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

    def watch(path: str, cell: AbstractCell, state: Any, xs: Any, keys: Keys, outs: Any) -> None:
        inside = f"{path}." if path else ""
        if not any(part.path == path or part.path.startswith(inside) for part in parts):  # its parts are listed
            parts.append(_part(path, cell, state, xs, keys, outs, kernel))

    def whole(model: Any, xs: Trajectory, key: Key) -> Any:
        cell = as_cell(model)
        outs = run_whole(cell, xs, None, key, None, BPTT(), False, kernel, watch)
        kept.append(_kept(lambda xs: run_whole(cell, xs, None, key, None, BPTT(), False, kernel), xs))
        return outs

    kept: list[int] = []
    eqx.filter_eval_shape(whole, model, xs, key)
    steps = jax.tree.leaves(xs)[0].shape[0]
    return Plan(steps, tile_of(as_cell(model), steps), tuple(parts), kept[0])


def _part(path: str, cell: AbstractCell, state: Any, xs: Any, keys: Keys, outs: Any, kernel: AbstractKernel) -> Part:
    steps = jax.tree.leaves(xs)[0].shape[0]

    def run(state: Any, xs: Any) -> Any:
        return run_part(cell, state, xs, keys, kernel)

    if isinstance(cell, AbstractSequenceCell):
        schedule, why = "its own way through time", f"{type_name(cell)} knows one"
        if isinstance(cell, Stateless):
            schedule, why = "all steps at once", "it has no state"
        function, *args = _closed(run, state, xs)
        operations = _operations(function, *args)
    else:
        x, key = jax.tree.map(lambda a: a[0], (xs, keys))
        loop = Loop(lambda state, x: cell(state, x[0], key=x[1]), state, (x, key))
        schedule, why = "loop", _why(cell, loop, kernel)
        invariants = jax.eval_shape(loop.invariants)
        leaves = _shapes((jax.tree.leaves(state), jax.tree.leaves((x, key))))
        operations = steps * _operations(lambda *args: loop.ends(loop.values(*args)), invariants, *leaves)
    name = type_name(getattr(cell, "layer", cell))
    return Part(path, name, schedule, why, _words(xs), _words(outs), operations, _kept(run, state, xs))


def _why(cell: AbstractCell, loop: Loop, kernel: AbstractKernel) -> str:
    reasons = ["a step needs the state of the one before"]
    held = _held(cell)
    if held:
        reasons.append(f"{' and '.join(held)} step together")
    if isinstance(kernel, Recompute):
        once, weights = len(loop.jaxpr.eqns) - len(loop.body), len(products(loop))
        reasons += [f"operations on constants, done once: {once}"] * (once > 0)
        reasons += [f"weights whose gradient is made after the loop: {weights}"] * (weights > 0)
    early = _independent_products(loop)
    if early:
        reasons.append(
            f"products that take nothing of the state: {early}, which a layer in front of this cell, in a "
            f"`Sequential`, would do for all steps at once"
        )
    return "; ".join(reasons)


def _held(cell: AbstractCell) -> list[str]:
    """The cells and layers that a cell holds and steps itself."""

    def is_layer(node: Any) -> bool:
        if node is cell or isinstance(node, Graph):  # the nodes of a graph, which may be only those of a circle
            return False
        return isinstance(node, AbstractCell) or type(node).__module__.startswith("equinox.nn")

    found = jax.tree_util.tree_leaves_with_path(cell, is_leaf=is_layer)
    return [f"{jax.tree_util.keystr(path)[1:]} ({type_name(node)})" for path, node in found if is_layer(node)]


def _independent_products(loop: Loop) -> int:
    """How many products in the body of the loop are of the step's input alone."""
    moving = set(loop.jaxpr.invars[: loop.state_size])
    count = 0
    for eqn in loop.body:
        if moving.isdisjoint(variables(eqn.invars)):
            count += eqn.primitive.name in ("dot_general", "conv_general_dilated")
        else:
            moving.update(eqn.outvars)
    return count


def _closed(function: Callable, *args: PyTree) -> tuple[Callable, list, list]:
    """A function of what it closes over and of its arguments, as lists of leaves; and their shapes."""
    closed = jax.make_jaxpr(function)(*args)

    def flat(consts: list, leaves: list) -> list:
        return jex.jaxpr_as_fun(jex.ClosedJaxpr(closed.jaxpr, consts))(*leaves)

    return flat, _shapes(closed.consts), _shapes(jax.tree.leaves(args))


def _operations(function: Callable, *args: PyTree) -> int:
    """By the compiler's count: a multiplication, an addition, an exponential is one each."""
    costs: Any = jax.jit(function).lower(*args).cost_analysis() or {}
    return round(costs.get("flops", 0) + costs.get("transcendentals", 0))


def _kept(function: Callable, *args: PyTree) -> int:
    """Bytes that the backward pass takes over, but for what is closed over and what is made of that alone."""
    flat, consts, leaves = _closed(function, *args)

    def residuals(consts: list, leaves: list) -> Any:
        moving, still = eqx.partition((consts, leaves), eqx.is_inexact_array)
        return jax.vjp(lambda moving: flat(*eqx.combine(moving, still)), moving)[1]

    jaxpr = traced(residuals, consts, leaves).jaxpr
    constant = {*jaxpr.constvars, *jaxpr.invars[: len(consts)]}
    for eqn in jaxpr.eqns:
        if constant.issuperset(variables(eqn.invars)):
            constant.update(eqn.outvars)
    kept = set(variables(jaxpr.outvars)) - constant
    return sum(math.prod(v.aval.shape) * v.aval.dtype.itemsize for v in kept)


def _shapes(tree: PyTree) -> PyTree:
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct(jnp.shape(a), a.dtype), tree)


def _words(tree: PyTree) -> str:
    return " ".join(f"{a.dtype}[{','.join(map(str, a.shape))}]" for a in jax.tree.leaves(tree)) or "nothing"


def _count(number: int) -> str:
    return _short(number, 1000, ("", " k", " M", " G", " T"))


def _size(number: int) -> str:
    return _short(number, 1024, (" B", " KiB", " MiB", " GiB", " TiB"))


def _short(number: int | float, thousand: int, units: tuple[str, ...]) -> str:
    power = 0
    while number >= thousand and power < len(units) - 1:
        number, power = number / thousand, power + 1
    return f"{number:.4g}{units[power]}"


@dataclasses.dataclass(frozen=True)
class Memory:
    """What `memory` found: for each loop, the temporary bytes of a forward pass, and of a forward and backward pass."""

    forward: dict[str, int]
    backward: dict[str, int]

    def __str__(self) -> str:
        width = max(map(len, self.forward))
        lines = [f"{'loop':{width}}  forward     forward and backward"]
        for name, forward in self.forward.items():
            lines.append(f"{name:{width}}  {_size(forward):10}  {_size(self.backward[name])}")
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

    Inputs, outputs, parameters and their gradients are not part of it. The backward pass is from all outputs and the
    final state to all trained parameters (to the inputs if there are none); the loss is not part of it either.

    **Arguments:**

    - `model`: a cell or a layer; its arrays may be `jax.ShapeDtypeStruct`s.
    - `xs`: the inputs of one example, time on axis 0; arrays or `jax.ShapeDtypeStruct`s.
    - `batch`: how many examples at once, by `jax.vmap` with time on axis 0; None for one without it.
    - `loops`: the loops to compare.
    - `key`: a PRNG key, for stochastic models.
    - `kernel`: as for `unroll`.

    **Returns:** a `Memory`, to be printed; its `forward` and `backward` are dictionaries.

    ```python
    import jax
    import snnjax as snn

    report = snn.memory(snn.LIF(), jax.ShapeDtypeStruct((1000, 64), "float32"))
    print(report)
    assert report.backward["CheckpointedBPTT()"] < report.backward["BPTT()"]
    ```
    """
    params, rest = eqx.filter_eval_shape(lambda cell: eqx.partition(cell, trainable(cell)), as_cell(model))
    arrays, rest = eqx.partition(rest, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))
    forward, backward = {}, {}
    for loop in loops:

        def one(params: Any, inputs: Any, loop: AbstractLoop = loop) -> Any:
            arrays, xs, key = inputs
            return run_whole(eqx.combine(params, arrays, rest), xs, None, key, None, loop, False, kernel)

        run, inputs = one, (arrays, xs, key)
        if batch is not None:
            run = jax.vmap(one, in_axes=(None, (None, 1, 0)), out_axes=(0, 1), axis_name="batch")
            widened = jax.tree.map(lambda a: jax.ShapeDtypeStruct((a.shape[0], batch, *a.shape[1:]), a.dtype), xs)
            inputs = arrays, widened, None if key is None else jr.split(key, batch)
        forward[str(loop)] = temporary_bytes(run, params, inputs)
        if jax.tree.leaves(params):
            backward[str(loop)] = backward_bytes(run, params, inputs)
        else:
            still = inputs[0], inputs[2]
            backward[str(loop)] = backward_bytes(
                lambda xs, still, run=run: run(params, (still[0], xs, still[1])), inputs[1], still
            )
    return Memory(forward, backward)
