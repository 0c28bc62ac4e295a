"""Kernels compiled by Triton, through `pallas_call`."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

from . import _rewrites

name = "triton"
#: Operations that Triton's rules in JAX lack, put together from others.
rewrites = {
    "integer_pow": _rewrites.integer_pow,
    "is_finite": _rewrites.is_finite,
    "polynomial": _rewrites.polynomial,
    "round": _rewrites.round_to_even,
}
#: Operations that it lacks, and that nothing replaces.
unknown = frozenset({"erf"})


class _Access:
    def __init__(self, lanes: int, tile: int):
        self.tile = tile
        # Where lanes do not fill the last tile it overlaps the one before, and writes the same values once more.
        start = pl.program_id(0) * tile
        self._mine = pl.ds(start if lanes % tile == 0 else jnp.minimum(start, lanes - tile), tile)

    def load(self, ref: Any, step: Any = None) -> Any:
        return ref[self._mine] if step is None else ref[step, self._mine]

    def store(self, ref: Any, value: Any, step: Any = None) -> None:
        if step is None:
            ref[self._mine] = value
        else:
            ref[step, self._mine] = value

    def settle(self, value: Any) -> Any:
        return value


def launch(
    kernel: Callable[[Any, list], None], ins: list, outs: list, title: str, *, tile: int, interpret: bool
) -> list:
    """Run `kernel(access, refs)`, with references to the arrays `ins` and the results `outs`, for every tile of lanes."""
    lanes = ins[0].shape[-1]
    call = pl.pallas_call(
        lambda *refs: kernel(_Access(lanes, tile), list(refs)),
        grid=(pl.cdiv(lanes, tile),),
        out_shape=outs,
        interpret=interpret,
        # With parameters of its own, a call is compiled by Triton whatever JAX's default is.
        compiler_params=None if interpret else triton.CompilerParams(num_warps=max(1, tile // 32), num_stages=1),
        name=title,
    )
    return list(call(*ins))
