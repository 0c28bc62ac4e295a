"""Several branches fed with the same input."""

from collections.abc import Callable
from typing import Any

import jax

from .._cell import AbstractSequenceCell, RunPart, as_cell
from .._errors import inside
from .._misc import split_key, split_keys
from .._types import Key, Keys, Out, Trajectory
from .joins import Sum


class Parallel(AbstractSequenceCell[tuple]):
    """Branches that see the same input in the same step; their outputs are combined.

    **Arguments:**

    - `*branches`: cells, layers and functions.
    - `combine`: a function of the list of outputs of one step: `Sum()`, `Concatenate(axis)`, or your own;
        `tuple` keeps them apart.

    Raises a `ValueError` for no branches at all.

    ```python
    import equinox as eqx
    import jax
    import snnjax as snn

    k1, k2 = jax.random.split(jax.random.key(0))
    fast = snn.Sequential(eqx.nn.Linear(8, 4, key=k1), snn.LIF(tau=2.0))
    slow = snn.Sequential(eqx.nn.Linear(8, 4, key=k2), snn.LIF(tau=50.0))
    both = snn.Parallel(fast, slow, combine=snn.Concatenate())
    final, zs = snn.unroll(both, jax.random.normal(k1, (50, 8)))
    assert zs.shape == (50, 8)
    ```
    """

    branches: tuple[Any, ...]
    combine: Callable

    def __init__(self, *branches: Any, combine: Callable = Sum()):
        if not branches:
            raise ValueError("Parallel was given no branches; it takes at least one.")
        for i, branch in enumerate(branches):
            with inside(f"branches[{i}]"):
                as_cell(branch)
        self.branches = branches
        self.combine = combine

    def init_state(self, x: Any, *, key: Key = None) -> tuple:
        states = []
        keys = split_key(key, len(self.branches))
        for i, branch in enumerate(self.branches):
            with inside(f"branches[{i}]"):
                states.append(as_cell(branch).init_state(x, key=keys[i]))
        return tuple(states)

    def __call__(self, state: tuple, x: Any, *, key: Key = None) -> tuple[tuple, Out]:
        after, outs = [], []
        keys = split_key(key, len(self.branches))
        for i, (branch, before) in enumerate(zip(self.branches, state, strict=True)):
            with inside(f"branches[{i}]"):
                new, out = as_cell(branch)(before, x, key=keys[i])
            after.append(new)
            outs.append(out)
        return tuple(after), self.combine(outs)

    def scan(self, run: RunPart, state: tuple, xs: Trajectory, keys: Keys) -> tuple[tuple, Trajectory, tuple]:
        branch_keys = split_keys(keys, len(self.branches))
        results = [
            run(f"branches[{i}]", as_cell(branch), before, xs, branch_keys[i])
            for i, (branch, before) in enumerate(zip(self.branches, state, strict=True))
        ]
        final, outs, states = zip(*results, strict=True)
        return final, jax.vmap(self.combine)(list(outs)), states
