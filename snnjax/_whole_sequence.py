"""Cells that must see all steps before they know their first output."""

import abc
from typing import Any

import equinox as eqx
import jax

from ._cell import AbstractSequenceCell
from ._types import State


class AbstractWholeSequenceCell(AbstractSequenceCell[State]):
    """A cell that may need to see all steps before it knows its first output, such as a norm over time in training.

    Where it does, `unroll` runs networks part by part over the whole sequence, and never in chunks.
    """

    @property
    @abc.abstractmethod
    def needs_all(self) -> bool:
        """Whether it does, as it is now."""


def needs_all(cell: Any) -> bool:
    """Whether anything inside of a cell needs to see the whole sequence at once."""

    def is_whole(node: Any) -> bool:
        return isinstance(node, AbstractWholeSequenceCell)

    return any(is_whole(node) and node.needs_all for node in jax.tree.leaves(cell, is_leaf=is_whole))


class AllSeen(eqx.Module):
    """State of a cell that needs the whole sequence: once it has seen one, it takes no more steps.

    The flag is part of the structure, so that loops over steps or chunks are refused where they are traced.
    """

    statistics: eqx.nn.State
    seen: bool = eqx.field(default=False, static=True)


def advice(*states: Any) -> str:
    """What to do about states with an `AllSeen` that was used up; empty without one."""

    def is_seen(node: Any) -> bool:
        return isinstance(node, AllSeen)

    if not any(map(is_seen, jax.tree.leaves(states, is_leaf=is_seen))):
        return ""
    return (
        "\nA norm over time needs the whole sequence at once in training: it cannot be stepped, streamed, or stand "
        "inside of a feedback loop. Use `eqx.nn.inference_mode(model)`, or a norm with statistics of its own for each "
        "step."
    )
