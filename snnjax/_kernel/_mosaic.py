"""Kernels compiled by Mosaic GPU, for Hopper and newer, through `plgpu.kernel`."""

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental import pallas as pl
from jax.experimental.pallas import mosaic_gpu as plgpu

from .._errors import InputError
from . import _rewrites

name = "mosaic"
#: Operations that Mosaic's rules in JAX lack, put together from others.
rewrites = {
    "integer_pow": _rewrites.integer_pow,
    "pow": _rewrites.power,
    "expm1": _rewrites.expm1,
    "log1p": _rewrites.log1p,
    "floor": _rewrites.floor,
    "ceil": _rewrites.ceil,
    "atan": _rewrites.arctan,
    "atan2": _rewrites.arctan2,
    "rem": _rewrites.remainder,
    "not": _rewrites.invert,
    "polynomial": _rewrites.polynomial,
    "tan": _rewrites.tan,
    "sinh": _rewrites.sinh,
    "cosh": _rewrites.cosh,
    "is_finite": _rewrites.is_finite,
}
if jax.__version_info__ < (0, 12):
    rewrites["sqrt"] = _rewrites.sqrt
#: Operations that it lacks, and that nothing replaces.
unknown = frozenset({"asin", "acos", "asinh", "acosh", "atanh", "cbrt", "erf", "erf_inv"})

# Before JAX 0.12 a load takes the index apart from the reference.
_INDEX = {"idx": None} if "idx" in inspect.signature(plgpu.load).parameters else {}
_IS_OLD = "out_type" not in inspect.signature(plgpu.kernel).parameters


class _Access:
    def __init__(self, lanes: int, tile: int):
        self.tile = tile
        # Where lanes do not fill the last tile it overlaps the one before, and writes the same values once more.
        start = lax.axis_index("tile") * tile
        self._mine = pl.ds(start if lanes % tile == 0 else jnp.minimum(start, lanes - tile), tile)
        self._layout = plgpu.Layout.WG_STRIDED((tile,), vec_size=1)

    def _place(self, step: Any) -> tuple:
        return (self._mine,) if step is None else (step, self._mine)

    def load(self, ref: Any, step: Any = None) -> Any:
        return plgpu.load(ref.at[self._place(step)], layout=self._layout, optimized=False, **_INDEX)

    def store(self, ref: Any, value: Any, step: Any = None) -> None:
        ref[self._place(step)] = self.settle(value)

    def settle(self, value: Any) -> Any:
        return plgpu.layout_cast(value, self._layout)


def launch(
    kernel: Callable[[Any, list], None], ins: list, outs: list, title: str, *, tile: int, interpret: bool
) -> list:
    """Run `kernel(access, refs)`, with references to the arrays `ins` and the results `outs`, for every tile of lanes."""
    lanes = ins[0].shape[-1]
    if _IS_OLD:
        raise InputError(
            f"Fused was given backend='mosaic' with JAX {jax.__version__}; it takes JAX 0.10 or newer for Mosaic kernels. "
            f"Use backend='triton'."
        )
    options: dict[str, Any] = {}
    if interpret:
        if not hasattr(plgpu, "InterpretGPUParams"):
            raise InputError(
                f"Fused was given backend='mosaic' and interpret=True with JAX {jax.__version__}; its interpreter of "
                f"Mosaic kernels comes with JAX 0.12. Use backend='triton', which computes the same."
            )
        options["interpret"] = plgpu.InterpretGPUParams()
    call = plgpu.kernel(
        lambda *refs: kernel(_Access(lanes, tile), list(refs)),
        out_type=tuple(outs),
        grid=(pl.cdiv(lanes, tile),),
        grid_names=("tile",),
        kernel_name=title,
        **options,
    )
    return list(call(*ins))
