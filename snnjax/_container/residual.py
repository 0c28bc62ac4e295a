"""A skip connection around a body."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import PyTree

from .._cell import AbstractSequenceCell, RunPart, as_cell
from .._errors import InputError, inside
from .._misc import split_key, split_keys
from .._types import Key, Keys, Out, Trajectory


class ResidualState(eqx.Module):
    """State of a `Residual`: that of its body and that of its shortcut (None for layers without)."""

    body: PyTree
    shortcut: PyTree


def _identity(x: Any) -> Any:
    return x


def _add(out: Any, skip: Any) -> Any:
    if jnp.shape(out) != jnp.shape(skip):
        raise InputError(
            f"Residual was given a body that puts out {jnp.shape(out)} for a skip of {jnp.shape(skip)}; it "
            f"takes equal shapes. Give a `shortcut` layer that maps the input to the body's output."
        )
    return out + skip


class Residual(AbstractSequenceCell[ResidualState]):
    """`out = body(x) + shortcut(x)`, in the same step.

    **Arguments:**

    - `body`: a cell or layer.
    - `shortcut`: a cell or layer for the skip connection; None passes the input on as it is.

    Raises an `InputError` if the two outputs differ in shape.

    ```python
    import equinox as eqx
    import jax
    import snnjax as snn

    key = jax.random.key(0)
    block = snn.Residual(snn.Sequential(eqx.nn.Linear(8, 8, key=key), snn.LIF()))
    final, ys = snn.unroll(block, jax.random.normal(key, (50, 8)))
    ```
    """

    body: Any
    shortcut: Any = None

    def __check_init__(self) -> None:
        self._parts()

    def _parts(self) -> tuple:
        return as_cell(self.body), as_cell(_identity if self.shortcut is None else self.shortcut)

    def init_state(self, x: Any, *, key: Key = None) -> ResidualState:
        body, shortcut = self._parts()
        k1, k2 = split_key(key, 2)
        with inside("body"):
            body_state = body.init_state(x, key=k1)
        with inside("shortcut"):
            return ResidualState(body_state, shortcut.init_state(x, key=k2))

    def __call__(self, state: ResidualState, x: Any, *, key: Key = None) -> tuple[ResidualState, Out]:
        body, shortcut = self._parts()
        k1, k2 = split_key(key, 2)
        with inside("body"):
            body_state, out = body(state.body, x, key=k1)
        with inside("shortcut"):
            shortcut_state, skip = shortcut(state.shortcut, x, key=k2)
        return ResidualState(body_state, shortcut_state), _add(out, skip)

    def scan(
        self, run: RunPart, state: ResidualState, xs: Trajectory, keys: Keys
    ) -> tuple[ResidualState, Trajectory, ResidualState]:
        body, shortcut = self._parts()
        k1, k2 = split_keys(keys, 2)
        body_state, outs, body_states = run("body", body, state.body, xs, k1)
        skip_state, skips, skip_states = run("shortcut", shortcut, state.shortcut, xs, k2)
        final = ResidualState(body_state, skip_state)
        return final, _add(outs, skips), ResidualState(body_states, skip_states)
