"""SpikingJelly's recurrent layers: gates that spike instead of sigmoids and tanhs.

`weight_ih`, `weight_hh` and their biases are those of the library, gates one below the other; they start evenly between
`+-1 / sqrt(hidden_size)`. A cell takes one example `(input_size,)` and puts out its hidden state `(hidden_size,)`.
"""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from ..._cell import AbstractCell
from ..._container import Sequential
from ..._errors import InputError
from ..._misc import as_current, cast, state_dtype
from ..._surrogate import AbstractSpike
from ..._types import Key
from .surrogate import Erf, Smooth

_ERF = Erf()


class Gates(eqx.Module):
    """The linear maps into some gates: of the input, and of the hidden state."""

    weight_ih: Float[Array, "gates inputs"]
    weight_hh: Float[Array, "gates hidden"]
    bias_ih: Float[Array, " gates"] | None
    bias_hh: Float[Array, " gates"] | None
    count: int = eqx.field(static=True)

    def __init__(self, input_size: int, hidden_size: int, count: int, bias: bool, key: Key):
        if key is None:
            raise ValueError("a recurrent layer was given no key; its weights are drawn, which takes a PRNG key.")
        k1, k2, k3, k4 = jr.split(key, 4)
        rows, bound = count * hidden_size, 1 / math.sqrt(hidden_size)
        self.weight_ih = jr.uniform(k1, (rows, input_size), minval=-bound, maxval=bound)
        self.weight_hh = jr.uniform(k2, (rows, hidden_size), minval=-bound, maxval=bound)
        self.bias_ih = jr.uniform(k3, (rows,), minval=-bound, maxval=bound) if bias else None
        self.bias_hh = jr.uniform(k4, (rows,), minval=-bound, maxval=bound) if bias else None
        self.count = count

    def starting(self, x: Any) -> Float[Array, " hidden"]:
        """A hidden state of zeros, for an input of the right shape."""
        inputs, hidden = self.weight_ih.shape[1], self.weight_hh.shape[1]
        if tuple(x.shape) != (inputs,):
            raise InputError(
                f"a recurrent layer was given one step of shape {tuple(x.shape)}; it takes ({inputs},). Time is axis 0 "
                f"of the sequence, a batch is `jax.vmap` over `unroll`."
            )
        return jnp.zeros_like(x, shape=(hidden,), dtype=state_dtype(x))

    def of_input(self, x: Float[Array, " inputs"]) -> list[Array]:
        return self._split(self.weight_ih, self.bias_ih, x)

    def of_hidden(self, h: Float[Array, " hidden"]) -> list[Array]:
        return self._split(self.weight_hh, self.bias_hh, h)

    def _split(self, weight: Array, bias: Array | None, x: Array) -> list[Array]:
        y = cast(weight, x.dtype) @ x
        return jnp.split(y if bias is None else y + cast(bias, x.dtype), self.count)


def _fired(surrogate: AbstractSpike, x: Float[Array, " hidden"]) -> Float[Array, " hidden"]:
    return surrogate.fire(x, 0.0)


def _second(first: AbstractSpike, second: AbstractSpike | None) -> AbstractSpike:
    """The surrogate of the candidate, which has to be of the same kind as the first."""
    if second is not None and isinstance(first, Smooth) != isinstance(second, Smooth):
        raise ValueError(
            f"a recurrent layer was given surrogate_function1={first} and surrogate_function2={second}; it takes two "
            f"that spike, or two with spiking=False."
        )
    return first if second is None else second


class HiddenState(eqx.Module):
    """State of a `SpikingVanillaRNNCell` or a `SpikingGRUCell`: what it put out last."""

    h: Float[Array, " hidden"]


class SpikingVanillaRNNCell(AbstractCell[HiddenState]):
    """`h = H(weight_ih x + bias_ih + weight_hh h + bias_hh)`, which is put out.

    **Arguments:**

    - `input_size`, `hidden_size`: numbers of inputs and neurons.
    - `bias`: False for none.
    - `surrogate_function`: the spike function and its derivative.
    - `key`: for the weights.

    Raises a `ValueError` without a key, and an `InputError` for inputs of another shape.
    """

    gates: Gates
    surrogate_function: AbstractSpike

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        surrogate_function: AbstractSpike = _ERF,
        *,
        key: Key = None,
    ):
        self.gates = Gates(input_size, hidden_size, 1, bias, key)
        self.surrogate_function = surrogate_function

    def init_state(self, x: Any, *, key: Key = None) -> HiddenState:
        del key
        return HiddenState(h=self.gates.starting(x))

    def __call__(
        self, state: HiddenState, x: Float[Array, " inputs"], *, key: Key = None
    ) -> tuple[HiddenState, Float[Array, " hidden"]]:
        del key
        (drive,), (back,) = self.gates.of_input(as_current(x, state.h)), self.gates.of_hidden(state.h)
        h = _fired(self.surrogate_function, drive + back)
        return HiddenState(h=h), h.astype(x.dtype)


class SpikingGRUCell(AbstractCell[HiddenState]):
    """A gated recurrent unit whose gates spike.

    ```
    r = H(ih_r + hh_r),  z = H(ih_z + hh_z)           ih = weight_ih x + bias_ih, hh = weight_hh h + bias_hh
    n = H2(ih_n + r * hh_n)
    h = (1 - z) * n + z * h
    ```

    **Arguments:**

    - `input_size`, `hidden_size`, `bias`, `key`: as in `SpikingVanillaRNNCell`.
    - `surrogate_function1`: `H`.
    - `surrogate_function2`: `H2`; `H` unless given.

    Raises a `ValueError` without a key and for surrogates of which one has `spiking=False`, and an `InputError` for
    inputs of another shape.
    """

    gates: Gates
    surrogate_function1: AbstractSpike
    surrogate_function2: AbstractSpike

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        surrogate_function1: AbstractSpike = _ERF,
        surrogate_function2: AbstractSpike | None = None,
        *,
        key: Key = None,
    ):
        self.gates = Gates(input_size, hidden_size, 3, bias, key)
        self.surrogate_function1 = surrogate_function1
        self.surrogate_function2 = _second(surrogate_function1, surrogate_function2)

    def init_state(self, x: Any, *, key: Key = None) -> HiddenState:
        del key
        return HiddenState(h=self.gates.starting(x))

    def __call__(
        self, state: HiddenState, x: Float[Array, " inputs"], *, key: Key = None
    ) -> tuple[HiddenState, Float[Array, " hidden"]]:
        del key
        drives, backs = self.gates.of_input(as_current(x, state.h)), self.gates.of_hidden(state.h)
        r = _fired(self.surrogate_function1, drives[0] + backs[0])
        z = _fired(self.surrogate_function1, drives[1] + backs[1])
        n = _fired(self.surrogate_function2, drives[2] + r * backs[2])
        h = (1 - z) * n + z * state.h
        return HiddenState(h=h), h.astype(x.dtype)


class SpikingLSTMState(eqx.Module):
    """State of a `SpikingLSTMCell`: what it put out last, and its memory."""

    h: Float[Array, " hidden"]
    c: Float[Array, " hidden"]


class SpikingLSTMCell(AbstractCell[SpikingLSTMState]):
    """Long short-term memory whose gates spike.

    ```
    i, f, o = H(ih + hh),  g = H2(ih + hh)            ih = weight_ih x + bias_ih, hh = weight_hh h + bias_hh
    c = min(f * c + i * g, 1)
    h = o * c
    ```

    The gates lie in the order i, f, g, o. The derivative of the minimum is 1.

    **Arguments:**

    - `input_size`, `hidden_size`, `bias`, `key`: as in `SpikingVanillaRNNCell`.
    - `surrogate_function1`: `H`.
    - `surrogate_function2`: `H2`; `H` unless given.

    Raises a `ValueError` without a key and for surrogates of which one has `spiking=False`, and an `InputError` for
    inputs of another shape.

    ```python
    import jax
    import jax.numpy as jnp
    import snnjax as snn
    from snnjax.compat import spikingjelly

    cell = spikingjelly.SpikingLSTMCell(3, 5, key=jax.random.key(0))
    _, hs = snn.unroll(cell, jnp.ones((10, 3)))
    assert hs.shape == (10, 5)
    ```

    Source: A. Lotfi Rezaabad and S. Vishwanath, Long short-term memory spiking networks and their applications, 2020.
    """

    gates: Gates
    surrogate_function1: AbstractSpike
    surrogate_function2: AbstractSpike

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        surrogate_function1: AbstractSpike = _ERF,
        surrogate_function2: AbstractSpike | None = None,
        *,
        key: Key = None,
    ):
        self.gates = Gates(input_size, hidden_size, 4, bias, key)
        self.surrogate_function1 = surrogate_function1
        self.surrogate_function2 = _second(surrogate_function1, surrogate_function2)

    def init_state(self, x: Any, *, key: Key = None) -> SpikingLSTMState:
        del key
        return SpikingLSTMState(h=self.gates.starting(x), c=self.gates.starting(x))

    def __call__(
        self, state: SpikingLSTMState, x: Float[Array, " inputs"], *, key: Key = None
    ) -> tuple[SpikingLSTMState, Float[Array, " hidden"]]:
        del key
        drives, backs = self.gates.of_input(as_current(x, state.h)), self.gates.of_hidden(state.h)
        sums = [drive + back for drive, back in zip(drives, backs, strict=True)]
        i, f, o = (_fired(self.surrogate_function1, sums[gate]) for gate in (0, 1, 3))
        c = f * state.c + i * _fired(self.surrogate_function2, sums[2])
        c = jax.lax.stop_gradient(jnp.minimum(c, jnp.ones_like(c))) + (c - jax.lax.stop_gradient(c))
        h = o * c
        return SpikingLSTMState(h=h, c=c), h.astype(x.dtype)


def _stacked(
    kind: Any,
    sizes: tuple[int, int, int],
    dropout_p: float | int,
    invariant_dropout_mask: bool,
    bidirectional: bool,
    key: Key,
    *args: Any,
) -> Sequential:
    input_size, hidden_size, num_layers = sizes
    if key is None:
        raise ValueError("a recurrent layer was given no key; its weights are drawn, which takes a PRNG key.")
    if bidirectional or (invariant_dropout_mask and dropout_p > 0):
        raise ValueError(
            f"{kind.__name__} was stacked with bidirectional={bidirectional} and "
            f"invariant_dropout_mask={invariant_dropout_mask}; it takes False for both: a cell that is stepped hears "
            f"no later input, and draws its dropout in every step. Unroll a second one over `xs[::-1]`."
        )
    layers: list[Any] = []
    for layer, k in enumerate(jr.split(key, num_layers)):
        if layer and dropout_p > 0:
            layers.append(eqx.nn.Dropout(dropout_p))
        layers.append(kind(hidden_size if layer else input_size, hidden_size, *args, key=k))
    return Sequential(*layers)


def SpikingVanillaRNN(
    input_size: int,
    hidden_size: int,
    num_layers: int,
    bias: bool = True,
    dropout_p: float | int = 0,
    invariant_dropout_mask: bool = False,
    bidirectional: bool = False,
    surrogate_function: AbstractSpike = _ERF,
    *,
    key: Key = None,
) -> Sequential:
    """Layers of `SpikingVanillaRNNCell`, with `eqx.nn.Dropout` between them: a `Sequential`.

    Raises a `ValueError` for `bidirectional`, for `invariant_dropout_mask` with dropout, and without a key.
    """
    sizes = (input_size, hidden_size, num_layers)
    options = (dropout_p, invariant_dropout_mask, bidirectional, key, bias, surrogate_function)
    return _stacked(SpikingVanillaRNNCell, sizes, *options)


def SpikingGRU(
    input_size: int,
    hidden_size: int,
    num_layers: int,
    bias: bool = True,
    dropout_p: float | int = 0,
    invariant_dropout_mask: bool = False,
    bidirectional: bool = False,
    surrogate_function1: AbstractSpike = _ERF,
    surrogate_function2: AbstractSpike | None = None,
    *,
    key: Key = None,
) -> Sequential:
    """Layers of `SpikingGRUCell`, as `SpikingVanillaRNN`."""
    sizes = (input_size, hidden_size, num_layers)
    options = (dropout_p, invariant_dropout_mask, bidirectional, key, bias, surrogate_function1, surrogate_function2)
    return _stacked(SpikingGRUCell, sizes, *options)


def SpikingLSTM(
    input_size: int,
    hidden_size: int,
    num_layers: int,
    bias: bool = True,
    dropout_p: float | int = 0,
    invariant_dropout_mask: bool = False,
    bidirectional: bool = False,
    surrogate_function1: AbstractSpike = _ERF,
    surrogate_function2: AbstractSpike | None = None,
    *,
    key: Key = None,
) -> Sequential:
    """Layers of `SpikingLSTMCell`, as `SpikingVanillaRNN`.

    ```python
    import jax
    import jax.numpy as jnp
    import snnjax as snn
    from snnjax.compat import spikingjelly

    model = spikingjelly.SpikingLSTM(3, 5, num_layers=2, key=jax.random.key(0))
    assert snn.unroll(model, jnp.ones((10, 3)))[1].shape == (10, 5)
    ```
    """
    sizes = (input_size, hidden_size, num_layers)
    options = (dropout_p, invariant_dropout_mask, bidirectional, key, bias, surrogate_function1, surrogate_function2)
    return _stacked(SpikingLSTMCell, sizes, *options)
