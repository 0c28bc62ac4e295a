"""SpikingJelly's gated leaky neuron."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from ..._misc import as_current, cast, resting
from ..._neuron import AbstractNeuron
from ..._neuron._base import fire_membrane
from ..._order import AbstractOrder, ResetLast
from ..._parameter import AbstractParameter, Interval, Param
from ..._surrogate import AbstractSpike
from ..._types import Key
from ._options import SIGMOID


class GatedLIFState(eqx.Module):
    """State of a `GatedLIF`: the membrane before the reset, the last spikes, and how many steps there were."""

    v: Float[Array, "*shape"]
    z: Float[Array, "*shape"]
    step: Float[Array, ""]


class GatedLIF(AbstractNeuron[GatedLIFState]):
    """Gated leaky integrate-and-fire neuron: trained gates between two kinds of leak, of input and of reset.

    ```
    kept = (1 - alpha * (1 - tau)) * v
    v = kept - (1 - alpha) * linear_decay + (1 - beta * (1 - conduct[step])) * x
          - z * (gamma * kept + (1 - gamma) * v_subreset)
    z = H(v - threshold)
    ```

    A spike resets in the next step. All parameters lie between 0 and 1.

    **Arguments:**

    - `alpha`, `beta`, `gamma`: the gates of leak, input and reset. 1 is an exponential leak, an input weighted in time,
        a reset to zero; 0 a constant leak, a plain input, a reset by `v_subreset`.
    - `tau`: what is left of the membrane after a step.
    - `threshold`, `linear_decay`, `v_subreset`: in the unit of the membrane.
    - `conduct`: a weight per step, `(steps, ...)`; no sequence is longer.
    - `surrogate`: the spike function and its derivative.
    - `order`: `ResetLast()`.

    Raises a runtime error for more steps than there are weights for.
    """

    alpha: Param
    beta: Param
    gamma: Param
    tau: Param
    threshold: Param
    linear_decay: Param
    v_subreset: Param
    conduct: Param
    surrogate: AbstractSpike = SIGMOID
    order: AbstractOrder = ResetLast()

    def init_state(self, x: Any, *, key: Key = None) -> GatedLIFState:
        del key
        v = resting(x)
        return GatedLIFState(v=v, z=resting(x), step=jnp.zeros_like(v, shape=()))

    def integrate(self, state: GatedLIFState, x: Float[Array, "*shape"]) -> GatedLIFState:
        dtype = state.v.dtype
        alpha, beta, gamma, tau = (cast(p, dtype) for p in (self.alpha, self.beta, self.gamma, self.tau))
        linear_decay, v_subreset = cast(self.linear_decay, dtype), cast(self.v_subreset, dtype)
        conduct = jnp.asarray(cast(self.conduct, dtype))
        step = eqx.error_if(
            state.step,
            state.step >= len(conduct),
            f"GatedLIF was given more than {len(conduct)} steps; it has weights of its input for so many. Begin with a "
            f"new state, or make it with a larger T.",
        )
        weight = 1 - beta * (1 - conduct[step.astype(int)])
        kept = (1 - alpha * (1 - tau)) * state.v
        charged = kept - (1 - alpha) * linear_decay + weight * as_current(x, state.v)
        v = charged - state.z * (gamma * kept + (1 - gamma) * v_subreset)
        return GatedLIFState(v=v, z=state.z, step=step + 1)

    fire = fire_membrane

    def spiked(self, state: GatedLIFState, z: Float[Array, "*shape"]) -> GatedLIFState:
        return GatedLIFState(v=state.v, z=z, step=state.step)


def _between(value: Any, shape: tuple[int, ...]) -> AbstractParameter:
    """A trained number in (0, 1); its `raw` is what the library trains."""
    return Interval(jnp.full(shape, value), 0, 1)


def GatedLIFNode(
    T: int,
    inplane: int | None = None,
    init_linear_decay: float | None = None,
    init_v_subreset: float | None = None,
    init_tau: float = 0.25,
    init_v_threshold: float = 0.5,
    init_conduct: float = 0.5,
    surrogate_function: AbstractSpike = SIGMOID,
    *,
    key: Key = None,
) -> GatedLIF:
    """A neuron for sequences of up to `T` steps, with trained gates between kinds of leak, input and reset: `GatedLIF`.

    **Arguments:**

    - `T`: the number of steps.
    - `inplane`: channels, for examples `(channels, height, width)` with parameters per channel; None for examples of
        any shape, which share them.
    - `init_linear_decay`: where the constant leak starts; `init_v_threshold / (2 T)` unless given.
    - `init_v_subreset`: where the soft reset starts; `init_v_threshold` unless given.
    - `init_tau`, `init_v_threshold`, `init_conduct`: where the others start, between 0 and 1.
    - `key`: for the gates, which start near a half.

    Every parameter is an `Interval`, and its `raw` what the library trains. There, other examples than images are
    broadcast to a wrong shape.

    Raises a `ValueError` for values out of range, and without a key.

    ```python
    import jax
    import jax.numpy as jnp
    import snnjax as snn
    from snnjax.compat import spikingjelly

    node = spikingjelly.GatedLIFNode(T=8, key=jax.random.key(0))
    final, zs = snn.unroll(node, jnp.ones((8, 3)))
    assert final.step == 8 and zs.sum() > 0
    ```

    Source: X. Yao et al., GLIF: A unified gated leaky integrate-and-fire neuron for spiking neural networks, 2022.
    """
    if key is None or T < 1:
        raise ValueError(
            f"GatedLIFNode was given key={key} and T={T}; it draws its gates, which takes a PRNG key, and has weights "
            f"for at least 1 step."
        )
    shape = () if inplane is None else (inplane, 1, 1)
    alpha, beta, gamma = (Interval(jax.nn.sigmoid(0.2 * (jr.uniform(k, shape) - 0.5)), 0, 1) for k in jr.split(key, 3))
    linear_decay = init_v_threshold / (2 * T) if init_linear_decay is None else init_linear_decay
    v_subreset = init_v_threshold if init_v_subreset is None else init_v_subreset
    return GatedLIF(
        alpha=alpha,
        beta=beta,
        gamma=gamma,
        tau=_between(init_tau, shape),
        threshold=_between(init_v_threshold, shape),
        linear_decay=_between(linear_decay, shape),
        v_subreset=_between(v_subreset, shape),
        conduct=_between(init_conduct, (T, *shape)),
        surrogate=surrogate_function,
    )
