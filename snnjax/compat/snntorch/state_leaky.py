"""snntorch's neurons without reset that take whole sequences: a leaky membrane as a sum over the past."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..._cell import AbstractCell, AbstractSequenceCell, RunPart
from ..._container import Sequential
from ..._misc import as_current, cast, check_finite, check_positive, resting
from ..._neuron.parallel_lif import ParallelLIF, fire_all
from ..._parameter import AbstractParameter, Fixed, Param, as_float_array, concrete, parameter
from ..._scale import Scale
from ..._surrogate import AbstractSpike, ATan
from ..._types import Key, Keys
from ._options import Number, Quantiser, as_number, graded, number, spike


class Readout(AbstractSpike):
    """What is read from a membrane that is stored as it is: its spikes after rounding, or the rounded membrane.

    **Arguments:**

    - `surrogate`: the spike function and its derivative; None for the membrane itself.
    - `state_quant`: a function that rounds, or False.
    """

    surrogate: AbstractSpike | None = None
    state_quant: Quantiser = False

    def fire(self, v: Float[Array, "*shape"], threshold: Param, *, key: Key = None) -> Float[Array, "*shape"]:
        def rounded(v: Array) -> Array:
            return self.state_quant(v) if callable(self.state_quant) else v

        v = rounded(v)
        # Twice, as in the library, which differs for a quantiser that is random.
        return v if self.surrogate is None else self.surrogate.fire(rounded(v), threshold, key=key)


class _Squared(AbstractParameter):
    """A trained number of which the square is used."""

    value: Param

    checked: ClassVar[bool] = False

    def resolve(self) -> Float[Array, "..."]:
        return jnp.asarray(self.value) ** 2


class TruncatedLIFState(eqx.Module):
    """State of a `TruncatedLIF`: its membrane, and the inputs that the next step hears, oldest first."""

    v: Float[Array, "*shape"]
    inputs: Float[Array, "*line"]


class TruncatedLIF(AbstractSequenceCell[TruncatedLIFState]):
    """Leaky membrane without reset that forgets what is older than `steps`; parallel in time.

    ```
    v[t] = sum of exp(-s / tau) * x[t - s] over s = 0 ... steps - 1
    z[t] = H(v[t] - threshold)
    ```

    **Arguments:**

    - `steps`: how many inputs are heard, the present one included; at least 1.
    - `tau`: membrane time constant in steps; one number, or one per neuron.
    - `threshold`: in the unit of the membrane.
    - `surrogate`: the spike function and its derivative.

    Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn
    from snnjax.compat import snntorch

    _, zs = snn.unroll(snntorch.TruncatedLIF(2, tau=20.0, threshold=1.9), jnp.ones(4))
    assert zs.tolist() == [0.0, 1.0, 1.0, 1.0]
    ```

    Source: J. K. Eshraghian et al., Training spiking neural networks using lessons from deep learning, 2023; its
    library's source decides.
    """

    steps: int = eqx.field(static=True)
    tau: Param = parameter(10.0)
    threshold: Param = parameter(1.0)
    surrogate: AbstractSpike = ATan(slope=2.0)

    def __check_init__(self) -> None:
        check_positive(self, "tau")
        check_finite(self, "threshold")
        if not isinstance(self.steps, int) or self.steps < 1:
            raise ValueError(
                f"TruncatedLIF.steps was given {self.steps!r}; it takes a whole number of at least 1. One step hears "
                f"the present only; to hear all of them use ParallelLIF."
            )

    def _weights(self, v: Array) -> Float[Array, "steps *shape"]:
        """The weights of the inputs, those of the present ones first."""
        tau = jnp.asarray(cast(self.tau, v.dtype), v.dtype)
        ages = jnp.arange(self.steps, dtype=v.dtype).reshape(-1, *(1,) * v.ndim)
        return jnp.exp(-ages / tau.reshape(1, *(1,) * (v.ndim - tau.ndim), *tau.shape))

    def init_state(self, x: Any, *, key: Key = None) -> TruncatedLIFState:
        del key
        v = resting(x)
        return TruncatedLIFState(v=v, inputs=jnp.zeros_like(x, shape=(self.steps - 1, *v.shape), dtype=v.dtype))

    def __call__(
        self, state: TruncatedLIFState, x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[TruncatedLIFState, Float[Array, "*shape"]]:
        with jax.named_scope("snn.TruncatedLIF"):
            line = jnp.concatenate([state.inputs, as_current(x, state.v)[None]])
            v = jnp.sum(self._weights(state.v) * line[::-1], axis=0)
            z = self.surrogate.fire(v, self.threshold, key=key)
            return TruncatedLIFState(v=v, inputs=line[1:]), z.astype(x.dtype)

    def scan(
        self, run: RunPart, state: TruncatedLIFState, xs: Float[Array, "time *shape"], keys: Keys
    ) -> tuple[TruncatedLIFState, Float[Array, "time *shape"], TruncatedLIFState]:
        del run
        with jax.named_scope("snn.TruncatedLIF"):
            line = jnp.concatenate([state.inputs, as_current(xs, state.v)])
            weights = jnp.broadcast_to(self._weights(state.v), (self.steps, *state.v.shape))
            columns = jax.vmap(lambda row, w: jnp.convolve(row, w, mode="valid"), in_axes=1, out_axes=1)
            vs = columns(line.reshape(len(line), -1), weights.reshape(self.steps, -1)).reshape(xs.shape)
            zs = fire_all(self.surrogate, vs, self.threshold, keys)
            windows = jnp.arange(len(xs))[:, None] + jnp.arange(1, self.steps)[None, :]
            # The states are only looked at when something is recorded; otherwise nothing computes them.
            states = TruncatedLIFState(v=vs, inputs=line[windows])
            return TruncatedLIFState(v=vs[-1], inputs=line[len(xs) :]), zs.astype(xs.dtype), states


def _time_constant(beta: Number, learned: bool, channels: int) -> Param:
    """`1 / (1 - beta)`, which is what is trained."""
    values = as_number(beta, "beta")
    known = concrete(values)
    if jnp.shape(values) not in ((), (1,), (channels,)) or (known is not None and not (known <= 1).all()):
        raise ValueError(
            f"StateLeaky was given beta={beta} for {channels} channels; it takes one number of at most 1, or one for "
            f"each channel. A membrane that grows is no sum over the past: use Leaky."
        )
    tau = 1 / (1 - values + 1e-12)
    if learned:
        return jnp.asarray(tau, jnp.result_type(float)) if isinstance(tau, float) else tau
    return tau if isinstance(tau, float) else Fixed(tau)


def StateLeaky(
    beta: Number,
    channels: int,
    threshold: Number = 1.0,
    spike_grad: AbstractSpike | None = None,
    surrogate_disable: bool = False,
    learn_beta: bool = False,
    learn_threshold: bool = False,
    state_quant: Quantiser = False,
    output: bool = True,
    graded_spikes_factor: Number = 1.0,
    learn_graded_spikes_factor: bool = False,
    kernel_truncation_steps: int | None = None,
) -> AbstractCell:
    """Leaky membrane without reset: `v[t] = sum of exp(-s / tau) x[t - s]`, `tau = 1 / (1 - beta + 1e-12)`.

    The factor per step is therefore `exp(beta - 1)`, not `beta`: 0.37 for a `beta` of 0. Trained is `tau`.
    A `ParallelLIF`; a `TruncatedLIF` where `kernel_truncation_steps` says how many inputs are heard. The membrane of
    their states is not rounded. `output=False` puts out the membrane, rounded by `state_quant`, in place of spikes.

    Spikes are multiplied by `graded_spikes_factor` twice, as in the library. Against `channels` the shape of `beta` is
    checked.

    Raises a `ValueError` for a `beta` above 1 or of another shape, and for options of spikes with `output=False`.
    """
    options = {
        "spike_grad": spike_grad is not None,
        "surrogate_disable": surrogate_disable,
        "learn_threshold": learn_threshold,
        "learn_graded_spikes_factor": learn_graded_spikes_factor,
        "graded_spikes_factor": not isinstance(graded_spikes_factor, int | float) or graded_spikes_factor != 1,
    }
    useless = [name for name, given in options.items() if given]
    if useless and not output:
        raise ValueError(
            f"StateLeaky was given {', '.join(useless)} and output=False; without spikes these have no use. Leave them "
            f"out, or take output=True and read the membrane from the state."
        )
    surrogate = spike(spike_grad, surrogate_disable)
    if state_quant or not output:
        surrogate = Readout(surrogate if output else None, state_quant)
    tau, limit = _time_constant(beta, learn_beta, channels), number(threshold, learn_threshold, "threshold")
    if kernel_truncation_steps is None:
        cell = ParallelLIF(tau=tau, threshold=limit, surrogate=surrogate)
    else:
        cell = TruncatedLIF(kernel_truncation_steps, tau=tau, threshold=limit, surrogate=surrogate)
    if learn_graded_spikes_factor:
        return Sequential(cell, Scale(_Squared(as_float_array(graded_spikes_factor, "graded_spikes_factor"))))
    return graded(cell, graded_spikes_factor**2, False)


def LinearLeaky(
    beta: Number,
    in_features: int,
    out_features: int,
    bias: bool = True,
    device: None = None,
    dtype: Any = None,
    threshold: Number = 1.0,
    spike_grad: AbstractSpike | None = None,
    surrogate_disable: bool = False,
    learn_beta: bool = False,
    learn_threshold: bool = False,
    state_quant: Quantiser = False,
    output: bool = True,
    graded_spikes_factor: Number = 1.0,
    learn_graded_spikes_factor: bool = False,
    kernel_truncation_steps: int | None = None,
    *,
    key: Key = None,
) -> Sequential:
    """A linear layer, then `StateLeaky`.

    `key` draws the weights, `dtype` is theirs, a dtype of JAX; `device` is refused: use `jax.device_put`.
    """
    if device is not None or key is None:
        raise ValueError(
            f"LinearLeaky was given device={device} and key={key}; it takes no device, and a key to draw its weights. "
            f"Give `key=jax.random.key(0)`, and move the cell by `jax.device_put`."
        )
    neuron = StateLeaky(
        beta,
        out_features,
        threshold=threshold,
        spike_grad=spike_grad,
        surrogate_disable=surrogate_disable,
        learn_beta=learn_beta,
        learn_threshold=learn_threshold,
        state_quant=state_quant,
        output=output,
        graded_spikes_factor=graded_spikes_factor,
        learn_graded_spikes_factor=learn_graded_spikes_factor,
        kernel_truncation_steps=kernel_truncation_steps,
    )
    return Sequential(eqx.nn.Linear(in_features, out_features, use_bias=bias, dtype=dtype, key=key), neuron)
