"""snntorch's layers between neurons.

`BatchNormTT1d` and `BatchNormTT2d` are not here: their running means change while the network runs, and a layer of this
library keeps nothing.
"""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from ..._errors import InputError
from ..._misc import cast, check_finite
from ..._parameter import Param, as_parameter
from ..._types import Key


class GradedSpikes(eqx.Module):
    """Multiplies the spikes of every neuron by a trained number of its own.

    The first axis of one example is that of the neurons. (In the library it is the last but one of a batch: with a
    batch of vectors that multiplies examples, and fails unless there are as many of them as neurons.)

    **Arguments:**

    - `size`: the number of neurons.
    - `constant_factor`: where all of the numbers start; None (or 0) to draw them between 0.5 and 1.5.
    - `key`: draws them.

    Raises a `ValueError` where numbers are to be drawn without a key, and an `InputError` for a wrong shape.

    ```python
    import jax.numpy as jnp
    import snnjax as snn
    from snnjax.compat import snntorch

    layer = snntorch.GradedSpikes(2, constant_factor=2.5)
    assert layer(jnp.array([1.0, 0.0])).tolist() == [2.5, 0.0]
    ```
    """

    weights: Param = eqx.field(converter=as_parameter)

    def __init__(self, size: int, constant_factor: float | int | None = None, *, key: Key = None):
        if constant_factor:
            self.weights = jnp.full(size, float(constant_factor))
        elif key is not None:
            self.weights = jr.uniform(key, (size,), minval=0.5, maxval=1.5)
        else:
            raise ValueError(
                f"GradedSpikes was given constant_factor={constant_factor} and no key; it then draws its numbers. Give "
                f"a factor, or `key=jax.random.key(0)`."
            )

    def __check_init__(self) -> None:
        check_finite(self, "weights")

    def __call__(self, x: Float[Array, "neurons *shape"]) -> Float[Array, "neurons *shape"]:
        weights = cast(self.weights, x.dtype)
        if x.shape[:1] != weights.shape:
            raise InputError(
                f"GradedSpikes was given one step of shape {x.shape}; it takes {weights.shape[0]} neurons on the first "
                f"axis. A batch is `jax.vmap` over `unroll`."
            )
        return weights.reshape(-1, *(1,) * (x.ndim - 1)) * x
