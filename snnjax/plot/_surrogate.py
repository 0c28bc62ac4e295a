"""Surrogate derivatives."""

import jax.numpy as jnp

from .._parameter import resolve
from .._surrogate import AbstractSurrogate
from ._axes import BESIDE, BLUE, GREY, VERMILLION, Axes, add_title, prepare


def surrogate(
    surrogate: AbstractSurrogate, *, low: float | int = -2.0, high: float | int = 2.0, ax: Axes | None = None
) -> Axes:
    """Draws a surrogate derivative and the smooth function that it is the derivative of.

    The forward pass uses the spike, drawn in grey; the backward pass uses the derivative.

    **Arguments:**

    - `surrogate`: a surrogate of `snnjax`.
    - `low`, `high`: the range of `v`, the distance of the membrane to the threshold.

    **Returns:** the axes: `ax`, or those of a new figure.

    ```python
    import snnjax as snn
    ax = snn.plot.surrogate(snn.SuperSpike(), low=-1.0, high=1.0)
    ```
    """
    function = resolve(surrogate)
    v = jnp.linspace(low, high, 401)
    ax = prepare(ax)
    ax.plot(v, function(v), color=GREY, lw=1.0, drawstyle="steps-mid", label="spike")
    ax.plot(v, function.primitive(v), color=BLUE, lw=1.6, ls="--", label="primitive")
    ax.plot(v, function.derivative(v), color=VERMILLION, lw=1.6, label="derivative")
    ax.set_xlim(low, high)
    ax.set_xlabel("membrane minus threshold")
    ax.legend(**BESIDE)
    add_title(ax, None, type(surrogate).__name__)
    return ax
