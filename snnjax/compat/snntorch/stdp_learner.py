"""snntorch's plasticity by spike times (`snntorch.functional.stdp_learner`): changes of weights without gradients.

Spikes are `(batch, ...)` as there, layers are those of `eqx.nn`, and traces are given and returned: None begins with
zeros. `f_pre` and `f_post` are elementwise functions of the weights. Nothing is listened to: where the library hooks
into a layer and a neuron, spikes are recorded by `snn.unroll(..., record=...)` and passed on.
"""

import math
from collections.abc import Callable
from typing import TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._options import layer_in

Synapse: TypeAlias = eqx.nn.Linear | eqx.nn.Conv
Spikes: TypeAlias = Float[Array, "batch ..."]
Trace: TypeAlias = Float[Array, "..."] | None


def _identity(weight: Array) -> Array:
    return weight


def _products(layer: Synapse, inputs: Array, outputs: Array) -> Array:
    """For every weight the sum of input times output over all places that it connects: the pullback of the layer."""

    def run(weight: Array) -> Array:
        return jax.vmap(eqx.tree_at(lambda layer: layer.weight, layer, weight))(inputs)

    return jax.vjp(run, layer.weight)[1](outputs)[0]


def _moved(trace: Trace, decay: float | int, spikes: Array) -> Array:
    return spikes if trace is None else decay * trace + spikes


def _single_step(
    layer: Synapse,
    in_spike: Spikes,
    out_spike: Spikes,
    trace_pre: Trace,
    trace_post: Trace,
    tau_pre: float | int,
    tau_post: float | int,
    f_pre: Callable = _identity,
    f_post: Callable = _identity,
) -> tuple[Spikes, Spikes, Array]:
    """One step of plasticity by spike times; the change of the weights is the sum over the batch.

    ```
    trace = trace - trace / tau + spike                         before (pre) and behind (post) the layer
    change = f_post(weight) * trace_pre * out_spike - f_pre(weight) * in_spike * trace_post
    ```

    The traces of inputs are not padded.

    **Returns:** both traces, and the change of the weights.
    """
    layer = layer_in(layer, in_spike.dtype)
    trace_pre = _moved(trace_pre, 1 - 1 / tau_pre, in_spike)
    trace_post = _moved(trace_post, 1 - 1 / tau_post, out_spike)
    potentiation = f_post(layer.weight) * _products(layer, trace_pre, out_spike)
    return trace_pre, trace_post, potentiation - f_pre(layer.weight) * _products(layer, in_spike, trace_post)


stdp_linear_single_step = stdp_conv1d_single_step = stdp_conv2d_single_step = _single_step


def mstdp_linear_single_step(
    fc: eqx.nn.Linear,
    in_spike: Spikes,
    out_spike: Spikes,
    trace_pre: Trace,
    trace_post: Trace,
    tau_pre: float | int,
    tau_post: float | int,
    f_pre: Callable = _identity,
    f_post: Callable = _identity,
) -> tuple[Spikes, Spikes, Float[Array, "batch outputs inputs"]]:
    """One step of reward-modulated plasticity: the change, to be multiplied by a reward, of each example.

    As `stdp_linear_single_step`, but the traces decay by `exp(-1 / tau)`, and nothing is summed. Of one example, this
    is `mstdpet_linear_single_step` there, whose `tau_trace` has no use.

    **Returns:** both traces, and the changes.
    """
    weight = fc.weight.astype(in_spike.dtype)
    trace_pre = _moved(trace_pre, math.exp(-1 / tau_pre), in_spike)
    trace_post = _moved(trace_post, math.exp(-1 / tau_post), out_spike)
    potentiation = f_post(weight)[None] * trace_pre[:, None] * out_spike[:, :, None]
    return trace_pre, trace_post, potentiation - f_pre(weight)[None] * trace_post[:, :, None] * in_spike[:, None]


class STDPLearner(eqx.Module):
    """Plasticity by spike times over a sequence, by `stdp_linear_single_step`.

    **Arguments:**

    - `synapse`: an `eqx.nn.Linear`, or a convolution.
    - `tau_pre`, `tau_post`: of the traces before and behind it, in steps.
    - `f_pre`, `f_post`: of the weights, by which depression and potentiation are multiplied.

    ```python
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    from snnjax.compat.snntorch.functional import stdp_learner

    layer = eqx.nn.Linear(3, 2, key=jax.random.key(0))
    learner = stdp_learner.STDPLearner(layer, tau_pre=2.0, tau_post=2.0)
    traces, change = learner.step(jnp.ones((5, 1, 3)), jnp.ones((5, 1, 2)), scale=0.01)
    layer = eqx.tree_at(lambda layer: layer.weight, layer, layer.weight + change)
    ```
    """

    synapse: Synapse
    tau_pre: float | int = eqx.field(static=True)
    tau_post: float | int = eqx.field(static=True)
    f_pre: Callable = eqx.field(default=_identity, static=True)
    f_post: Callable = eqx.field(default=_identity, static=True)

    def step(
        self,
        in_spikes: Float[Array, "time batch ..."],
        out_spikes: Float[Array, "time batch ..."],
        traces: tuple[Spikes, Spikes] | None = None,
        scale: float | int = 1.0,
    ) -> tuple[tuple[Spikes, Spikes], Array]:
        """The change of the weights by recorded spikes, summed over time, with the same weights all along.

        **Arguments:**

        - `in_spikes`, `out_spikes`: before and behind the layer.
        - `traces`: those that the last sequence returned.
        - `scale`: a factor of the change.

        **Returns:** both traces, and the change to add to the weights. (The library subtracts it from their gradient.)
        """
        if traces is None:
            traces = jnp.zeros_like(in_spikes[0]), jnp.zeros_like(out_spikes[0])

        def one(traces: tuple[Array, Array], spikes: tuple[Array, Array]) -> tuple[tuple[Array, Array], Array]:
            *moved, change = _single_step(
                self.synapse, *spikes, *traces, self.tau_pre, self.tau_post, self.f_pre, self.f_post
            )
            return (moved[0], moved[1]), change

        traces, changes = jax.lax.scan(one, traces, (in_spikes, out_spikes))
        return traces, scale * jnp.sum(changes, axis=0)
