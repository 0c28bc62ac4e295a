"""How a conductance becomes a current."""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._misc import cast, check_finite, check_positive
from .._parameter import Param, concrete, parameter


class AbstractOutput(eqx.Module):
    """What a conductance does to a membrane: called as `current = output(g, v)`, positive where it depolarises.

    A subclass gives two methods. Where a current does not follow from the membrane, its conductance is zero.
    """

    @abc.abstractmethod
    def conductance(self, g: Float[Array, "*shape"], v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """What conducts at the membrane `v`, so that `current = conductance * (reversal - v)`."""

    @abc.abstractmethod
    def __call__(self, g: Float[Array, "*shape"], v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The current into the membrane.

        **Arguments:**

        - `g`: the conductance, or the open fraction of a receptor.
        - `v`: the membrane, of the same shape.
        """


def _draw(self: Any, g: Float[Array, "*shape"], v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The current through a conductance, which draws the membrane to the reversal potential."""
    return self.conductance(g, v) * (cast(self.reversal, v.dtype) - v)


class CurrentOutput(AbstractOutput):
    """A current that does not depend on the membrane: `scale * g`.

    **Arguments:**

    - `scale`: the current for `g = 1`; below zero for an inhibitory one.
    """

    scale: Param = parameter(1.0)

    def __check_init__(self) -> None:
        check_finite(self, "scale")

    def conductance(self, g: Float[Array, "*shape"], v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        del g
        return jnp.zeros_like(v)

    def __call__(self, g: Float[Array, "*shape"], v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        del v
        return cast(self.scale, g.dtype) * g


class ConductanceOutput(AbstractOutput):
    """A current that draws the membrane to a reversal potential: `scale * g * (reversal - v)`.

    **Arguments:**

    - `reversal`: in the unit of the membrane.
    - `scale`: the conductance for `g = 1`: the largest one, where `g` is the open fraction of a receptor.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    inhibition = snn.ConductanceOutput(reversal=-80.0)
    assert inhibition(jnp.array(0.5), jnp.array(-70.0)) == -5.0
    ```

    Source: W. Gerstner, W. M. Kistler, R. Naud and L. Paninski, Neuronal Dynamics, 2014, equation 3.1.
    """

    reversal: Param = parameter(0.0)
    scale: Param = parameter(1.0)

    def __check_init__(self) -> None:
        check_finite(self, "reversal", "scale")

    def conductance(self, g: Float[Array, "*shape"], v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        del v
        return cast(self.scale, g.dtype) * g

    __call__ = _draw


class MagnesiumBlock(AbstractOutput):
    """The current through NMDA receptors, which magnesium blocks unless the membrane is depolarised.

    ```
    unblocked = 1 / (1 + concentration / half_block * exp(-slope * (v - offset)))
    current = scale * g * unblocked * (reversal - v)
    ```

    **Arguments:**

    - `reversal`: in mV.
    - `scale`: the conductance for `g = 1` without a block.
    - `concentration`: of magnesium outside of the cell, in mM; 0 for no block.
    - `half_block`: the concentration that blocks half of the receptors at `offset`, in mM.
    - `slope`: how steeply the block depends on the membrane, per mV.
    - `offset`: shifts the block to other voltages, in mV.

    Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    block = snn.MagnesiumBlock()
    current = block(jnp.ones(2), jnp.array([-65.0, -20.0]))
    assert current[1] > 2 * current[0]                         # although the driving force is a third
    ```

    Source: C. E. Jahr and C. F. Stevens, Voltage dependence of NMDA-activated macroscopic conductances predicted by
    single-channel kinetics, 1990.
    """

    reversal: Param = parameter(0.0)
    scale: Param = parameter(1.0)
    concentration: Param = parameter(1.0)
    half_block: Param = parameter(3.57)
    slope: Param = parameter(0.062)
    offset: Param = parameter(0.0)

    def __check_init__(self) -> None:
        check_finite(self, "reversal", "scale", "concentration", "slope", "offset")
        check_positive(self, "half_block")
        values = concrete(self.concentration)
        if values is not None and not (values >= 0).all():
            raise ValueError(
                f"MagnesiumBlock.concentration was given {self.concentration}; it takes values of at least 0, in mM. "
                f"For a conductance without a block use ConductanceOutput."
            )

    def conductance(self, g: Float[Array, "*shape"], v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        dtype = v.dtype
        exponent = -cast(self.slope, dtype) * (v - cast(self.offset, dtype))
        # Bounded: at exp(40) nothing gets through, and the square of it, in the gradient, is still a float32.
        growth = jnp.exp(jnp.minimum(exponent, jnp.full_like(v, 40.0)))
        block = cast(self.concentration, dtype) / cast(self.half_block, dtype) * growth
        return cast(self.scale, dtype) * g / (1 + block)

    __call__ = _draw
