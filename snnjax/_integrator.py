"""How a differential equation moves on by one step, for the models that have no exact solution."""

import abc
import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._misc import cast
from ._parameter import Param

#: The time derivative of a state, as a state of the same kind.
Drift = Callable[[Any], Any]


class AbstractIntegrator(eqx.Module):
    """An explicit one-step method: called as `state = integrator(drift, state, dt)`.

    `substeps` divides the step: the input is held, and the method is applied so many times with `dt / substeps`.
    """

    substeps: eqx.AbstractVar[int]

    def __check_init__(self) -> None:
        if not isinstance(self.substeps, int) or self.substeps < 1:
            raise ValueError(
                f"{type(self).__name__}.substeps was given {self.substeps!r}; it takes a whole number of at least 1. "
                f"More substeps are slower and more exact."
            )

    @abc.abstractmethod
    def advance(self, drift: Drift, state: Any, dt: Any) -> Any:
        """One application of the method."""

    def __call__(self, drift: Drift, state: Any, dt: Param) -> Any:
        """The state after `dt`."""
        dtype = jax.tree.leaves(state)[0].dtype
        step = cast(dt, dtype) / self.substeps
        if self.substeps == 1:
            return self.advance(drift, state, step)
        # A loop, not an unrolled one: compiling a hundred copies would take minutes.
        return jax.lax.scan(lambda s, _: (self.advance(drift, s, step), None), state, length=self.substeps)[0]


def _moved(state: Any, rate: Any, by: Any) -> Any:
    return jax.tree.map(lambda s, r: s + by * r, state, rate)


class Euler(AbstractIntegrator):
    """Forward Euler, of first order: `state + dt * drift(state)`.

    **Arguments:**

    - `substeps`: applications per step.
    - `sequential`: move the variables one after another, in the order of the state's fields, each with the new
        values of those before it.

    Source: E. Hairer, S. P. Norsett and G. Wanner, Solving Ordinary Differential Equations I, 1993, chapter I.7.
    """

    substeps: int = eqx.field(default=1, static=True)
    sequential: bool = eqx.field(default=False, static=True)

    def advance(self, drift: Drift, state: Any, dt: Any) -> Any:
        if not self.sequential:
            return _moved(state, drift(state), dt)
        leaves, structure = jax.tree.flatten(state)
        for index, value in enumerate(leaves):
            rate = jax.tree.leaves(drift(jax.tree.unflatten(structure, leaves)))[index]
            leaves = [*leaves[:index], value + dt * rate, *leaves[index + 1 :]]
        return jax.tree.unflatten(structure, leaves)


class RungeKutta4(AbstractIntegrator):
    """The classic Runge-Kutta method, of fourth order.

    **Arguments:**

    - `substeps`: applications per step.

    Source: E. Hairer, S. P. Norsett and G. Wanner, Solving Ordinary Differential Equations I, 1993, chapter II.1.
    """

    substeps: int = eqx.field(default=1, static=True)

    def advance(self, drift: Drift, state: Any, dt: Any) -> Any:
        k1 = drift(state)
        k2 = drift(_moved(state, k1, dt / 2))
        k3 = drift(_moved(state, k2, dt / 2))
        k4 = drift(_moved(state, k3, dt))
        mean = jax.tree.map(lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6, k1, k2, k3, k4)
        return _moved(state, mean, dt)


@jax.custom_jvp
def _relative_growth(z: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    small = jnp.abs(z) < 3e-3
    far = jnp.where(small, 1.0, z)
    return jnp.where(small, 1 + z / 2 * (1 + z / 3 * (1 + z / 4 * (1 + z / 5))), jnp.expm1(far) / far)


@_relative_growth.defjvp
def _relative_growth_jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    (z,), (tangent,) = primals, tangents
    value = _relative_growth(z)
    small = jnp.abs(z) < 3e-3
    # The quotient is not evaluated near zero: its own gradient there would be NaN even though it is not chosen.
    far = jnp.where(small, 1.0, z)
    series = 1 / 2 + z * (1 / 3 + z * (1 / 8 + z * (1 / 30 + z / 144)))
    return value, jnp.where(small, series, (1 + (far - 1) * value) / far) * tangent


def relative_growth(z: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`(exp(z) - 1) / z`, which is 1 at zero; it and its derivative in all digits, by their series near zero.

    Above 40 it stays what it is there: nothing that grows by `exp(40)` in a step is resolved, but it should be finite.
    """
    return _relative_growth(jnp.where(z > 40.0, 40.0, z))


class Relaxing(eqx.Module):
    """A drift that knows how fast each variable relaxes: called as any drift, `drift(state)`.

    Where a variable's coefficients depend on the variable itself, as a conductance that follows the membrane at once,
    `ExponentialEuler` holds them over the step. It is then stable whatever they are.

    **Arguments:**

    - `rates`: `state -> (rate, speed)`, both states, with `rate = speed * (goal - state)` for each variable.
    """

    rates: Callable[[Any], tuple[Any, Any]]

    def __call__(self, state: Any) -> Any:
        return self.rates(state)[0]


def _own_linear(drift: Drift, leaves: list[Array], structure: Any) -> list[tuple[Array, Array]]:
    """For each variable its rate, and the derivative of the rate with respect to this variable alone."""
    if isinstance(drift, Relaxing):
        rates, speeds = (jax.tree.leaves(part) for part in drift.rates(jax.tree.unflatten(structure, leaves)))
        return [(rate, -speed) for rate, speed in zip(rates, speeds, strict=True)]

    def own_rate(index: int, value: Array) -> Array:
        changed = [*leaves[:index], value, *leaves[index + 1 :]]
        return jax.tree.leaves(drift(jax.tree.unflatten(structure, changed)))[index]

    return [jax.jvp(functools.partial(own_rate, i), (s,), (jnp.ones_like(s),)) for i, s in enumerate(leaves)]


class ExponentialEuler(AbstractIntegrator):
    """Exponential Euler, of first order: exact for each variable's own linear part.

    `s + dt * (exp(dt J) - 1) / (dt J) * drift(s)`, `J` the derivative of the drift of a variable with respect to
    the variable itself, at the state before the step. Stable for stiff gates, where Euler would need tiny steps.

    **Arguments:**

    - `substeps`: applications per step.
    - `sequential`: move the variables one after another, in the order of the state's fields, each with the new
        values of those before it.

    Source: C. Borgers and A. R. Nectow, Exponential time differencing for Hodgkin-Huxley-like ODEs, 2013.
    """

    substeps: int = eqx.field(default=1, static=True)
    sequential: bool = eqx.field(default=False, static=True)

    def advance(self, drift: Drift, state: Any, dt: Any) -> Any:
        leaves, structure = jax.tree.flatten(state)
        linear = _own_linear(drift, leaves, structure)
        for index, value in enumerate(leaves):
            rate, derivative = linear[index]
            leaves = [*leaves[:index], value + dt * relative_growth(dt * derivative) * rate, *leaves[index + 1 :]]
            if self.sequential:
                linear = _own_linear(drift, leaves, structure)
        return jax.tree.unflatten(structure, leaves)
