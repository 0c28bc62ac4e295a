"""snntorch's neurons of a matrix of membranes, which is written to as an associative memory."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from ..._cell import AbstractSequenceCell, RunPart
from ..._misc import as_current, check_finite, state_dtype
from ..._neuron.parallel_lif import _one_after_the_other, fire_all
from ..._parameter import Param, parameter
from ..._surrogate import AbstractSpike, ATan
from ..._types import Key, Keys
from ._options import layer_in

#: The library's smallest decay, and what it adds to the product of decays that it divides by.
_SMALL = 1e-8


class AssociativeLeakyState(eqx.Module):
    """State of an `AssociativeLeaky`: its membranes, and the product of all decays so far."""

    v: Float[Array, "*matrix"]
    product: Float[Array, "*keys"]


class AssociativeLeaky(AbstractSequenceCell[AssociativeLeakyState]):
    """A matrix of membranes without reset, whose decays and inputs are functions of the input; parallel in time.

    ```
    decay = max(sigmoid(to_alpha(x)), 1e-8)
    product = decay * product
    v = decay * v + outer(to_v(x), to_k(x)) * product / (product + 1e-8)
    z = H(v - threshold)
    out = z @ to_q(x), flat, of d_value^2 numbers         or z, flat, with use_q_projection=False
    ```

    The last factor of `v` is the library's: what it writes fades out once the product of all decays comes near 1e-8,
    after some 27 steps of a decay of 0.5, and a long sequence ends in silence. For long sequences begin with a new
    state now and then.

    **Arguments:**

    - `in_dim`: the size of the input.
    - `d_value`, `d_key`: the rows and columns of the matrix.
    - `num_spiking_neurons`: must be `d_value * d_key`, if given. (None together with the projection fails there.)
    - `use_q_projection`: whether the spikes are read out by a matrix which the input gives.
    - `key`: draws the weights.
    - `threshold`, `surrogate`: 1, and the arctangent of slope 2; there they cannot be chosen.

    Raises a `ValueError` for sizes that do not fit, and without a key.

    ```python
    import jax
    import jax.numpy as jnp
    import snnjax as snn
    from snnjax.compat import snntorch

    cell = snntorch.AssociativeLeaky(4, d_value=3, d_key=2, key=jax.random.key(0))
    _, ys = snn.unroll(cell, jnp.ones((10, 4)))
    assert ys.shape == (10, 9)
    ```

    Source: J. K. Eshraghian et al., Training spiking neural networks using lessons from deep learning, 2023; its
    library's source decides.
    """

    to_v: eqx.nn.Linear
    to_k: eqx.nn.Linear
    to_alpha: eqx.nn.Linear
    to_q: eqx.nn.Linear | None
    threshold: Param = parameter(1.0)
    surrogate: AbstractSpike = ATan(slope=2.0)

    def __init__(
        self,
        in_dim: int,
        d_value: int,
        d_key: int,
        num_spiking_neurons: int | None = None,
        use_q_projection: bool = True,
        *,
        key: Key = None,
        threshold: Param = 1.0,
        surrogate: AbstractSpike | None = None,
    ):
        if min(in_dim, d_value, d_key) < 1 or num_spiking_neurons not in (None, d_value * d_key) or key is None:
            raise ValueError(
                f"AssociativeLeaky was given in_dim={in_dim}, d_value={d_value}, d_key={d_key}, "
                f"num_spiking_neurons={num_spiking_neurons} and key={key}; it takes sizes of at least 1, d_value * "
                f"d_key neurons, and a key to draw its weights. Leave num_spiking_neurons out."
            )
        k1, k2, k3, k4 = jr.split(key, 4)
        self.to_v = eqx.nn.Linear(in_dim, d_value, key=k1)
        self.to_k = eqx.nn.Linear(in_dim, d_key, key=k2)
        self.to_alpha = eqx.nn.Linear(in_dim, d_key, key=k3)
        self.to_q = eqx.nn.Linear(in_dim, d_value * d_key, key=k4) if use_q_projection else None
        self.threshold = threshold
        self.surrogate = ATan(slope=2.0) if surrogate is None else surrogate

    @classmethod
    def from_num_spiking_neurons(
        cls, in_dim: int, num_spiking_neurons: int, use_q_projection: bool = True, *, key: Key = None
    ) -> "AssociativeLeaky":
        """With a square matrix, for a square number of neurons."""
        side = math.isqrt(max(num_spiking_neurons, 0))
        if num_spiking_neurons < 1 or side**2 != num_spiking_neurons:
            raise ValueError(
                f"AssociativeLeaky was given num_spiking_neurons={num_spiking_neurons}; it takes a square number. For "
                f"others give d_value and d_key."
            )
        return cls(in_dim, side, side, num_spiking_neurons, use_q_projection, key=key)

    def __check_init__(self) -> None:
        check_finite(self, "threshold")

    def init_state(self, x: Any, *, key: Key = None) -> AssociativeLeakyState:
        del key
        dtype, keys = state_dtype(x), self.to_k.out_features
        return AssociativeLeakyState(
            v=jnp.zeros_like(x, shape=(self.to_v.out_features, keys), dtype=dtype),
            product=jnp.ones_like(x, shape=(keys,), dtype=dtype),
        )

    def _decay(self, x: Float[Array, " inputs"]) -> Float[Array, " keys"]:
        return jnp.maximum(jax.nn.sigmoid(layer_in(self.to_alpha, x.dtype)(x)), _SMALL)

    def _written(self, x: Float[Array, " inputs"], product: Float[Array, " keys"]) -> Float[Array, "values keys"]:
        written = jnp.outer(layer_in(self.to_v, x.dtype)(x), layer_in(self.to_k, x.dtype)(x))
        return written * (product / (product + _SMALL))[None]

    def _read(self, x: Float[Array, " inputs"], z: Float[Array, "values keys"]) -> Float[Array, " outputs"]:
        if self.to_q is None:
            return z.ravel()
        return (z @ layer_in(self.to_q, x.dtype)(x).reshape(z.shape[::-1])).ravel()

    def __call__(
        self, state: AssociativeLeakyState, x: Float[Array, " inputs"], *, key: Key = None
    ) -> tuple[AssociativeLeakyState, Float[Array, " outputs"]]:
        with jax.named_scope("snn.AssociativeLeaky"):
            current = as_current(x, state.v)
            decay = self._decay(current)
            product = decay * state.product
            v = decay[None] * state.v + self._written(current, product)
            z = self.surrogate.fire(v, self.threshold, key=key)
            return AssociativeLeakyState(v=v, product=product), self._read(current, z).astype(x.dtype)

    def scan(
        self, run: RunPart, state: AssociativeLeakyState, xs: Float[Array, "time inputs"], keys: Keys
    ) -> tuple[AssociativeLeakyState, Float[Array, "time outputs"], AssociativeLeakyState]:
        del run
        with jax.named_scope("snn.AssociativeLeaky"):
            currents = as_current(xs, state.v)
            decays = jax.vmap(self._decay)(currents)
            products = jnp.cumprod(decays, axis=0) * state.product[None]
            written = jax.vmap(self._written)(currents, products)
            # What the state brings along is part of the first write.
            written = written.at[0].add(decays[0][None] * state.v)
            _, vs = jax.lax.associative_scan(_one_after_the_other, (decays[:, None], written))
            zs = fire_all(self.surrogate, vs, self.threshold, keys)
            states = AssociativeLeakyState(v=vs, product=products)
            return jax.tree.map(lambda s: s[-1], states), jax.vmap(self._read)(currents, zs).astype(xs.dtype), states
