"""What a spike does to the membrane, within the step in which it fires."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._misc import cast, check_finite
from ._parameter import Param, parameter


class AbstractReset(eqx.Module):
    """A reset: called as `v = reset(v, z, threshold)` after the spike `z` has been found.

    With `detach=True` no gradient flows through the reset's dependence on the spike. It still flows
    through the membrane itself.
    """

    detach: eqx.AbstractVar[bool]

    @abc.abstractmethod
    def apply(self, v: Float[Array, "..."], z: Float[Array, "..."], threshold: Param) -> Float[Array, "..."]:
        """The membrane after the reset."""

    def __call__(self, v: Float[Array, "..."], z: Float[Array, "..."], threshold: Param) -> Float[Array, "..."]:
        """The membrane after the reset, with the spike detached if asked for."""
        return self.apply(v, jax.lax.stop_gradient(z) if self.detach else z, threshold)


class SubtractReset(AbstractReset):
    """Soft reset, `v = v - z * threshold`: what is above the threshold is kept.

    **Arguments:**

    - `detach`: cut the gradient through the spike.
    """

    detach: bool = eqx.field(default=False, static=True)

    def apply(self, v: Float[Array, "..."], z: Float[Array, "..."], threshold: Param) -> Float[Array, "..."]:
        return v - z * cast(threshold, v.dtype)


class ZeroReset(AbstractReset):
    """Hard reset to zero, `v = v * (1 - z)`: what is above the threshold is lost.

    **Arguments:**

    - `detach`: cut the gradient through the spike.
    """

    detach: bool = eqx.field(default=False, static=True)

    def apply(self, v: Float[Array, "..."], z: Float[Array, "..."], threshold: Param) -> Float[Array, "..."]:
        del threshold
        return v * (1 - z)


class ValueReset(AbstractReset):
    """Hard reset to a value, `v = v + z * (value - v)`.

    **Arguments:**

    - `value`: where the membrane goes, in its own unit; a number, an array, or a wrapped parameter.
    - `detach`: cut the gradient through the spike.
    """

    value: Param = parameter(0.0)
    detach: bool = eqx.field(default=False, static=True)

    def __check_init__(self) -> None:
        check_finite(self, "value")

    def apply(self, v: Float[Array, "..."], z: Float[Array, "..."], threshold: Param) -> Float[Array, "..."]:
        del threshold
        return v + z * (cast(self.value, v.dtype) - v)


class NoReset(AbstractReset):
    """No reset: the membrane does not notice its spikes.

    **Arguments:**

    - `detach`: accepted so that all resets are made alike; there is nothing to detach.
    """

    detach: bool = eqx.field(default=False, static=True)

    def apply(self, v: Float[Array, "..."], z: Float[Array, "..."], threshold: Param) -> Float[Array, "..."]:
        del z, threshold
        return v


class Floor(AbstractReset):
    """A reset that then keeps the membrane from falling below a value: `v = max(reset(v, z, threshold), floor)`.

    A membrane that is held at the floor has no gradient.

    **Arguments:**

    - `reset`: what a spike does to the membrane.
    - `floor`: the lowest membrane, in its own unit; a number, an array, or a wrapped parameter.
    - `detach`: cut the gradient through the spike.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    neuron = snn.LIF(reset=snn.Floor(snn.SubtractReset(), -0.5))
    final, _ = snn.unroll(neuron, -jnp.ones((10, 1)))
    assert final.v.item() == -0.5
    ```
    """

    reset: AbstractReset = SubtractReset()
    floor: Param = parameter(0.0)
    detach: bool = eqx.field(default=False, static=True)

    def __check_init__(self) -> None:
        check_finite(self, "floor")

    def apply(self, v: Float[Array, "..."], z: Float[Array, "..."], threshold: Param) -> Float[Array, "..."]:
        after = self.reset(v, z, threshold)
        floor = jnp.broadcast_to(jnp.asarray(cast(self.floor, v.dtype), v.dtype), v.shape)
        # Not `maximum`, which has half of a gradient at the floor itself.
        return jnp.where(after > floor, after, floor)
