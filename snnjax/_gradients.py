"""How gradients fare on their way back through the layers and through time."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PyTree

from ._errors import InputError
from ._parameter import trainable
from ._tap import names_of, tap, taps
from ._types import Key
from ._unroll import unroll


class GradientReport(eqx.Module):
    """What `gradient_report` found. `print` shows a table; `plot.gradients` draws it.

    **Attributes:**

    - `layers`: the names of the layers, in the order of the model (nodes of a graph by the alphabet).
    - `norm`: `(layers, time)`, the norm of the gradient with respect to a layer's input at a step: of all neurons
        together, root mean square over the examples.
    - `dead`: `(layers, time)`, the fraction of neurons whose gradient is exactly 0 at a step, in every example.
    - `exploding`: `(layers, time)`, the fraction of gradients above `limit` times the median, or not finite.
    - `always_dead`: `(layers,)`, the fraction of neurons whose gradient is 0 at every step, in every example.
    - `rate`: `(layers,)`, spikes per neuron and step; NaN for layers that do not fire.
    - `leaves`, `leaf_norm`: the paths of the trained arrays, and `(leaves,)`, the norms of their gradients.
    - `median`: of all gradients with respect to inputs that are not 0, as absolute values.
    - `limit`: as given.
    - `loss`: the mean loss.
    """

    layers: tuple[str, ...] = eqx.field(static=True)
    norm: Float[Array, "layers time"]
    dead: Float[Array, "layers time"]
    exploding: Float[Array, "layers time"]
    always_dead: Float[Array, " layers"]
    rate: Float[Array, " layers"]
    leaves: tuple[str, ...] = eqx.field(static=True)
    leaf_norm: Float[Array, " leaves"]
    median: Float[Array, ""]
    limit: Float[Array, ""]
    loss: Float[Array, ""]

    def total(self) -> Float[Array, " layers"]:
        """The norm of each layer over all steps together."""
        return jnp.sqrt(jnp.sum(jnp.square(self.norm), axis=1))

    def spread(self) -> Float[Array, ""]:
        """How uneven the layers are: the standard deviation of the decimal logarithm of their norms.

        0 if all layers have the same; 1 if they are a factor of ten around their mean; infinite if a layer gets no
        gradient, or one that is not finite.
        """
        norms = self.total()
        usable = jnp.isfinite(norms) & (norms > 0)
        return jnp.where(jnp.all(usable), jnp.std(jnp.log10(jnp.where(usable, norms, 1))), jnp.inf)

    def __str__(self) -> str:
        width = max(len(name) for name in ("parameter", *self.layers, *self.leaves))
        rows = [f"{'layer':<{width}}    rate      norm     first      last    dead  exploding"]
        total = self.total()
        for i, name in enumerate(self.layers):
            rate = "" if jnp.isnan(self.rate[i]) else f"{self.rate[i]:.4f}"
            rows.append(
                f"{name:<{width}} {rate:>7} {total[i]:>9.2e} {self.norm[i, 0]:>9.2e} {self.norm[i, -1]:>9.2e} "
                f"{self.always_dead[i]:>7.1%} {self.exploding[i].mean():>10.1%}"
            )
        rows += ["", f"{'parameter':<{width}}              norm"]
        rows += [f"{name:<{width}} {self.leaf_norm[i]:>17.2e}" for i, name in enumerate(self.leaves)]
        return "\n".join(rows)


def gradient_report(
    model: PyTree,
    loss: Callable[..., Any],
    xs: Array,
    targets: PyTree = None,
    *,
    limit: float | int = 100.0,
    key: Key = None,
) -> GradientReport:
    """The gradient that reaches every layer at every step: where it vanishes, dies, or explodes.

    A push of zero is added to the input of every neuron (that of `Recurrent` feedback included) at every step, and the
    loss is differentiated with respect to all of them at once: `g[layer][t, n] = dL / dx[layer][t, n]`, with the
    surrogate derivatives of this layer and of all that follow. One forward and one backward pass.

    **Arguments:**

    - `model`: a cell or a container.
    - `loss`: `loss(ys, target)` of one example's outputs, `(time, *shape)`, such as
        `losses.cross_entropy_max_membrane`.
    - `xs`: a batch of encoded sequences, `(batch, time, *shape)`.
    - `targets`: a batch of what the loss compares with, examples on axis 0; None for `loss(ys)`.
    - `limit`: how many times the median is called exploding.
    - `key`: for stochastic layers.

    **Returns:** a `GradientReport`. Layers whose input is no array of floating-point numbers are left out.

    Raises an `InputError` (a `ValueError`) for a model without neurons, and for a loss that is no scalar.

    ```python
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import snnjax as snn

    k1, k2, k3 = jax.random.split(jax.random.key(0), 3)
    model = snn.Sequential(eqx.nn.Linear(8, 16, key=k1), snn.LIF(), eqx.nn.Linear(16, 2, key=k2), snn.LI())
    xs, labels = jax.random.uniform(k3, (4, 20, 8)), jnp.array([0, 1, 0, 1])
    report = snn.metrics.gradient_report(model, snn.losses.cross_entropy_max_membrane, xs, labels)
    print(report)
    assert report.layers == ("layers[1] (LIF)", "layers[3] (LI)") and report.norm.shape == (2, 20)
    ```
    """
    return _report(model, loss, xs, targets, jnp.asarray(limit, float), key)


def _is_current(heard: Any) -> bool:
    return isinstance(heard, jax.ShapeDtypeStruct) and jnp.issubdtype(heard.dtype, jnp.floating)


@eqx.filter_jit
def _report(model: PyTree, loss: Callable, xs: Array, targets: PyTree, limit: Array, key: Key) -> GradientReport:
    batch = xs.shape[0]
    keys = None if key is None else jr.split(key, batch)
    trained, rest = eqx.partition(model, trainable(model))

    def heard(model: PyTree, x: Array, key: Key) -> dict:
        return unroll(tap(model), x, key=key, record=lambda s, out: {n: t.heard for n, t in taps(s).items()})[1]

    # Mapped as by `train.batch_loss`, for norms that look at the whole batch.
    over_batch = eqx.filter_vmap(heard, in_axes=(None, 0, None if keys is None else 0), axis_name="batch")
    shapes = {n: s for n, s in eqx.filter_eval_shape(over_batch, model, xs, keys).items() if _is_current(s)}
    if not shapes:
        raise InputError(
            "gradient_report was given a model without neurons that hear floating-point currents; it takes one with "
            "at least one. Spikes of other dtypes are converted with `xs.astype(jnp.float32)`."
        )

    def value(leaves: tuple, x: Array, target: Any, key: Key) -> tuple[Array, dict]:
        tapped = tap(eqx.combine(leaves[0], rest), leaves[1])

        def record(state: Any, out: Any) -> tuple:
            return out, {name: t.out for name, t in taps(state).items() if t.spiking}

        _, (ys, zs) = unroll(tapped, x, key=key, record=record)
        result = loss(ys) if targets is None else loss(ys, target)
        if jnp.shape(result) != ():
            raise InputError(
                f"gradient_report was given a loss of shape {jnp.shape(result)}; it takes a scalar per example. "
                f"Take the mean or the sum."
            )
        return result, {name: jnp.mean(z.astype(result.dtype)) for name, z in zs.items()}

    def mean_loss(leaves: tuple) -> tuple[Array, dict]:
        trained, pushes = leaves
        axes = (None, 0), 0, None if targets is None else 0, None if keys is None else 0
        values, rates = eqx.filter_vmap(value, in_axes=axes, axis_name="batch")((trained, pushes), xs, targets, keys)
        return jnp.mean(values), jax.tree.map(jnp.mean, rates)

    pushes = {name: jnp.zeros(s.shape, s.dtype) for name, s in shapes.items()}
    (mean, rates), (of_leaves, of_pushes) = eqx.filter_value_and_grad(mean_loss, has_aux=True)((trained, pushes))
    layers = tuple(name for name in names_of(tap(model)) if name in shapes)
    # Of an example's own loss: the mean divided every one by their number. Neurons of any shape become one axis.
    grads = [batch * of_pushes[n].reshape(batch, xs.shape[1], -1) for n in layers]
    median = _median_of_live(grads)

    def is_exploding(g: Array) -> Array:
        return (jnp.abs(g) > limit.astype(g.dtype) * median) | ~jnp.isfinite(g)

    def per_layer(function: Callable[[Array], Array]) -> Array:
        return jnp.stack([function(g).astype(median.dtype) for g in grads])

    paths = [jax.tree_util.keystr(path).removeprefix(".") for path, _ in jax.tree.leaves_with_path(of_leaves)]
    sizes = [jnp.sqrt(jnp.sum(jnp.square(g))).astype(median.dtype) for g in jax.tree.leaves(of_leaves)]
    return GradientReport(
        layers=layers,
        norm=per_layer(lambda g: jnp.sqrt(jnp.mean(jnp.sum(jnp.square(g), axis=2), axis=0))),
        dead=per_layer(lambda g: jnp.mean(jnp.all(g == 0, axis=0), axis=1)),
        exploding=per_layer(lambda g: jnp.mean(is_exploding(g), axis=(0, 2))),
        always_dead=per_layer(lambda g: jnp.mean(jnp.all(g == 0, axis=(0, 1)))),
        rate=jnp.stack([rates.get(n, jnp.asarray(jnp.nan)).astype(median.dtype) for n in layers]),
        leaves=tuple(paths),
        leaf_norm=jnp.stack(sizes) if sizes else jnp.zeros(0, median.dtype),
        median=median,
        limit=limit,
        loss=mean,
    )


def _median_of_live(grads: list[Array]) -> Float[Array, ""]:
    """The median of what is neither 0 nor infinite; 0 if there is nothing."""
    sizes = jnp.sort(jnp.concatenate([jnp.where(jnp.isfinite(g), jnp.abs(g), 0).reshape(-1) for g in grads]))
    zeros = jnp.sum(sizes == 0)
    count = sizes.size - zeros
    lower, upper = zeros + (count - 1) // 2, zeros + count // 2
    last = np.asarray(sizes.size - 1)
    return jnp.where(count > 0, (sizes[jnp.minimum(lower, last)] + sizes[jnp.minimum(upper, last)]) / 2, 0)
