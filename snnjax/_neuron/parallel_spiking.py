"""Parallel spiking neurons: no reset, and trained weights over time in place of a membrane that decays."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._cell import AbstractSequenceCell, RunPart
from .._errors import InputError
from .._misc import as_current, cast, check_finite, state_dtype
from .._parameter import AbstractParameter, Param, as_parameter, concrete, parameter
from .._surrogate import AbstractSpike, SuperSpike
from .._types import Key, Keys
from .parallel_lif import fire_all


def _shape(value: Param) -> tuple[int, ...]:
    return jnp.shape(value.resolve() if isinstance(value, AbstractParameter) else value)


class ParallelSpikingState(eqx.Module):
    """State of a `ParallelSpiking`: its inputs so far, zeros where they have not come, and how many they are."""

    inputs: Float[Array, "steps *shape"]
    step: Float[Array, "*time"]


class _AbstractParallelSpiking(AbstractSequenceCell[ParallelSpikingState]):
    """What `ParallelSpiking` and `MaskedParallelSpiking` share: everything but the mask."""

    weight: eqx.AbstractVar[Param]
    threshold: eqx.AbstractVar[Param]
    surrogate: eqx.AbstractVar[AbstractSpike]
    causal: eqx.AbstractVar[bool]

    @abc.abstractmethod
    def mask(self, dtype: Any) -> Float[Array, "steps steps"] | float:
        """By what the weights are multiplied, as far as it is not about the future."""

    def __check_init__(self) -> None:
        check_finite(self, "weight", "threshold")
        name, shape = type(self).__name__, _shape(self.weight)
        if len(shape) != 2 or shape[0] != shape[1] or shape[0] == 0:
            raise ValueError(
                f"{name}.weight was given with the shape {shape}; it takes (steps, steps), for sequences of at most so "
                f"many steps. For any number of steps use SlidingParallelSpiking."
            )
        if _shape(self.threshold) not in ((), shape[:1]):
            raise ValueError(
                f"{name}.threshold was given with the shape {_shape(self.threshold)}; it takes one number, or one for "
                f"each of the {shape[0]} steps. All neurons share it."
            )

    def init_state(self, x: Any, *, key: Key = None) -> ParallelSpikingState:
        del key
        steps, dtype = _shape(self.weight)[0], state_dtype(x)
        inputs = jnp.zeros_like(x, shape=(steps, *x.shape), dtype=dtype)
        return ParallelSpikingState(inputs=inputs, step=jnp.zeros_like(x, shape=(), dtype=dtype))

    def __call__(
        self, state: ParallelSpikingState, x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[ParallelSpikingState, Float[Array, "*shape"]]:
        with jax.named_scope(f"snn.{type(self).__name__}"):
            if not self.causal:
                x = eqx.error_if(
                    x,
                    jnp.isfinite(state.step),
                    f"{type(self).__name__} was stepped with causal=False; it then takes whole sequences, because "
                    f"every spike depends on later inputs. Use `unroll`, or causal=True.",
                )
            keys = None if key is None else key[None]
            state, zs, _ = self._run(state, x[None], keys)
            return state, zs[0]

    def scan(
        self, run: RunPart, state: ParallelSpikingState, xs: Float[Array, "time *shape"], keys: Keys
    ) -> tuple[ParallelSpikingState, Float[Array, "time *shape"], ParallelSpikingState]:
        del run
        steps, time = _shape(self.weight)[0], xs.shape[0]
        if time > steps or (time < steps and not self.causal):
            takes = f"at most {steps}" if self.causal else f"exactly {steps}, with causal=False,"
            raise InputError(
                f"{type(self).__name__} was given {time} steps; it takes {takes} because it has weights for so many. "
                f"For any number of steps use SlidingParallelSpiking."
            )
        with jax.named_scope(f"snn.{type(self).__name__}"):
            return self._run(state, xs, keys)

    def _run(
        self, state: ParallelSpikingState, xs: Float[Array, "time *shape"], keys: Keys
    ) -> tuple[ParallelSpikingState, Float[Array, "time *shape"], ParallelSpikingState]:
        """The next steps: one product of their rows of the weights with all inputs so far."""
        dtype, time = state.inputs.dtype, xs.shape[0]
        weight = cast(self.weight, dtype)
        steps = weight.shape[0]
        state = eqx.error_if(
            state,
            state.step + time > steps,
            f"{type(self).__name__} was given more than {steps} steps since its first; it takes at most {steps}, "
            f"because it has weights for so many. Begin with a new state, or use SlidingParallelSpiking.",
        )
        first = state.step.astype(int)
        inputs = jax.lax.dynamic_update_slice_in_dim(state.inputs, as_current(xs, state.inputs), first, 0)
        weight = self.mask(dtype) * weight
        rows = jax.lax.dynamic_slice_in_dim(jnp.tril(weight) if self.causal else weight, first, time)
        thresholds = jnp.broadcast_to(jnp.asarray(cast(self.threshold, dtype), dtype), (steps,))
        limits = jax.lax.dynamic_slice_in_dim(thresholds, first, time)
        zs = fire_all(self.surrogate, jnp.tensordot(rows, inputs, 1), limits, keys, each=True)
        counts = state.step + jnp.arange(1, time + 1, dtype=dtype)
        come = jnp.arange(steps, dtype=dtype)[None, :] < counts[:, None]
        seen = jnp.where(
            come.reshape(*come.shape, *(1,) * (inputs.ndim - 1)), inputs[None], jnp.zeros_like(inputs)[None]
        )
        after = ParallelSpikingState(inputs=inputs, step=counts[-1])
        return after, zs.astype(xs.dtype), ParallelSpikingState(inputs=seen, step=counts)


class ParallelSpiking(_AbstractParallelSpiking):
    """Parallel spiking neuron (PSN): a matrix over time, the same for all neurons, takes the place of the membrane.

    ```
    v[t] = sum of weight[t, s] * x[s] over the steps s <= t
    z[t] = H(v[t] - threshold[t])
    ```

    A whole sequence is one product. With `causal=False` the sum is over all steps of the sequence, those to come
    included, as published: such a neuron only takes whole sequences, of as many steps as it has weights for. As
    a cell of a network that runs in time it cannot work, so the default leaves the future out.

    **Arguments:**

    - `weight`: `(steps, steps)`, for sequences of at most so many steps.
    - `threshold`: one number, or one for each step, `(steps,)`.
    - `surrogate`: the spike function and its derivative.
    - `causal`: see above.

    Raises a `ValueError` for weights that are not square, an `InputError` (a `ValueError`) for longer sequences, and a
    runtime error for going on with a state after the last step.

    ```python
    import jax
    import jax.numpy as jnp
    import snnjax as snn

    steps = 20
    weight = jax.random.uniform(jax.random.key(0), (steps, steps), minval=-1.0, maxval=1.0) / steps**0.5
    _, zs = snn.unroll(snn.ParallelSpiking(weight, jnp.ones(steps)), jnp.ones((steps, 4)))
    ```

    Source: W. Fang et al., Parallel spiking neurons with high efficiency and ability to learn long-term dependencies,
    2023 (the PSN).
    """

    weight: Param = eqx.field(converter=as_parameter)
    threshold: Param = parameter(1.0)
    surrogate: AbstractSpike = SuperSpike()
    causal: bool = eqx.field(default=True, static=True)

    def mask(self, dtype: Any) -> float:
        del dtype
        return 1.0


class MaskedParallelSpiking(_AbstractParallelSpiking):
    """Masked parallel spiking neuron: a `ParallelSpiking` that hears the last steps only.

    ```
    mask[t, s] = 1 where t - window < s <= t, else 1 - masking
    v[t] = sum of mask[t, s] * weight[t, s] * x[s] over the steps s <= t
    z[t] = H(v[t] - threshold[t])
    ```

    In training `masking` may rise from 0, where all steps are heard, to 1. With `causal=False` the sum is over all
    steps of the sequence, as published; with a `masking` of 1 that is the same.

    **Arguments:**

    - `weight`: `(steps, steps)`, for sequences of at most so many steps.
    - `window`: how many steps are heard, the present one included; at least 1.
    - `masking`: from 0 to 1.
    - `threshold`: one number, or one for each step, `(steps,)`.
    - `surrogate`: the spike function and its derivative.
    - `causal`: see above, and `ParallelSpiking`.

    Raises a `ValueError` for values out of range, an `InputError` (a `ValueError`) for longer sequences, and a runtime
    error for going on with a state after the last step.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    neuron = snn.MaskedParallelSpiking(jnp.ones((6, 6)), window=2, threshold=1.5)
    _, zs = snn.unroll(neuron, jnp.array([1.0, 1.0, 0.0, 1.0, 1.0, 1.0]))
    assert zs.tolist() == [0.0, 1.0, 0.0, 0.0, 1.0, 1.0]
    ```

    Source: W. Fang et al., Parallel spiking neurons with high efficiency and ability to learn long-term dependencies,
    2023 (the masked PSN).
    """

    weight: Param = eqx.field(converter=as_parameter)
    window: int = eqx.field(static=True)
    masking: Param = parameter(1.0)
    threshold: Param = parameter(1.0)
    surrogate: AbstractSpike = SuperSpike()
    causal: bool = eqx.field(default=True, static=True)

    def __check_init__(self) -> None:
        check_finite(self, "masking")
        if not isinstance(self.window, int) or self.window < 1:
            raise ValueError(
                f"MaskedParallelSpiking.window was given {self.window!r}; it takes a whole number of at least 1. "
                f"One step hears the present only; to hear all of them use ParallelSpiking."
            )
        masking = concrete(self.masking)
        if masking is not None and not ((masking >= 0) & (masking <= 1)).all():
            raise ValueError(
                f"MaskedParallelSpiking.masking was given {masking}; it takes numbers from 0, all steps are heard, to "
                f"1, only those in the window are. To train it safely use Interval."
            )

    def mask(self, dtype: Any) -> Float[Array, "steps steps"]:
        step = jnp.arange(_shape(self.weight)[0])
        ago = step[:, None] - step[None, :]
        outside = ((ago < 0) | (ago >= self.window)).astype(dtype)
        return 1 - cast(self.masking, dtype) * outside


class SlidingParallelSpikingState(eqx.Module):
    """State of a `SlidingParallelSpiking`: the last inputs but the present one, oldest first."""

    inputs: Float[Array, "before *shape"]


class SlidingParallelSpiking(AbstractSequenceCell[SlidingParallelSpikingState]):
    """Sliding parallel spiking neuron: a weighted sum of the last inputs, with the same weights in every step.

    ```
    v[t] = sum of weight[k] * x[t - (window - 1) + k] over k = 0 ... window - 1
    z[t] = H(v[t] - threshold)
    ```

    The last weight is that of the present input. Inputs before the first are zero. A whole sequence, of any length, is
    one convolution.

    **Arguments:**

    - `weight`: `(window,)`, shared by all neurons. `2.0 ** jnp.arange(1 - window, 1)` is a membrane that halves.
    - `threshold`: in the unit of the sum.
    - `surrogate`: the spike function and its derivative.

    Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    neuron = snn.SlidingParallelSpiking(jnp.array([0.25, 0.5, 1.0]), threshold=1.6)
    _, zs = snn.unroll(neuron, jnp.ones(5))
    assert zs.tolist() == [0.0, 0.0, 1.0, 1.0, 1.0]
    ```

    Source: W. Fang et al., Parallel spiking neurons with high efficiency and ability to learn long-term dependencies,
    2023 (the sliding PSN).
    """

    weight: Param = eqx.field(converter=as_parameter)
    threshold: Param = parameter(1.0)
    surrogate: AbstractSpike = SuperSpike()

    def __check_init__(self) -> None:
        check_finite(self, "weight", "threshold")
        shape = _shape(self.weight)
        if len(shape) != 1 or shape[0] == 0:
            raise ValueError(
                f"SlidingParallelSpiking.weight was given with the shape {shape}; it takes (window,), one weight for "
                f"each of the last steps. For a matrix use ParallelSpiking."
            )

    def init_state(self, x: Any, *, key: Key = None) -> SlidingParallelSpikingState:
        del key
        inputs = jnp.zeros_like(x, shape=(_shape(self.weight)[0] - 1, *x.shape), dtype=state_dtype(x))
        return SlidingParallelSpikingState(inputs=inputs)

    def __call__(
        self, state: SlidingParallelSpikingState, x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[SlidingParallelSpikingState, Float[Array, "*shape"]]:
        with jax.named_scope("snn.SlidingParallelSpiking"):
            line = jnp.concatenate([state.inputs, as_current(x, state.inputs)[None]])
            v = jnp.tensordot(cast(self.weight, line.dtype), line, 1)
            z = self.surrogate.fire(v, self.threshold, key=key)
            return SlidingParallelSpikingState(inputs=line[1:]), z.astype(x.dtype)

    def scan(
        self, run: RunPart, state: SlidingParallelSpikingState, xs: Float[Array, "time *shape"], keys: Keys
    ) -> tuple[SlidingParallelSpikingState, Float[Array, "time *shape"], SlidingParallelSpikingState]:
        del run
        with jax.named_scope("snn.SlidingParallelSpiking"):
            time, before = xs.shape[0], state.inputs.shape[0]
            line = jnp.concatenate([state.inputs, as_current(xs, state.inputs)])
            weight = cast(self.weight, line.dtype)
            rows = jax.vmap(lambda row: jnp.convolve(row, weight[::-1], mode="valid"), in_axes=1, out_axes=1)
            vs = rows(line.reshape(line.shape[0], -1)).reshape(xs.shape)
            zs = fire_all(self.surrogate, vs, self.threshold, keys)
            windows = jnp.arange(time)[:, None] + jnp.arange(1, before + 1)[None, :]
            # The states are only looked at when something is recorded; otherwise nothing computes them.
            states = SlidingParallelSpikingState(inputs=line[windows])
            return SlidingParallelSpikingState(inputs=line[time:]), zs.astype(xs.dtype), states
