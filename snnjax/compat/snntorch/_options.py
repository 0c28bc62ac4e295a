"""What the neurons share: how their arguments become parameters, spikes, resets and orders of the core."""

from collections.abc import Callable
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..._cell import AbstractCell
from ..._container import Sequential
from ..._errors import InputError
from ..._misc import cast
from ..._order import AbstractOrder, ResetFirst
from ..._parameter import AbstractParameter, Fixed, Param, as_float_array
from ..._reset import AbstractReset, NoReset, SubtractReset, ZeroReset
from ..._scale import Scale
from ..._surrogate import AbstractSpike, ATan
from ..._types import Key, Params
from .._common import Unchecked
from .surrogate import no_gradient

#: What a numeric argument takes.
Number: TypeAlias = float | int | Array | np.ndarray
#: A function that rounds a state to allowed values, `quant.state_quant(...)`; False for none.
Quantiser: TypeAlias = Callable | Literal[False]
Layer = TypeVar("Layer", bound=eqx.Module)

_RESETS: dict[str, Callable[..., AbstractReset]] = {"subtract": SubtractReset, "zero": ZeroReset, "none": NoReset}


class _Constant(Fixed):
    """An array of constants of any value, at the edges of a range too."""

    checked: ClassVar[bool] = False


class _Clamped(AbstractParameter):
    """A trained decay, cut to [0, 1] when it is used. At the edges all of the gradient passes; `jnp.clip` halves it."""

    value: Param

    checked: ClassVar[bool] = False

    def resolve(self) -> Float[Array, "..."]:
        value = jnp.asarray(self.value)
        return jnp.where((value < 0) | (value > 1), jax.lax.stop_gradient(jnp.clip(value, 0, 1)), value)


def layer_in(layer: Layer, dtype: Any) -> Layer:
    """A layer with its weights in the dtype of a state."""
    return jax.tree.map(lambda w: w.astype(dtype) if eqx.is_inexact_array(w) else w, layer)


def as_number(value: Number, name: str) -> float | Array:
    """A Python number, or an array that is checked to be floating-point."""
    return float(value) if isinstance(value, int | float) else as_float_array(value, name)


def number(value: Number, learned: bool, name: str) -> Param:
    """A constant, or a trained array of the same value."""
    if learned:
        return as_float_array(value, name)
    return float(value) if isinstance(value, int | float) else Fixed(jnp.asarray(value))


def clamped(value: Number, learned: bool, name: str) -> Param:
    """A decay, cut to [0, 1] whenever it is used."""
    if learned:
        return _Clamped(as_float_array(value, name))
    if isinstance(value, int | float):
        return unbounded(min(max(float(value), 0.0), 1.0), learned, name)
    return _Constant(jnp.clip(as_float_array(value, name), 0, 1))


def unbounded(value: Number, learned: bool, name: str) -> Param:
    """A decay of any value."""
    if learned:
        return Unchecked(as_float_array(value, name))
    if isinstance(value, int | float):
        return float(value) if 0 < value < 1 else Unchecked(float(value))
    return _Constant(jnp.asarray(value))


def spike(spike_grad: AbstractSpike | None, surrogate_disable: bool) -> AbstractSpike:
    """The surrogate: arctangent of slope 2 where none is given."""
    if surrogate_disable:
        return no_gradient()
    return ATan(slope=2.0) if spike_grad is None else spike_grad


def graded(cell: AbstractCell, factor: Number, learned: bool) -> AbstractCell:
    """The cell with its spikes multiplied; itself where the factor is one."""
    if not learned and isinstance(factor, int | float) and factor == 1:
        return cell
    return Sequential(cell, Scale(number(factor, learned, "graded_spikes_factor")))


def refuse_calling_style(name: str, init_hidden: bool, output: bool) -> None:
    """Refuse what only says how a layer of the library is called."""
    for option, given in {"init_hidden": init_hidden, "output": output}.items():
        if given:
            raise ValueError(
                f"{name} was given {option}=True; a cell keeps no state, but is given it and returns it. Leave it out: "
                f"`snn.unroll(cell, xs, record=lambda state, out: (out, state))` returns both."
            )


class Firing(eqx.Module):
    """How a neuron fires after it has integrated: rounded states, and only the winner."""

    state_quant: Quantiser = False
    inhibition: bool = eqx.field(default=False, static=True)

    def quantise(self, state: Any) -> Any:
        return jax.tree.map(self.state_quant, state) if callable(self.state_quant) else state

    def __call__(self, fire: Callable[[Any], Array], threshold: Param, state: Any) -> tuple[Any, Float[Array, "..."]]:
        """The state after rounding, and the spikes."""
        state = self.quantise(state)
        if not self.inhibition:
            return state, fire(self.quantise(state))  # rounds twice, which differs for a quantiser that is random
        if state.v.ndim != 1:
            raise InputError(
                f"inhibition was given a membrane of shape {state.v.shape}; the winner is found among the neurons of "
                f"one layer, shape (neurons,). Take a batch by `jax.vmap`, and flatten images first."
            )
        winner = jnp.argmax(state.v - cast(threshold, state.v.dtype))
        return state, fire(state) * jax.nn.one_hot(winner, state.v.size, dtype=state.v.dtype)


class ResetTwice(AbstractOrder):
    """Reset by the spike of the step before, integrate, fire; with `again`, reset by the new spike too.

    The second reset takes the difference between the new spike and the earlier one, so that a neuron which fires in two
    successive steps is reset once in the second; one which has stopped to fire gets its reset back. The gradient passes
    through the new spike only.

    **Arguments:**

    - `first`: the first reset; the second is that of the neuron.
    - `firing`: rounded states, and inhibition.
    - `late`: the first reset comes after the integration.
    - `again`: there is a second reset.
    """

    first: AbstractReset
    firing: Firing = Firing()
    late: bool = eqx.field(default=False, static=True)
    again: bool = eqx.field(default=False, static=True)

    def __call__(self, model: Any, params: Params, state: Any, x: Any, key: Key) -> tuple[Any, Float[Array, "..."]]:
        def fire(after: Any) -> Array:
            return model.fire(params, state, after, key)

        def reset(state: Any) -> Any:
            return eqx.tree_at(lambda s: s.v, state, self.first(state.v, earlier, params.threshold))

        earlier = jax.lax.stop_gradient(fire(state)) if self.first.detach else fire(state)
        after = reset(model.integrate(params, state, x)) if self.late else model.integrate(params, reset(state), x)
        after, z = self.firing(fire, params.threshold, after)
        return (model.spiked(params, after, z - earlier) if self.again else after), z


def check_mechanism(reset_mechanism: str) -> None:
    if reset_mechanism not in _RESETS:
        raise ValueError(
            f"reset_mechanism was given {reset_mechanism!r}; it takes 'subtract', 'zero' or 'none'. Other resets are "
            f"options of the core's own cells, e.g. `snn.LIF(reset=...)`."
        )


def resets(
    reset_mechanism: str, zero_late: bool, reset_delay: bool, inhibition: bool, state_quant: Quantiser
) -> dict[str, Any]:
    """The `order` and the `reset` of a core cell. `zero_late`: a reset to zero takes the new input with it."""
    check_mechanism(reset_mechanism)
    reset, late = _RESETS[reset_mechanism], zero_late or reset_mechanism == "subtract"
    if reset_delay and not inhibition and not state_quant:
        return {"order": ResetFirst(late=late), "reset": reset(detach=True)}
    firing = Firing(state_quant, inhibition)
    return {"order": ResetTwice(reset(detach=True), firing, late=late, again=not reset_delay), "reset": reset()}
