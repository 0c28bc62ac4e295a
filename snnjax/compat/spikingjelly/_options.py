"""What the neurons share: how their arguments become thresholds, spikes, resets and starts of the core."""

from typing import Any

from ..._cell import AbstractCell
from ..._neuron import AbstractNeuron
from ..._reset import SubtractReset, ValueReset
from ..._surrogate import AbstractSpike
from .._common import Prepared
from .surrogate import Sigmoid

SIGMOID = Sigmoid()


def firing(v_threshold: Any, v_reset: Any, surrogate_function: AbstractSpike, detach_reset: bool) -> dict[str, Any]:
    """The fields of a core neuron that say when it fires, and what a spike does."""
    return {
        "threshold": v_threshold,
        "surrogate": surrogate_function,
        "reset": SubtractReset(detach_reset) if v_reset is None else ValueReset(v_reset, detach_reset),
    }


def begun(cell: AbstractNeuron, v_reset: Any) -> AbstractCell:
    """A cell whose membrane starts where it is reset to."""
    return Prepared(cell, {"v": 0.0 if v_reset is None else v_reset})


def check_tau(tau: Any) -> None:
    """Refuse time constants that a step of length 1 would overshoot."""
    if not tau > 1:
        raise ValueError(f"tau was given as {tau}; it takes time constants above 1 step.")
