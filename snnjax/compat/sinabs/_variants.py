"""Layers whose spikes come back, and layers for arrays in which batch and time are one axis."""

import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ..._cell import as_cell
from ..._errors import InputError, inside
from ..._misc import split_key, type_name
from ..._parameter import Param
from ..._types import Key
from ._alif import ALIF
from ._layer import Result, StatefulLayer
from ._lif import IAF, LIF, ExpLeak


class RecurrentState(eqx.Module):
    """State of a recurrent layer: of its neurons, of `rec_connect`, and what that adds to the next input."""

    cell: PyTree
    rec_connect: PyTree
    back: Array


class Recurrent(StatefulLayer):
    """Adds `rec_connect(spikes)` to the input of the next step, and nothing to the first one.

    `snn.Recurrent` applies its feedback to the zeros before the first step, which differs if it has a bias.
    """

    rec_connect: eqx.AbstractVar[Any]

    def init_state(self, x: Any, *, key: Key = None) -> RecurrentState:
        k1, k2 = split_key(key, 2)
        cell = super().init_state(x, key=k1)
        back = jnp.zeros_like(x)
        with inside("rec_connect"):
            return RecurrentState(cell, as_cell(self.rec_connect).init_state(back, key=k2), back)

    def __call__(self, state: RecurrentState, x: Any, *, key: Key = None) -> tuple[RecurrentState, Any]:
        k1, k2 = split_key(key, 2)
        cell, out = super().__call__(state.cell, x + state.back, key=k1)
        with inside("rec_connect"):
            connection, back = as_cell(self.rec_connect)(state.rec_connect, out, key=k2)
        if jnp.size(back) != jnp.size(x):
            raise InputError(
                f"{type_name(self)} was given a rec_connect that puts out {jnp.shape(back)} for spikes of "
                f"{jnp.shape(x)}; it takes one that puts out as many numbers as there are neurons."
            )
        return RecurrentState(cell, connection, back.reshape(x.shape).astype(x.dtype)), out

    def leaves(self, state: RecurrentState) -> dict[str, Any]:
        return super().leaves(state.cell)


class LIFRecurrent(Recurrent, LIF):
    """A `LIF` whose spikes come back: `rec_connect(spikes)` is added to the input of the next step.

    **Arguments:** `tau_mem`, `rec_connect`, and then those of `LIF`.

    - `rec_connect`: any layer or cell of one example and one step, from spikes to as many numbers.

    What comes back is part of the state, so that pieces of a sequence equal the whole; sinabs forgets it between calls.
    """

    rec_connect: Any = None

    def __init__(self, tau_mem: Param, rec_connect: Any, *arguments: Any, **options: Any):
        LIF.__init__(self, tau_mem, *arguments, **options)
        self.rec_connect = rec_connect


class IAFRecurrent(Recurrent, IAF):
    """An `IAF` whose spikes come back, see `LIFRecurrent`. **Arguments:** `rec_connect`, and then those of `IAF`."""

    rec_connect: Any = None

    def __init__(self, rec_connect: Any, *arguments: Any, **options: Any):
        IAF.__init__(self, *arguments, **options)
        self.rec_connect = rec_connect


class ALIFRecurrent(Recurrent, ALIF):
    """An `ALIF` whose spikes come back, see `LIFRecurrent`.

    **Arguments:** `tau_mem`, `tau_adapt`, `rec_connect`, and then those of `ALIF`.
    """

    rec_connect: Any = None

    def __init__(self, tau_mem: Param, tau_adapt: Param, rec_connect: Any, *arguments: Any, **options: Any):
        ALIF.__init__(self, tau_mem, tau_adapt, *arguments, **options)
        self.rec_connect = rec_connect


class Squeeze(StatefulLayer):
    """Takes arrays with axes (batch * time, ...), as layers do that know no time.

    **Arguments:** by name only the last:

    - `batch_size`, `num_timesteps`: one of them, or both.
    - `**options`: the arguments of the layer without `Squeeze` in its name.

    Raises a `TypeError` if both are missing.
    """

    batch_size: int = eqx.field(default=-1, static=True)
    num_timesteps: int = eqx.field(default=-1, static=True)

    def __init__(self, batch_size: int | None = None, num_timesteps: int | None = None, **options: Any):
        if not batch_size and not num_timesteps:
            raise TypeError(
                f"{type_name(self)} was given neither batch_size nor num_timesteps; it takes at least one of them, to "
                f"tell the batch from the time."
            )
        super().__init__(**options)
        self.batch_size, self.num_timesteps = int(batch_size or -1), int(num_timesteps or -1)

    def run(self, input_data: Float[Array, "..."], state: PyTree = None, *, key: Key = None) -> Result:
        """As in `StatefulLayer.run`, but with data and outputs of shape (batch * time, ...).

        The state has the batch on axis 0, and recordings have axes (batch, time, ...).
        """
        data = jnp.asarray(input_data)
        inflated = self.batch_size, self.num_timesteps
        known = math.prod(size for size in inflated if size != -1)
        if data.ndim < 1 or data.shape[0] % known or (-1 not in inflated and data.shape[0] != known):
            raise InputError(
                f"{type_name(self)} was given data of shape {data.shape}; it takes (batch * time, ...) with "
                f"batch_size={self.batch_size} and num_timesteps={self.num_timesteps}, where -1 is any. Give only one "
                f"of them for data of any length."
            )
        result = super().run(data.reshape(*inflated, *data.shape[1:]), state, key=key)
        return result._replace(outputs=result.outputs.reshape(data.shape))


class LIFSqueeze(Squeeze, LIF):
    """A `LIF` for arrays with axes (batch * time, ...), see `Squeeze`."""


class IAFSqueeze(Squeeze, IAF):
    """An `IAF` for arrays with axes (batch * time, ...), see `Squeeze`."""


class ExpLeakSqueeze(Squeeze, ExpLeak):
    """An `ExpLeak` for arrays with axes (batch * time, ...), see `Squeeze`."""


class ALIFSqueeze(Squeeze, ALIF):
    """An `ALIF` for arrays with axes (batch * time, ...), see `Squeeze`."""
