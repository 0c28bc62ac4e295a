"""Times of calls that take turns, so that whatever else the machine does meets all of them."""

import random
import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

Name = TypeVar("Name", bound=Hashable)


def timed(function: Callable, *args: Any) -> float:
    """Seconds until the results are there."""
    import jax

    begin = time.perf_counter()
    jax.block_until_ready(function(*args))
    return time.perf_counter() - begin


def in_turn(calls: dict[Name, Callable[[], float]], rounds: int) -> dict[Name, list[float]]:
    """The seconds that each call says it took, in `rounds` rounds after two that warm up; in any order."""
    shuffle = random.Random(0)
    seconds: dict[Name, list[float]] = {name: [] for name in calls}
    for i in range(rounds + 2):
        for name in shuffle.sample(list(calls), len(calls)):
            spent = calls[name]()
            if i >= 2:
                seconds[name].append(spent)
    return seconds
