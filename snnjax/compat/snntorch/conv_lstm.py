"""snntorch's spiking LSTM on images."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..._cell import AbstractCell
from ..._errors import InputError
from ..._misc import as_current, check_finite, state_dtype
from ..._parameter import Param, parameter
from ..._reset import AbstractReset, NoReset
from ..._surrogate import AbstractSpike, ATan
from ..._types import Key
from ._options import Number, Quantiser, layer_in, number, refuse_calling_style, resets, spike
from .other_neurons import SpikingLSTMState


class SpikingConvLSTM(AbstractCell[SpikingLSTMState]):
    """A convolutional LSTM that fires where its output, pooled if asked for, is above a threshold.

    ```
    a, f, o, g = conv([x, v])                     the gates, one after the other along the channels
    i = sigmoid(f) * i + sigmoid(a) * tanh(g)
    v = reset(sigmoid(o) * tanh(i), H(v - threshold))       by the spike that the last v would be, not pooled
    z = H(pool(v) - threshold)
    ```

    No gradient passes through the reset's spike.

    **Arguments:**

    - `conv`: the layer, from input and output channels to four times the output channels; it keeps the image's size.
    - `threshold`: of the output, which lies between -1 and 1.
    - `surrogate`: the spike function and its derivative.
    - `reset`: what a spike does to the output.
    - `pool`: a function of an output, `(channels, height, width)`; None for none.
    - `state_quant`: a function that rounds both states, and what is pooled once more; or False.

    Raises an `InputError` for inputs that are not of shape `(channels, height, width)`.

    ```python
    import jax
    import jax.numpy as jnp
    import snnjax as snn
    from snnjax.compat import snntorch

    cell = snntorch.SConv2dLSTM(1, 8, 3, max_pool=2, key=jax.random.key(0))
    _, zs = snn.unroll(cell, jnp.ones((5, 1, 28, 28)))
    assert zs.shape == (5, 8, 14, 14)
    ```

    Source: X. Shi et al., Convolutional LSTM network, 2015, equation 3, without its peepholes; J. K. Eshraghian et al.,
    Training spiking neural networks using lessons from deep learning, 2023, whose library's source decides.
    """

    conv: eqx.nn.Conv2d
    threshold: Param = parameter(1.0)
    surrogate: AbstractSpike = ATan(slope=2.0)
    reset: AbstractReset = NoReset(detach=True)
    pool: Callable | None = None
    state_quant: Quantiser = False

    def __check_init__(self) -> None:
        check_finite(self, "threshold")

    @property
    def channels(self) -> int:
        """How many the output has."""
        return self.conv.out_channels // 4

    def init_state(self, x: Any, *, key: Key = None) -> SpikingLSTMState:
        del key
        inputs = self.conv.in_channels - self.channels
        if len(x.shape) != 3 or x.shape[0] != inputs:
            raise InputError(
                f"SpikingConvLSTM was given one step of shape {tuple(x.shape)}; it takes ({inputs}, height, width). A "
                f"batch is `jax.vmap` over `unroll`."
            )
        zeros = jnp.zeros_like(x, shape=(self.channels, *x.shape[1:]), dtype=state_dtype(x))
        return SpikingLSTMState(v=zeros, i=zeros)

    def __call__(
        self, state: SpikingLSTMState, x: Float[Array, "inputs height width"], *, key: Key = None
    ) -> tuple[SpikingLSTMState, Float[Array, "outputs rows columns"]]:
        def rounded(value: Array) -> Array:
            return self.state_quant(value) if callable(self.state_quant) else value

        with jax.named_scope("snn.SpikingConvLSTM"):
            earlier = self.surrogate.fire(state.v, self.threshold, key=key)
            both = jnp.concatenate([as_current(x, state.v), state.v])
            a, f, o, g = jnp.split(layer_in(self.conv, state.v.dtype)(both), 4)
            i = jax.nn.sigmoid(f) * state.i + jax.nn.sigmoid(a) * jnp.tanh(g)
            v = rounded(self.reset(jax.nn.sigmoid(o) * jnp.tanh(i), earlier, self.threshold))
            seen = v if self.pool is None else self.pool(v)
            z = self.surrogate.fire(rounded(seen), self.threshold, key=key)
            return SpikingLSTMState(v=v, i=rounded(i)), z.astype(x.dtype)


def _pair(value: int | Sequence[int]) -> tuple[int, ...]:
    return (value, value) if isinstance(value, int) else tuple(value)


def SConv2dLSTM(
    in_channels: int,
    out_channels: int,
    kernel_size: int | Sequence[int],
    bias: bool = True,
    max_pool: int | Sequence[int] = 0,
    avg_pool: int | Sequence[int] = 0,
    threshold: Number = 1.0,
    spike_grad: AbstractSpike | None = None,
    surrogate_disable: bool = False,
    init_hidden: bool = False,
    learn_threshold: bool = False,
    reset_mechanism: str = "none",
    state_quant: Quantiser = False,
    output: bool = False,
    *,
    key: Key = None,
) -> SpikingConvLSTM:
    """A spiking convolutional LSTM; see `SpikingConvLSTM`. It has no `inhibition`: the library takes it and drops it.

    Kernels must be odd: with an even one the library's states do not fit together. `max_pool` or `avg_pool` is the
    size of a window, which is also its stride.
    """
    refuse_calling_style("SConv2dLSTM", init_hidden, output)
    kernel = _pair(kernel_size)
    if key is None or any(size % 2 == 0 for size in kernel):
        raise ValueError(
            f"SConv2dLSTM was given kernel_size={kernel_size} and key={key}; it takes odd sizes, which keep the size "
            f"of the image, and a key to draw the weights. Give `key=jax.random.key(0)`."
        )
    if max_pool and avg_pool:
        raise ValueError(
            f"SConv2dLSTM was given max_pool={max_pool} and avg_pool={avg_pool}; it takes at most one. Leave one out."
        )
    pool = None
    if max_pool:
        pool = eqx.nn.MaxPool2d(_pair(max_pool), stride=_pair(max_pool))
    elif avg_pool:
        pool = eqx.nn.AvgPool2d(_pair(avg_pool), stride=_pair(avg_pool))
    return SpikingConvLSTM(
        conv=eqx.nn.Conv2d(
            in_channels + out_channels,
            4 * out_channels,
            kernel,
            padding=[size // 2 for size in kernel],
            use_bias=bias,
            key=key,
        ),
        threshold=number(threshold, learn_threshold, "threshold"),
        surrogate=spike(spike_grad, surrogate_disable),
        reset=resets(reset_mechanism, True, True, False, False)["reset"],
        pool=pool,
        state_quant=state_quant,
    )
