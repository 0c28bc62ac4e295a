"""Errors that say which layer of a model they come from."""

from collections.abc import Iterator
from contextlib import contextmanager


class InputError(ValueError):
    """An input or a state that a layer cannot take.

    The message begins with the path of the layer inside the model (`layers[0].body: ...`).
    """

    def __init__(self, message: str, path: str = ""):
        super().__init__(f"{path}: {message}" if path else message)
        self.message = message
        self.path = path


def join_path(outer: str, inner: str) -> str:
    """`layers[0]` and `body` make `layers[0].body`; an empty part adds nothing."""
    return f"{outer}.{inner}" if outer and inner else outer or inner


@contextmanager
def inside(name: str) -> Iterator[None]:
    """Prefix the path of every `InputError` raised in the block with `name`; note it on other errors."""
    try:
        yield
    except InputError as error:
        raise type(error)(error.message, join_path(name, error.path)) from error.__cause__
    except Exception as error:
        if name:
            error.add_note(f"raised inside {name}")
        raise
