"""How large a network is."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from .._parameter import Fixed


def parameter_count(model: PyTree) -> int:
    """The number of trained numbers in a model: of all floating-point arrays that are not under `Fixed`, nor kept
    statistics.

    **Arguments:**

    - `model`: any pytree of arrays, or of their shapes, as `eqx.filter_eval_shape` gives them for a network that is too
        large to be made only to be counted.

    ```python
    import functools

    import equinox as eqx
    import jax
    import snnjax as snn

    make = functools.partial(snn.models.vgg, 1000)
    model = eqx.filter_eval_shape(make, key=jax.random.key(0))
    assert snn.models.parameter_count(model) == 9736232
    ```
    """

    def is_constant(node: object) -> bool:
        return isinstance(node, Fixed | eqx.nn.StateIndex)

    leaves = jax.tree.leaves(model, is_leaf=is_constant)
    arrays = [leaf for leaf in leaves if eqx.is_array(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)]
    return sum(math.prod(a.shape) for a in arrays if jnp.issubdtype(a.dtype, jnp.inexact))
