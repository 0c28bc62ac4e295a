"""A progress bar where `tqdm` is installed, a line per epoch where it is not."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable


@runtime_checkable
class Progress(Protocol):
    """What a long computation tells about itself."""

    def update(self, steps: int, /) -> object: ...

    def set_postfix_str(self, text: str, /) -> object: ...


class _Lines:
    """Prints every text it is given, but at most one per tenth of the work."""

    def __init__(self, total: int, done: int):
        self.total, self.done, self.shown = total, done, done

    def update(self, steps: int) -> None:
        self.done += steps

    def set_postfix_str(self, text: str) -> None:
        if self.done - self.shown >= self.total / 10 or self.done >= self.total:
            self.shown = self.done
            print(f"step {self.done}/{self.total}: {text}", file=sys.stderr)


class _Silent:
    def update(self, steps: int) -> None:
        del steps

    def set_postfix_str(self, text: str) -> None:
        del text


@contextmanager
def progress_bar(total: int, done: int, show: bool) -> Iterator[Progress]:
    """A bar over `total` steps of which `done` are behind us; it shows the time left."""
    if not show:
        yield _Silent()
        return
    try:
        from tqdm import tqdm  # not tqdm.auto, which warns in notebooks without widgets
    except ImportError:
        yield _Lines(total, done)
        return
    with tqdm(total=total, initial=done, unit="step", dynamic_ncols=True) as bar:
        yield bar
