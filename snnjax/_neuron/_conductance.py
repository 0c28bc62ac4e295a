"""What the conductance-based neurons share: their rate functions, their step, and a spike that is a crossing."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._integrator import Relaxing, relative_growth
from .._misc import as_current, cast
from .._types import Key, Params

Variable = Float[Array, "*shape"]

#: How fast a variable changes, and how fast it relaxes: `rate = speed * (goal - variable)`.
Relaxation = tuple[Variable, Variable]

# Far outside of physiology: a rate of exp(30) per ms is as good as infinite, and its square is still a float32.
_LARGEST = 30.0


def exponential(u: Variable) -> Variable:
    """`exp(u)`, held at `exp(30)`, so that no voltage overflows it."""
    return jnp.exp(jnp.where(u > _LARGEST, _LARGEST, u))


def linoid(u: Variable) -> Variable:
    """`u / (1 - exp(-u))`, which is 1 at zero."""
    return 1 / relative_growth(jnp.where(u < -_LARGEST, _LARGEST, -u))


def bounded_cosh(u: Variable) -> Variable:
    """`cosh(u)`, bounded like `exponential`."""
    return (exponential(u) + exponential(-u)) / 2


def steady(opening: Variable, closing: Variable) -> Variable:
    """Where a gate settles that opens and closes so fast."""
    return opening / (opening + closing)


def gate(value: Variable, opening: Variable, closing: Variable) -> Relaxation:
    """`value' = opening * (1 - value) - closing * value`."""
    return opening * (1 - value) - closing * value, opening + closing


def membrane(params: Params, v: Variable, x: Variable, **conductances: Variable) -> Relaxation:
    """`capacitance * v' = x - sum(conductance * (v - reversal))` over the channels and the leak.

    Reads `capacitance`, `leak_conductance`, and a reversal potential for every channel of `params`.
    """
    total = jnp.zeros_like(v) + cast(params.leak_conductance, v.dtype)
    current = x - total * (v - cast(params.leak_reversal, v.dtype))
    for name, conductance in conductances.items():
        total = total + conductance
        current = current - conductance * (v - cast(getattr(params, f"{name}_reversal"), v.dtype))
    capacitance = cast(params.capacitance, v.dtype)
    return current / capacitance, total / capacitance


def _within(low: Any, value: Variable, high: Any) -> Variable:
    """The value, or the edge that it has passed; a value that is held at an edge has no gradient."""
    low, high = (jnp.broadcast_to(jnp.asarray(edge, value.dtype), value.shape) for edge in (low, high))
    return jax.lax.clamp(jax.lax.stop_gradient(low), value, jax.lax.stop_gradient(high))


def _opened(state: Any) -> Any:
    """The state with every gate between closed and open."""
    gates = jax.tree.map(lambda gate: _within(0, gate, 1), state)
    return eqx.tree_at(lambda s: s.v, gates, state.v)


def moved(
    rates: Callable[[Params, Any, Any], tuple[Any, Any]], params: Params, state: Any, x: Variable, *channels: str
) -> Any:
    """One step of `rates(params, state, x) -> (rates of change, speeds of relaxation)`, each a state.

    The equations keep every gate between 0 and 1, and the membrane between the reversal potentials, the one of the
    leak shifted by the input. Explicit methods leave this region where the input is too strong for their step, and
    would then diverge; they are held at its edge.
    """
    x = as_current(x, state.v)
    after = _opened(params.integrator(Relaxing(lambda s: rates(params, _opened(s), x)), state, params.dt))
    shifted = cast(params.leak_reversal, x.dtype) + x / cast(params.leak_conductance, x.dtype)
    low, high = jnp.minimum(state.v, shifted), jnp.maximum(state.v, shifted)
    for name in channels:
        reversal = cast(getattr(params, f"{name}_reversal"), x.dtype)
        low, high = jnp.minimum(low, reversal), jnp.maximum(high, reversal)
    return eqx.tree_at(lambda s: s.v, after, _within(low, after.v, high))


def fire_crossing(self: Any, before: Any, state: Any, key: Key) -> Float[Array, "..."]:
    """A spike where the membrane has crossed the threshold upward in this step.

    That it was not above before is a condition, and has no derivative: a surrogate derivative of it would ask the
    membrane, all through the action potential, to be low.
    """
    above = self.surrogate.fire(state.v, self.threshold, key=key)
    return jnp.where(before.v <= cast(self.threshold, before.v.dtype), above, jnp.zeros_like(above))


def keep(self: Any, state: Any, z: Float[Array, "..."]) -> Any:
    """A spike changes nothing: these models come back by themselves."""
    del self, z
    return state
