"""Delay lines."""

import abc
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ._cell import AbstractSequenceCell, RunPart
from ._errors import InputError
from ._parameter import Param, concrete
from ._types import Key, Keys, Trajectory


class AbstractDelay(AbstractSequenceCell[Array]):
    """A delay line. Its state is the last `longest` inputs, oldest first, so that streaming and chunking are exact."""

    @property
    @abc.abstractmethod
    def longest(self) -> int:
        """Steps after which nothing of an input is left."""

    @property
    @abc.abstractmethod
    def least(self) -> int:
        """Steps before which there is nothing of it."""

    @property
    @abc.abstractmethod
    def age(self) -> str:
        """How old what is put out is, in words."""

    @abc.abstractmethod
    def _mixed(self, line: Array, steps: int) -> Array:
        """What is put out in so many steps, from the inputs of these steps and of the `longest` before them."""

    def due(self, state: Array) -> Array:
        """What the next step puts out, before its input is known; only where `least` is 1 or more."""
        return self._mixed(jnp.concatenate([state, jnp.zeros_like(state[:1])]), 1)[0]

    def init_state(self, x: Any, *, key: Key = None) -> Array:
        del key
        return jnp.broadcast_to(jnp.zeros_like(x), (self.longest, *x.shape))

    def __call__(self, state: Array, x: Array, *, key: Key = None) -> tuple[Array, Array]:
        del key
        line = jnp.concatenate([state, x[None]])
        return line[1:], self._mixed(line, 1)[0]

    def scan(self, run: RunPart, state: Array, xs: Trajectory, keys: Keys) -> tuple[Array, Trajectory, Array]:
        del run, keys
        with jax.named_scope(f"snn.{type(self).__name__}"):
            line = jnp.concatenate([state, xs])
            total = xs.shape[0]
            windows = jnp.arange(total)[:, None] + jnp.arange(1, self.longest + 1)[None, :]
            # The states are only looked at when something is recorded; otherwise nothing computes them.
            return line[total:], self._mixed(line, total), line[windows]


class Delay(AbstractDelay):
    """Puts out its input some steps later: `out[t] = x[t - steps]`, and zeros before there was any.

    The state is the last `steps` inputs, oldest first, so that streaming and chunking are exact.

    **Arguments:**

    - `steps`: the delay in steps, at least 0.

    Raises a `ValueError` for a negative or fractional number of steps; for fractions see `VariableDelay`.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    final, ys = snn.unroll(snn.Delay(2), jnp.array([1.0, 2.0, 3.0, 4.0]))
    assert ys.tolist() == [0.0, 0.0, 1.0, 2.0]
    ```
    """

    steps: int = eqx.field(static=True)

    def __check_init__(self) -> None:
        if not isinstance(self.steps, int) or self.steps < 0:
            raise ValueError(
                f"Delay.steps was given {self.steps!r}; it takes a whole number of steps of at least 0. "
                f"Divide a time by dt and round it, or use `VariableDelay`, which takes fractions."
            )

    @property
    def longest(self) -> int:
        return self.steps

    @property
    def least(self) -> int:
        return self.steps

    @property
    def age(self) -> str:
        return _steps(self.steps)

    def _mixed(self, line: Array, steps: int) -> Array:
        return line[:steps]


class VariableDelay(AbstractDelay):
    """A delay that can be a fraction of steps, differ between neurons, and be trained.

    `out[t] = (1 - f) x[t - k] + f x[t - k - 1]`, with `k` the whole steps of the delay and `f` the fraction that is
    left. So the derivative for the delay is `x[t - k - 1] - x[t - k]`: inputs that change slowly (currents, traces)
    teach a delay much, single spikes only their neighbours.

    **Arguments:**

    - `steps`: the delay in steps: a number, or an array that broadcasts against the input; an array is trained,
        `Interval(steps, least, longest)` keeps it inside its range while it is.
    - `longest`: the longest delay that there is memory for, in whole steps; for numbers `steps` rounded up. Longer ones
        are as long as this.
    - `least`: the shortest delay, in whole steps; for numbers `steps` rounded down. At least 1 in an edge that closes a
        circle of a `Graph`.

    Raises a `ValueError` for delays that are not finite, or outside of the range, and for arrays without `longest`.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    final, ys = snn.unroll(snn.VariableDelay(1.5), jnp.array([2.0, 4.0, 6.0, 8.0]))
    assert ys.tolist() == [0.0, 1.0, 3.0, 5.0]
    ```
    """

    steps: Param
    span: tuple[int, int] = eqx.field(static=True)

    def __init__(self, steps: Param, longest: int | None = None, least: int | None = None):
        self.steps = steps
        number = steps if isinstance(steps, int | float) and math.isfinite(steps) else None
        if longest is None:
            if number is None:
                raise InputError(
                    f"VariableDelay.steps was given {steps!r} without `longest`; it takes the longest delay that there "
                    f"is memory for, in whole steps, unless `steps` is a finite number. Give `longest`."
                )
            longest = math.ceil(number)
        shortest = 0 if number is None else math.floor(number)
        self.span = (shortest if least is None else least, longest)

    def __check_init__(self) -> None:
        if not 0 <= self.least <= self.longest:
            raise InputError(
                f"VariableDelay was given least={self.least} and longest={self.longest}; they take whole steps of at "
                f"least 0, in this order."
            )
        values = concrete(self.steps)
        if values is not None and not np.all((values >= self.least) & (values <= self.longest)):
            raise InputError(
                f"VariableDelay.steps was given {values}; it takes steps from least={self.least} to "
                f"longest={self.longest}. Give a larger range."
            )

    @property
    def least(self) -> int:
        return self.span[0]

    @property
    def longest(self) -> int:
        return self.span[1]

    @property
    def age(self) -> str:
        values = concrete(self.steps)
        if values is None or np.ndim(values):
            return f"{self.least} to {_steps(self.longest)}"
        return _steps(float(values))

    def _mixed(self, line: Array, steps: int) -> Array:
        delay = jnp.clip(jnp.asarray(self.steps, line.dtype), self.least, self.longest)
        whole = jnp.clip(jnp.floor(delay), self.least, max(self.least, self.longest - 1))
        fraction = delay - jax.lax.stop_gradient(whole)
        age = whole.astype(int)
        newer = self._aged(line, age, steps)
        if self.least == self.longest:
            return newer
        fraction = jnp.broadcast_to(fraction, (1, *line.shape[1:])) if fraction.ndim else fraction
        return (1 - fraction) * newer + fraction * self._aged(line, age + 1, steps)

    def _aged(self, line: Array, age: Array, steps: int) -> Array:
        """The inputs as old as `age` says."""
        first = self.longest - age
        if first.ndim == 0:
            return jax.lax.dynamic_slice_in_dim(line, first, steps)
        neurons = (1, *line.shape[1:])
        index = jnp.arange(steps).reshape(-1, *(1 for _ in neurons[1:])) + jnp.broadcast_to(first, neurons)
        return jnp.take_along_axis(line, index, axis=0)


def as_delay(given: Any) -> AbstractDelay | None:
    """A delay line, for a number of steps or a line; None for no delay."""
    if isinstance(given, AbstractDelay):
        return given
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given) or given < 0:
        raise InputError(
            f"the delay was given {given!r}; it takes a number of steps of at least 0, `Delay(steps)`, or "
            f"`VariableDelay(steps, longest)` for one per neuron or one that is trained."
        )
    if given == int(given):
        return Delay(int(given)) if given else None
    return VariableDelay(given, longest=math.ceil(given))


def _steps(count: float | int) -> str:
    return f"{count:g} step{'s' * (count != 1)}"
