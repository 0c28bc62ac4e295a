"""SpikingJelly's neurons that learn by differentiation on the spike representation: by rates, not by spikes."""

import abc
import dataclasses
import math
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..._cell import AbstractSequenceCell, RunPart
from ..._errors import InputError
from ..._misc import cast
from ..._neuron import IF, LIF
from ..._parameter import Param, as_parameter
from ..._surrogate import StraightThrough
from ..._types import Key, Keys, Trajectory
from .._common import SubtractValue


class _AbstractRepresentation(AbstractSequenceCell[Any]):
    """A neuron that fires graded spikes, and has the derivative of the weighted rate of its sequence."""

    neuron: eqx.AbstractVar[Any]
    threshold: eqx.AbstractVar[Param]
    steps: eqx.AbstractVar[int]
    alpha: eqx.AbstractVar[float]
    threshold_gradient: eqx.AbstractVar[float]
    lower_bound: eqx.AbstractVar[float]

    is_neuron: ClassVar[bool] = True

    @abc.abstractmethod
    def scale(self) -> float:
        """What a spike of the size of the threshold is multiplied by."""

    @abc.abstractmethod
    def smooth(self, xs: Float[Array, "time *shape"], threshold: Any) -> Float[Array, "time *shape"]:
        """What stands in for the spikes in the derivative."""

    def _bounded(self, dtype: Any) -> Float[Array, "..."]:
        threshold = jnp.asarray(cast(self.threshold, dtype), dtype)
        return jnp.where(threshold >= self.lower_bound, threshold, jnp.full_like(threshold, self.lower_bound))

    def init_state(self, x: Any, *, key: Key = None) -> Any:
        return self.neuron.init_state(x, key=key)

    def __call__(self, state: Any, x: Float[Array, "*shape"], *, key: Key = None) -> tuple[Any, Float[Array, "*shape"]]:
        del key
        x = eqx.error_if(
            x,
            jnp.isfinite(state.v).all(),
            f"{type(self).__name__} was stepped; it takes whole sequences, because its derivative is that of their "
            f"rates. Use `unroll`, and no Recurrent around it.",
        )
        return state, x

    def scan(
        self, run: RunPart, state: Any, xs: Float[Array, "time *shape"], keys: Keys
    ) -> tuple[Any, Trajectory, Any]:
        if xs.shape[0] != self.steps:
            raise InputError(
                f"{type(self).__name__} was given {xs.shape[0]} steps; it takes exactly {self.steps}, the T that it "
                f"was made with."
            )
        dtype = state.v.dtype
        threshold = self._bounded(dtype)
        fixed = jax.lax.stop_gradient(threshold)
        neuron = dataclasses.replace(self.neuron, threshold=self.alpha * fixed, reset=SubtractValue(value=fixed))
        state, zs, states = run("neuron", neuron, state, jax.lax.stop_gradient(xs), keys)
        smooth = self.smooth(xs.astype(dtype), threshold)
        spikes = self.scale() * fixed * jax.lax.stop_gradient(zs.astype(dtype))
        return state, (spikes + (smooth - jax.lax.stop_gradient(smooth))).astype(xs.dtype), states


class DSRIF(_AbstractRepresentation):
    """See `DSRIFNode`."""

    neuron: IF
    threshold: Param = eqx.field(converter=as_parameter)
    steps: int = eqx.field(static=True)
    alpha: float = eqx.field(static=True)
    threshold_gradient: float = eqx.field(static=True)
    lower_bound: float = eqx.field(static=True)

    def scale(self) -> float:
        return 1.0

    def smooth(self, xs: Float[Array, "time *shape"], threshold: Any) -> Float[Array, "time *shape"]:
        rate = xs.mean(0)
        inside = jnp.where((rate >= 0) & (rate <= threshold), rate, jnp.zeros_like(rate))
        above = jnp.where(rate > threshold, self.threshold_gradient * threshold, jnp.zeros_like(rate))
        return jnp.broadcast_to(inside + above, xs.shape)


class DSRLIF(_AbstractRepresentation):
    """See `DSRLIFNode`."""

    neuron: LIF
    threshold: Param = eqx.field(converter=as_parameter)
    steps: int = eqx.field(static=True)
    alpha: float = eqx.field(static=True)
    threshold_gradient: float = eqx.field(static=True)
    lower_bound: float = eqx.field(static=True)
    tau: float = eqx.field(static=True)
    delta_t: float = eqx.field(static=True)

    def scale(self) -> float:
        return 1 / self.delta_t

    def smooth(self, xs: Float[Array, "time *shape"], threshold: Any) -> Float[Array, "time *shape"]:
        ago = jnp.arange(len(xs) - 1, -1, -1).astype(xs.dtype)
        weight = jnp.exp(-ago * (self.delta_t / self.tau))
        weight = weight / weight.sum()
        rate, most = jnp.tensordot(weight, xs, 1), threshold * (self.tau / self.delta_t)
        inside = jnp.where((rate > 0) & (rate < most), xs.sum(0) / self.tau, jnp.zeros_like(rate))
        of_threshold = len(xs) * self.delta_t * self.threshold_gradient * threshold
        above = jnp.where(rate > most, of_threshold, jnp.zeros_like(rate))
        return jnp.tensordot(weight, inside + above, 0)


def _options(
    T: int, v_threshold: float, alpha: float, training: bool, scaling: float, lower_bound: float
) -> dict[str, Any]:
    """The fields that both nodes have."""
    if T < 1 or not 0 < alpha <= 1 or not 0 < lower_bound <= v_threshold:
        raise ValueError(
            f"a DSR node was given T={T}, v_threshold={v_threshold}, alpha={alpha} and "
            f"v_threshold_lower_bound={lower_bound}; it takes at least 1 step, an alpha above 0 and up to 1, a bound "
            f"above 0, and a threshold of at least the bound."
        )
    return {
        "threshold": jnp.array(v_threshold) if training else v_threshold,
        "steps": T,
        "alpha": alpha,
        "threshold_gradient": scaling,
        "lower_bound": lower_bound,
    }


def DSRIFNode(
    T: int = 20,
    v_threshold: float = 6.0,
    alpha: float = 0.5,
    v_threshold_training: bool = True,
    v_threshold_grad_scaling: float = 1.0,
    v_threshold_lower_bound: float = 0.01,
) -> DSRIF:
    """Integrate-and-fire with graded spikes and the derivative of its rate, for sequences of exactly `T` steps.

    ```
    v = v + x
    z = v_threshold where v >= alpha * v_threshold, else 0
    v = v - z
    ```

    The derivative of every spike is that of `clip(mean of x over time, 0, v_threshold)`, which the mean of the spikes
    nears. As the derivative is one of whole sequences, the node cannot be stepped.

    **Arguments:**

    - `T`: the number of steps.
    - `v_threshold`: where the threshold starts; `v_threshold_training=False` for a constant.
    - `alpha`: above 0 and up to 1.
    - `v_threshold_grad_scaling`: factor of the gradient of the threshold.
    - `v_threshold_lower_bound`: a threshold below it counts as the bound, and has no gradient.

    Raises a `ValueError` for values out of range, an `InputError` for other numbers of steps, and a runtime error when
    it is stepped.

    ```python
    import jax.numpy as jnp
    import snnjax as snn
    from snnjax.compat import spikingjelly

    _, zs = snn.unroll(spikingjelly.DSRIFNode(T=4, v_threshold=2.0), jnp.full(4, 0.5))
    assert zs.tolist() == [0.0, 2.0, 0.0, 0.0]
    ```

    Source: Q. Meng et al., Training high-performance low-latency spiking neural networks by differentiation on spike
    representation, 2022.
    """
    options = _options(T, v_threshold, alpha, v_threshold_training, v_threshold_grad_scaling, v_threshold_lower_bound)
    return DSRIF(neuron=IF(surrogate=StraightThrough(inclusive=True)), **options)


def DSRLIFNode(
    T: int = 20,
    v_threshold: float = 1.0,
    tau: float = 2.0,
    delta_t: float = 0.05,
    alpha: float = 0.3,
    v_threshold_training: bool = True,
    v_threshold_grad_scaling: float = 1.0,
    v_threshold_lower_bound: float = 0.1,
) -> DSRLIF:
    """The leaky `DSRIFNode`, whose spikes are divided by `delta_t`.

    ```
    beta = exp(-delta_t / tau)
    v = beta * v + (1 - beta) * x
    z = v_threshold where v >= alpha * v_threshold, else 0
    v = v - z
    out = z / delta_t
    ```

    The derivative is that of `clip(rate / tau, 0, v_threshold / delta_t)` of a rate in which the last steps count most,
    as the library has it: for the input as if all steps counted the same.

    **Arguments:** `tau` and `delta_t`, the time constant and the step in one unit; the others are those of `DSRIFNode`,
    and so is what raises.

    Source: Q. Meng et al., Training high-performance low-latency spiking neural networks by differentiation on spike
    representation, 2022.
    """
    if not (tau > 0 and delta_t > 0):
        raise ValueError(f"DSRLIFNode was given tau={tau} and delta_t={delta_t}; it takes times above 0.")
    options = _options(T, v_threshold, alpha, v_threshold_training, v_threshold_grad_scaling, v_threshold_lower_bound)
    neuron = LIF(decay=math.exp(-delta_t / tau), normalise_input=True, surrogate=StraightThrough(inclusive=True))
    return DSRLIF(neuron=neuron, tau=tau, delta_t=delta_t, **options)
