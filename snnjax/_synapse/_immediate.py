"""No synapse at all: the input is the current, or the conductance, as it comes."""

from typing import Any

from ._arrival import AbstractArrival, Current


class Immediate(AbstractArrival):
    """`i = x`; heard is `i`. For inputs that a synapse in front has already made currents or conductances."""

    def __call__(self, i: Current, x: Current, decay: Any) -> tuple[Current, Current]:
        del i, decay
        return x, x
