"""When an input enters an exponential current: the four orders that models use."""

import abc
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

Current = Float[Array, "*shape"]


class AbstractArrival(eqx.Module):
    """How an input enters an exponential current, and which current is heard."""

    @abc.abstractmethod
    def __call__(self, i: Current, x: Current, decay: Any) -> tuple[Current, Current]:
        """The current after the step, and the current that is heard in it."""


class AfterDecay(AbstractArrival):
    """`i = decay * i + x`; heard is `i`. An input is heard at once and in full."""

    def __call__(self, i: Current, x: Current, decay: Any) -> tuple[Current, Current]:
        i = decay * i + x
        return i, i


class BeforeDecay(AbstractArrival):
    """`i = decay * (i + x)`; heard is `i`. An input is heard at once, but has already decayed by a step."""

    def __call__(self, i: Current, x: Current, decay: Any) -> tuple[Current, Current]:
        i = decay * (i + x)
        return i, i


class HeardUndecayed(AbstractArrival):
    """Heard is `i + x`; `i = decay * (i + x)`. An input is heard at once and in full, then decays."""

    def __call__(self, i: Current, x: Current, decay: Any) -> tuple[Current, Current]:
        heard = i + x
        return decay * heard, heard


class NextStep(AbstractArrival):
    """Heard is `i`; `i = decay * i + x`. An input is heard from the next step on."""

    def __call__(self, i: Current, x: Current, decay: Any) -> tuple[Current, Current]:
        return decay * i + x, i
