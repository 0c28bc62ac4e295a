"""The first terms of the Fourier series of a square wave."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._misc import cast
from .._parameter import Param, parameter
from ._base import AbstractSurrogate


class FourierSquareWave(AbstractSurrogate):
    """The first terms of the Fourier series of a square wave: it repeats itself, and is negative in places.

    ```
    primitive(v) = 1/2 + (2 / pi) sum_i sin(m_i v) / (2 i - 1)
    derivative(v) = slope sum_i cos(m_i v),  m_i = (2 i - 1) slope pi / 2,  i = 1 ... terms
    ```

    The period of the wave is `4 / slope`: the step is a rise of half a period.

    **Arguments:**

    - `slope`: steepness of each term, per unit of membrane: 4 over the period. A number, an array, or a wrapped
        parameter; an array is trained.
    - `terms`: how many terms of the series.
    - `inclusive`: fire at `v >= 0` instead of `v > 0`.

    Raises a `ValueError` for a slope that is not above 0, and for less than one term.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    assert snn.FourierSquareWave(4 / 8.0, terms=2).derivative(jnp.array(0.0)) == 1.0
    ```

    Source: W. Fang et al., SpikingJelly: an open-source machine learning infrastructure platform for spike-based
    intelligence, 2023.
    """

    slope: Param = parameter(0.5)
    terms: int = eqx.field(default=2, static=True)
    inclusive: bool = eqx.field(default=False, static=True)

    def __check_init__(self) -> None:
        if self.terms < 1:
            raise ValueError(
                f"FourierSquareWave.terms was given {self.terms}; it takes a whole number of at least 1. For no "
                f"gradient at all use `jax.lax.stop_gradient`."
            )

    def _angle(self, v: Array) -> Array:
        """The angle of the first term, reduced to a turn: in half precision its multiples would overflow."""
        turns = cast(self.slope, v.dtype) / 4 * v
        return 2 * jnp.pi * (turns - jnp.round(turns))

    def primitive(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        angle = self._angle(v)
        odd = range(1, 2 * self.terms, 2)
        return 0.5 + 2 / jnp.pi * sum((jnp.sin(m * angle) / m for m in odd), jnp.zeros_like(v))

    def derivative(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        angle = self._angle(v)
        odd = range(1, 2 * self.terms, 2)
        return cast(self.slope, v.dtype) * sum((jnp.cos(m * angle) for m in odd), jnp.zeros_like(v))
