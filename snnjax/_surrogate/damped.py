"""Another surrogate, scaled or moved."""

from jaxtyping import Array, Float

from .._misc import cast, check_finite
from .._parameter import Param, parameter
from ._altered import AbstractAltered
from ._base import AbstractSurrogate
from .laplace import Slayer
from .triangle import Triangle


class Damped(AbstractAltered):
    """A surrogate times a factor: less gradient per spike keeps that of long sequences from exploding.

    ```
    primitive(v) = factor surrogate.primitive(v)
    derivative(v) = factor surrogate.derivative(v)
    ```

    **Arguments:**

    - `surrogate`: whose derivative is scaled, and which says whether ties fire.
    - `factor`: any finite number, an array, or a wrapped parameter; an array is trained.

    Raises a `ValueError` for a factor that is not finite.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    neuron = snn.LIF(surrogate=snn.Damped(snn.Triangle(), 0.3))
    assert neuron.surrogate.derivative(jnp.array(0.0)) == jnp.float32(0.3)
    ```

    Source: G. Bellec et al., Long short-term memory and learning-to-learn in networks of spiking neurons, 2018.
    """

    surrogate: AbstractSurrogate = Triangle()
    factor: Param = parameter(0.3)

    def __check_init__(self) -> None:
        check_finite(self, "factor")

    def primitive(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return cast(self.factor, v.dtype) * self.surrogate.primitive(v)

    def derivative(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return cast(self.factor, v.dtype) * self.surrogate.derivative(v)


class Shifted(AbstractAltered):
    """A surrogate whose middle is not the threshold; spikes stay where they are.

    ```
    primitive(v) = surrogate.primitive(v - offset)
    derivative(v) = surrogate.derivative(v - offset)
    ```

    **Arguments:**

    - `surrogate`: whose derivative is moved, and which says whether ties fire.
    - `offset`: how far above the threshold, in the unit of the membrane. A number, an array, or a wrapped parameter;
        an array is trained.

    Raises a `ValueError` for an offset that is not finite.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    spike = snn.Shifted(snn.Slayer(2.0), 1.0)
    assert spike.derivative(jnp.array(1.0)) == 1.0 and spike(jnp.array(0.5)) == 1.0
    ```

    Source: the spike rate escape of snnTorch, `Damped(Shifted(Slayer(1.0), 1.0), 25.0)`; J. K. Eshraghian et al.,
    Training spiking neural networks using lessons from deep learning, 2023.
    """

    surrogate: AbstractSurrogate = Slayer()
    offset: Param = parameter(1.0)

    def __check_init__(self) -> None:
        check_finite(self, "offset")

    def primitive(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return self.surrogate.primitive(v - cast(self.offset, v.dtype))

    def derivative(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return self.surrogate.derivative(v - cast(self.offset, v.dtype))
