"""Spikes as lists of who fired, instead of an array of zeros and ones."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._errors import InputError
from ._primitive import gather, rows

# Adding rows up is faster than a product with a matrix while the lists are shorter than this part of the inputs.
_SPARSE = 1 / 8


class Events(eqx.Module):
    """Spikes of `size` inputs as the indices of those that fired, a list for every step.

    An `eqx.nn.Linear` adds up the columns of its weights that the indices name, if the lists are short enough for this
    to be faster than a product with a matrix (`capacity <= size / 8`); its weight gradient touches those columns only.
    All other layers are given zeros and ones. Outputs and gradients are those of `dense()`.

    **Arguments:**

    - `indices`: integers of shape `(time, capacity)`; what is not in `0 ... size - 1` counts as nothing, and an index
        that stands twice counts as two spikes. With a batch `(time, batch, capacity)`, and `jax.vmap(..., in_axes=1)`.
    - `size`: the number of inputs.

    Raises a `ValueError` for indices that are not integers, and for a size below 1.

    ```python
    import equinox as eqx
    import jax
    import numpy as np
    import snnjax as snn

    spikes = np.random.default_rng(0).random((100, 700)) < 0.02
    events = snn.Events.from_dense(spikes)
    model = snn.Sequential(eqx.nn.Linear(700, 64, key=jax.random.key(0)), snn.LIF())
    final, zs = snn.unroll(model, events)
    ```
    """

    indices: Any  # an array of integers; in pytrees of specifications something else
    size: int = eqx.field(static=True)

    def __check_init__(self) -> None:
        if hasattr(self.indices, "dtype") and not jnp.issubdtype(self.indices.dtype, jnp.integer):
            raise ValueError(
                f"Events was given indices of dtype {self.indices.dtype}; it takes integers, the numbers of the inputs "
                f"that fired. For an array of zeros and ones use `Events.from_dense`."
            )
        if self.size < 1:
            raise ValueError(f"Events was given size={self.size}; it takes the number of inputs, at least 1.")

    @classmethod
    def from_dense(cls, spikes: Any, capacity: int | None = None) -> "Events":
        """From whole numbers of spikes, `(time, ..., size)`, outside of `jax.jit`.

        `capacity`: the length of the lists, None for the longest that is needed. Raises an `InputError` for a capacity
        that is too small (no spike is ever lost), and for numbers that are not counts.
        """
        counts = np.asarray(spikes)
        if counts.ndim < 2 or (counts < 0).any() or (counts != np.floor(counts)).any():
            raise InputError(
                f"Events.from_dense was given an array of shape {counts.shape} and dtype {counts.dtype}; it takes "
                f"numbers of spikes, 0, 1, 2 ..., of shape (time, ..., size). Currents stay an array."
            )
        counts = counts.astype(int)
        *shape, size = counts.shape
        per_step = counts.sum(axis=-1)
        needed = max(int(per_step.max(initial=0)), 1)
        if capacity is not None and capacity < needed:
            raise InputError(
                f"Events.from_dense was given capacity={capacity} for up to {needed} spikes in a step; it takes at "
                f"least {needed}. Leave it out for the smallest that holds all."
            )
        flat = counts.reshape(-1, size)
        row, unit = np.nonzero(flat)
        row, unit = (np.repeat(a, flat[row, unit]) for a in (row, unit))
        begins = np.cumsum(per_step.ravel()) - per_step.ravel()
        indices = np.full((flat.shape[0], capacity or needed), size, np.int32)
        indices[row, np.arange(row.size) - begins[row]] = unit
        return cls(jnp.asarray(indices.reshape(*shape, -1)), size)

    @classmethod
    def from_bcoo(cls, spikes: Any) -> "Events":
        """From a `jax.experimental.sparse.BCOO` of shape `(time, size)` (or with a batch between them) of ones.

        Its leading axes must be batch axes (`n_batch = ndim - 1`), so that there is a list for every step.
        """
        if spikes.n_batch != spikes.ndim - 1 or spikes.n_dense:
            raise InputError(
                f"Events.from_bcoo was given n_batch={spikes.n_batch} and n_dense={spikes.n_dense} for {spikes.ndim} "
                f"axes; it takes a list of indices for every step. Make it by "
                f"BCOO.fromdense(..., n_batch={spikes.ndim - 1})."
            )
        size = spikes.shape[-1]
        indices = spikes.indices[..., 0]
        return cls(jnp.where(spikes.data != 0, indices, size).astype(jnp.int32), size)

    def dense(self, dtype: Any = None) -> Float[Array, "*time_and_batch size"]:
        """The numbers of spikes as an array `(time, ..., size)`."""
        dtype = jnp.result_type(float) if dtype is None else dtype
        *lead, capacity = self.indices.shape
        flat = self.indices.reshape(-1, capacity)
        at = jnp.arange(flat.shape[0])[:, None], jnp.where(flat < 0, self.size, flat)
        zeros = jnp.zeros((flat.shape[0], self.size), dtype)
        return zeros.at[at].add(jnp.ones((), dtype), mode="drop").reshape(*lead, self.size)

    def project(self, weight: Float[Array, "out size"]) -> Float[Array, "*time_and_batch out"]:
        """`dense() @ weight.T`."""
        if self.indices.shape[-1] <= _SPARSE * self.size:
            return gather(self.indices, weight.T)
        return rows(self.dense(weight.dtype), weight, over=1)
