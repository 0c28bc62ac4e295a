"""braintools: its surrogates are part of `snnjax.compat.brainpy`."""

from snnjax.compat.brainpy import surrogate

from ._case import Case
from ._check import Unsupported
from ._trace import Arrays, curve


def run(case: Case) -> Arrays:
    """What the library's file holds, computed by `snnjax.compat.brainpy.surrogate`."""
    _, kind, name = case.behaviour.split(".")
    if kind != "surrogate":
        raise Unsupported(case.behaviour)
    spike = getattr(surrogate, name)(**case.params)
    return curve(case, spike, spike.primitive)
