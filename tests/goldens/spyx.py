"""spyx."""

from ._case import Case
from ._check import Unsupported


def run(case: Case) -> dict:
    raise Unsupported(case.behaviour)
