"""What every neuron of `brainpy.state` has: a size, a spike function, a reset by name, and its methods."""

import abc
from collections.abc import Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ..._cell import AbstractCell
from ..._errors import InputError
from ..._misc import cast, resting, split_key, starting
from ..._neuron import AbstractNeuron
from ..._parameter import Param, as_parameter, parameter
from ..._reset import AbstractReset
from ..._surrogate import AbstractSpike, AbstractSurrogate
from ..._types import Key
from .surrogate import InvSquareGrad

Size = int | Sequence[int]


def shape_of(in_size: Size) -> tuple[int, ...]:
    """The shape of the state of one example."""
    return (in_size,) if isinstance(in_size, int) else tuple(in_size)


def zeros_of(owner: Any, x: Any, batch_size: int | None) -> Float[Array, "..."]:
    """Zeros of the shape of one example or of a batch, in the dtype of `x` (JAX's default without one)."""
    shape = shape_of(owner.in_size)
    if x is None:
        batch = () if batch_size is None else (batch_size,)
        return jnp.zeros(batch + shape, jnp.result_type(float))
    if tuple(x.shape) != shape:
        raise InputError(
            f"{type(owner).__name__}(in_size={owner.in_size}) was given an input of shape {tuple(x.shape)}; it takes "
            f"one step of one example. A batch is `jax.vmap` over `unroll`."
        )
    return resting(x)


class Neuron(AbstractCell):
    """The base class: subclass it, and give `init_state`, `get_spike` and `update`.

    **Arguments:**

    - `in_size`: the shape of one example, an int or a tuple.
    - `spk_fun`: a surrogate, called as `spk_fun(scaled voltage)`.
    - `spk_reset`: 'soft' or 'hard'.
    - `name`: any string.

    The state is a value here: `update(state, x)` gives the state after the step and the spikes, and `get_spike(state)`
    the spikes of a state. `init_state` takes one step's input, or no input and a `batch_size`.

    ```python
    import jax.numpy as jnp
    import snnjax as snn
    from snnjax.compat import brainpy

    class SimpleNeuron(brainpy.Neuron):
        V_th: float = 1.0

        def init_state(self, x=None, *, batch_size=None, key=None):
            return self.zeros(x, batch_size)

        def get_spike(self, state):
            return self.spk_fun((state - self.V_th) / self.V_th)

        def update(self, state, x):
            state = state + x
            return state, self.get_spike(state)

    _, zs = snn.unroll(SimpleNeuron(3), 0.3 * jnp.ones((10, 3)))
    ```
    """

    in_size: Size = eqx.field(static=True)
    spk_fun: AbstractSurrogate = InvSquareGrad(alpha=100.0)
    spk_reset: str = eqx.field(default="soft", static=True)
    name: str | None = eqx.field(default=None, static=True)

    def __check_init__(self) -> None:
        if self.spk_reset not in ("soft", "hard"):
            raise ValueError(
                f"{type(self).__name__}.spk_reset was given {self.spk_reset!r}; it takes 'soft' or 'hard'."
            )
        if any(size < 1 for size in self.varshape):
            raise ValueError(f"{type(self).__name__}.in_size was given {self.in_size}; it takes sizes of at least 1.")

    @property
    def varshape(self) -> tuple[int, ...]:
        """The shape of the state of one example."""
        return shape_of(self.in_size)

    def zeros(self, x: Any = None, batch_size: int | None = None) -> Float[Array, "..."]:
        """Zeros of the shape of one example or of a batch, in the dtype of `x` (JAX's default without one)."""
        return zeros_of(self, x, batch_size)

    @abc.abstractmethod
    def get_spike(self, state: Any) -> Float[Array, "..."]:
        """The spikes of a state."""

    @abc.abstractmethod
    def update(self, state: Any, x: Any) -> tuple[Any, Float[Array, "..."]]:
        """One step: the state after it, and the spikes."""

    @abc.abstractmethod
    def init_state(self, x: Any = None, *, batch_size: int | None = None, key: Key = None) -> Any:
        """The state before the first step."""

    def reset_state(self, batch_size: int | None = None, *, key: Key = None) -> Any:
        """The state before the first step, again."""
        return self.init_state(batch_size=batch_size, key=key)

    def __call__(self, state: Any, x: Any, *, key: Key = None) -> tuple[Any, Float[Array, "..."]]:
        del key
        return self.update(state, x)


class Scaled(AbstractSpike):
    """A spike of the scaled voltage, `spk_fun((v - threshold) / (base - offset))`; `base` None is the threshold."""

    spk_fun: AbstractSurrogate
    offset: Param = parameter(0.0)
    base: Param | None = parameter(None)

    def fire(self, v: Float[Array, "..."], threshold: Param, *, key: Key = None) -> Float[Array, "..."]:
        del key
        threshold = cast(threshold, v.dtype)
        base = threshold if self.base is None else cast(self.base, v.dtype)
        return self.spk_fun((v - threshold) / (base - cast(self.offset, v.dtype)))


class SoftReset(AbstractReset):
    """`v - z (threshold - value)`."""

    value: Param = parameter(0.0)
    detach: bool = eqx.field(default=False, static=True)

    def apply(self, v: Float[Array, "..."], z: Float[Array, "..."], threshold: Param) -> Float[Array, "..."]:
        return v - z * (cast(threshold, v.dtype) - cast(self.value, v.dtype))


class HardReset(AbstractReset):
    """`v - z (v - value)`, where the `v` that is subtracted has no gradient."""

    value: Param = parameter(0.0)
    detach: bool = eqx.field(default=False, static=True)

    def apply(self, v: Float[Array, "..."], z: Float[Array, "..."], threshold: Param) -> Float[Array, "..."]:
        del threshold
        return v - z * (jax.lax.stop_gradient(v) - cast(self.value, v.dtype))


class ChosenReset(AbstractReset):
    """`value` where there is a spike: the spike has no gradient."""

    value: Param = parameter(0.0)
    detach: bool = eqx.field(default=False, static=True)

    def apply(self, v: Float[Array, "..."], z: Float[Array, "..."], threshold: Param) -> Float[Array, "..."]:
        del threshold
        return jnp.where(z > 0, jnp.broadcast_to(jnp.asarray(cast(self.value, v.dtype), v.dtype), v.shape), v)


def reset_by_name(name: str, value: Param) -> AbstractReset:
    """The reset that `spk_reset` names."""
    return HardReset(value=value) if name == "hard" else SoftReset(value=value)


class RefractoryState(eqx.Module):
    """State of a refractory neuron: its own, the time of the last spike, and the step count, as times in ms."""

    state: PyTree
    last_spike_time: Float[Array, "..."]
    step: Float[Array, "..."]


class CoreNeuron(Neuron):
    """A neuron of the library as a neuron of the core, with its names and methods.

    With `tau_ref` it is refractory: while `t - last_spike_time < tau_ref` the state keeps its value, except for the
    reset. A membrane that the reset leaves above the threshold fires again, as it does there.
    """

    cell: AbstractCell = eqx.field(kw_only=True)
    gain: Param = eqx.field(kw_only=True, converter=as_parameter)
    start: dict[str, Any] = eqx.field(kw_only=True)
    tau_ref: Param | None = eqx.field(kw_only=True, converter=as_parameter)
    dt: Param = eqx.field(kw_only=True, converter=as_parameter)
    edge: bool = eqx.field(kw_only=True, static=True)

    is_neuron: ClassVar[bool] = True

    def init_state(self, x: Any = None, *, batch_size: int | None = None, key: Key = None) -> Any:
        zeros = self.zeros(x, batch_size)
        state = self.cell.init_state(zeros)
        for (name, value), k in zip(self.start.items(), split_key(key, len(self.start)), strict=True):
            if callable(value) and k is None:
                raise ValueError(
                    f"the initializer of {name} was given no key; it draws random numbers, and takes a PRNG key. Call "
                    f"`init_state(..., key=jax.random.key(0))`."
                )
            first: Any = value(k, zeros.shape) if callable(value) else value
            state = eqx.tree_at(lambda s, n=name: getattr(s, n), state, starting(zeros, first))
        if self.tau_ref is None:
            return state
        return RefractoryState(state, last_spike_time=starting(zeros, -1e7), step=zeros)

    def get_spike(self, state: Any) -> Float[Array, "..."]:
        state = state.state if self.tau_ref is not None else state
        if self.edge:  # these models keep their spike condition outside of the state
            cell: Any = self.cell
            return cell.surrogate.fire(state.v, cell.threshold)
        return self._neuron.fire(state, state, None)

    @property
    def _neuron(self) -> AbstractNeuron:
        assert isinstance(self.cell, AbstractNeuron)
        return self.cell

    def update(self, state: Any, x: Any) -> tuple[Any, Float[Array, "..."]]:
        x = cast(self.gain, x.dtype) * x
        if self.tau_ref is not None:
            return self._refractory(state, x)
        after, z = self.cell(state, x)
        if self.edge:
            # Both factors have a surrogate gradient there.
            z = self.get_spike(after) * (1 - self.get_spike(state))
        return after, z.astype(x.dtype)

    def _refractory(self, state: RefractoryState, x: Any) -> tuple[RefractoryState, Float[Array, "..."]]:
        assert self.tau_ref is not None
        neuron, dtype = self._neuron, state.step.dtype
        now = state.step * cast(self.dt, dtype)
        held = now - state.last_spike_time < cast(self.tau_ref, dtype)
        reset = neuron.spiked(state.state, neuron.fire(state.state, state.state, None))
        moved = neuron.integrate(reset, x)
        after = jax.tree.map(lambda old, new: jnp.where(held, old, new), reset, moved)
        z = neuron.fire(after, after, None)
        last = jax.lax.stop_gradient(jnp.where(z > 0, now, state.last_spike_time))
        return RefractoryState(after, last, state.step + 1), z.astype(x.dtype)
