"""Weights of feedback."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PyTree

from .._container import Recurrent
from .._errors import InputError


class Sparse(eqx.Module):
    """An initialiser of square matrices: few normally distributed entries, scaled to a spectral radius.

    **Arguments:**

    - `density`: the probability of an entry not to be 0, above 0 and at most 1.
    - `radius`: the largest absolute value of the eigenvalues; at most 1 lets the activity of linear units die out.

    Called as `initialiser(key, shape, dtype)`, as those of `jax.nn.initializers` are. Zeros are trained like any other
    weight. A matrix without a circle of entries has no eigenvalue but 0; it is returned as it was drawn.

    Raises an `InputError` (a `ValueError`) for numbers out of range, and for shapes that are not square.

    ```python
    import jax
    import jax.numpy as jnp
    import snnjax as snn

    weight = snn.init.Sparse(density=0.1, radius=0.9)(jax.random.key(0), (100, 100))
    assert abs(jnp.mean(weight != 0) - 0.1) < 0.02
    ```

    Source: H. Jaeger, The "echo state" approach to analysing and training recurrent neural networks, 2001.
    """

    density: float = 0.1
    radius: float = 0.9

    def __check_init__(self) -> None:
        if not (0 < self.density <= 1 and 0 < self.radius < float("inf")):
            raise InputError(
                f"Sparse was given the density {self.density} and the radius {self.radius}; it takes a density above 0 "
                f"and at most 1, and a finite radius above 0."
            )

    def __call__(self, key: Array, shape: tuple[int, ...], dtype: jnp.dtype | type = float) -> Float[Array, "n n"]:
        if len(shape) != 2 or shape[0] != shape[1]:
            raise InputError(f"Sparse was given the shape {tuple(shape)}; it takes square matrices, `(n, n)`.")
        k1, k2 = jr.split(key)
        dtype = jax.dtypes.canonicalize_dtype(dtype)
        weight = jnp.where(jr.bernoulli(k1, self.density, shape), jr.normal(k2, shape, dtype), 0)
        # By NumPy, because JAX has eigenvalues of general matrices on CPUs only.
        found = jax.pure_callback(_radius, jax.ShapeDtypeStruct((), dtype), weight, vmap_method="sequential")
        return weight * jnp.where(found > 0, self.radius / jnp.where(found > 0, found, 1), 1).astype(dtype)


def _radius(weight: Array) -> np.ndarray:
    matrix = np.asarray(weight)
    return np.asarray(np.abs(np.linalg.eigvals(matrix.astype(np.float64))).max(), matrix.dtype)


def recurrent(model: PyTree, initialiser: Callable[..., Array], *, key: Array) -> PyTree:
    """New weights for the feedback of every `Recurrent` in a model; its biases become 0.

    **Arguments:**

    - `model`: any pytree.
    - `initialiser`: `initialiser(key, shape, dtype)`: `jax.nn.initializers.orthogonal(gain)`, with which feedback keeps
        the norm of what it passes on (times the gain), `Sparse(density, radius)`, or any other.
    - `key`: a key, split between the layers.

    **Returns:** the model with new feedback weights.

    Raises an `InputError` (a `ValueError`) if no feedback is an `eqx.nn.Linear`.

    ```python
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import snnjax as snn

    key = jax.random.key(0)
    model = snn.Recurrent(snn.LIF(), eqx.nn.Linear(16, 16, key=key))
    model = snn.init.recurrent(model, jax.nn.initializers.orthogonal(0.5), key=key)
    assert jnp.allclose(model.feedback.weight @ model.feedback.weight.T, 0.25 * jnp.eye(16), atol=1e-6)
    ```

    Source: A. M. Saxe, J. L. McClelland and S. Ganguli, Exact solutions to the nonlinear dynamics of learning in deep
    linear neural networks, 2014 (orthogonal weights).
    """
    count = 0

    def is_recurrent(node: Any) -> bool:
        return isinstance(node, Recurrent)

    def renewed(layer: Any) -> Any:
        nonlocal count
        if not _is_linear(layer):
            return layer
        count += 1
        weight = initialiser(jr.fold_in(key, count), layer.weight.shape, layer.weight.dtype)
        layer = eqx.tree_at(lambda layer: layer.weight, layer, weight.astype(layer.weight.dtype))
        if layer.bias is None:
            return layer
        return eqx.tree_at(lambda layer: layer.bias, layer, jnp.zeros_like(layer.bias))

    def change(node: Any) -> Any:
        if not isinstance(node, Recurrent):
            return node
        cell = jax.tree.map(change, node.cell, is_leaf=is_recurrent)  # one may stand in another
        return Recurrent(cell, jax.tree.map(renewed, node.feedback, is_leaf=_is_linear))

    changed = jax.tree.map(change, model, is_leaf=is_recurrent)
    if count == 0:
        raise InputError(
            "recurrent was given a model in which no `Recurrent` has an eqx.nn.Linear for feedback; it takes one. "
            "Set other weights with `eqx.tree_at`."
        )
    return changed


def _is_linear(node: Any) -> bool:
    return isinstance(node, eqx.nn.Linear)
