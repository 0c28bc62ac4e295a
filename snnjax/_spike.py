"""Other spikes than zero or one by a threshold: options that go into a neuron's `surrogate` field."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._errors import InputError
from ._misc import cast, check_positive
from ._parameter import Param, concrete, parameter
from ._surrogate import AbstractSpike, AbstractSurrogate, SuperSpike
from ._types import Key


class MultiSpike(AbstractSpike):
    """Several spikes in one step: as many as whole thresholds fit into the membrane.

    `z = floor(v / threshold)` where `v >= threshold`, at most `maximum`. The derivative is that of the surrogate at
    `v - threshold`, also where the maximum cuts.

    **Arguments:**

    - `surrogate`: whose derivative is used.
    - `maximum`: the most spikes per step; None for no limit.

    Raises a `ValueError` for a maximum below 1, and an `InputError` for thresholds that are not above 0.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    _, zs = snn.unroll(snn.IF(surrogate=snn.MultiSpike()), jnp.array([2.5, 0.6]))
    assert zs.tolist() == [2.0, 1.0]
    ```

    Source: P. Weidel and S. Sheik, WaveSense: efficient temporal convolutions with spiking neural networks for keyword
    spotting, 2021, section 2.1.
    """

    surrogate: AbstractSurrogate = SuperSpike()
    maximum: int | None = eqx.field(default=None, static=True)

    def __check_init__(self) -> None:
        if self.maximum is not None and self.maximum < 1:
            raise ValueError(
                f"MultiSpike.maximum was given {self.maximum}; it takes a whole number of at least 1, or None for no "
                f"limit. For cells that never fire use LI."
            )

    def fire(self, v: Float[Array, "*shape"], threshold: Param, *, key: Key = None) -> Float[Array, "*shape"]:
        del key
        known = concrete(threshold)
        if known is not None and not (known > 0).all():
            raise InputError(
                f"MultiSpike was given the threshold {threshold}; it counts thresholds, and takes those above 0. Shift "
                f"the membrane, or use a plain surrogate."
            )
        return _count(v, jnp.broadcast_to(cast(threshold, v.dtype), v.shape), self)


@eqx.filter_custom_jvp
def _count(v: Array, threshold: Array, spikes: MultiSpike) -> Array:
    count = jnp.where(v >= threshold, jnp.floor(v / threshold), jnp.zeros_like(v))
    return count if spikes.maximum is None else jnp.minimum(count, jnp.full_like(v, spikes.maximum))


@_count.def_jvp
def _count_jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    def single(v: Array, threshold: Array, spikes: MultiSpike) -> Array:
        return spikes.surrogate(v - threshold)

    return _count(*primals), eqx.filter_jvp(single, primals, tangents)[1]


class EscapeNoise(AbstractSpike):
    """Stochastic firing: the closer the membrane to the threshold, the likelier a spike.

    ```
    rate = exp((v - threshold) / width) / tau
    p = 1 - exp(-rate * dt),  z ~ Bernoulli(p)
    ```

    The derivative is that of `p`. A neuron that fires at random needs a key in every step: `unroll(..., key=key)`.

    **Arguments:**

    - `width`: of the escape region, in the unit of the membrane.
    - `tau`: mean waiting time at the threshold, in the unit of `dt`.
    - `dt`: length of a step.

    Raises a `ValueError` for values that are not above 0, and an `InputError` without a key.

    ```python
    import jax
    import jax.numpy as jnp
    import snnjax as snn

    neuron = snn.LIF(surrogate=snn.EscapeNoise(width=0.2), reset=snn.ZeroReset())
    _, zs = snn.unroll(neuron, 0.2 * jnp.ones((100, 3)), key=jax.random.key(0))
    ```

    Source: W. Gerstner, W. M. Kistler, R. Naud and L. Paninski, Neuronal Dynamics, 2014, equations 9.4 and 9.8.
    """

    width: Param = parameter(0.25)
    tau: Param = parameter(1.0)
    dt: Param = parameter(1.0)

    def __check_init__(self) -> None:
        check_positive(self, "width", "tau", "dt")

    def probability(self, v: Float[Array, "*shape"], threshold: Param) -> Float[Array, "*shape"]:
        """The probability of a spike in this step."""
        dtype = v.dtype
        distance = (v - cast(threshold, dtype)) / cast(self.width, dtype)
        # Bounded: at 30 the probability is one to the last digit, and the exponential still finite.
        rate = jnp.exp(jnp.minimum(distance, jnp.full_like(v, 30.0))) / cast(self.tau, dtype)
        return -jnp.expm1(-rate * cast(self.dt, dtype))

    def fire(self, v: Float[Array, "*shape"], threshold: Param, *, key: Key = None) -> Float[Array, "*shape"]:
        if key is None:
            raise InputError(
                "EscapeNoise draws random spikes and was given no key; it takes a PRNG key. Pass "
                "`key=jax.random.key(0)` to `unroll`."
            )
        p = self.probability(v, threshold)
        drawn = jax.random.bernoulli(key, jax.lax.stop_gradient(p)).astype(v.dtype)
        return jax.lax.stop_gradient(drawn) + (p - jax.lax.stop_gradient(p))
