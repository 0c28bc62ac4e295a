"""Norse's short-term plasticity."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from ..._misc import cast


class TsodyksMakramParameters(eqx.Module):
    """Constants of an `stp_step`, in 1/s; `tau_s_inv`, of a synaptic current, is not used by it, nor there."""

    tau_f_inv: Any = 1 / 50e-3
    tau_s_inv: Any = 1 / 20e-3
    tau_d_inv: Any = 1 / 750e-3
    U: Any = 0.45


class TsodyksMakramState(eqx.Module):
    """State of an `stp_step`: the fraction of the resources that a spike uses, and how many there are."""

    u: Float[Array, "*shape"]
    x: Float[Array, "*shape"]


def stp_step(
    z: Float[Array, "*shape"],
    s: TsodyksMakramState,
    p: TsodyksMakramParameters = TsodyksMakramParameters(),
    dt: Any = 0.001,
) -> tuple[Float[Array, "*shape"], TsodyksMakramState]:
    """One step of forward Euler of a synapse that facilitates and gets tired.

    ```
    u = u - dt tau_f_inv u + U (1 - u) z          (1 - u) from before the step
    out = u x z                                   u from after the step, x from before it
    x = x + dt tau_d_inv (1 - x) - out
    ```

    `ShortTermPlasticity` solves the decays exactly, and puts out what has recovered in the step.

    **Arguments:**

    - `z`: spikes before the synapse.
    - `s`: the state; at rest `u` is 0 and `x` is 1.
    - `p`: the constants.
    - `dt`: length of a step, in s.

    **Returns:** the released resources, and the state after the step.

    ```python
    import jax.numpy as jnp
    from snnjax.compat import norse

    rest = norse.TsodyksMakramState(u=jnp.zeros(1), x=jnp.ones(1))
    out, state = norse.stp_step(jnp.ones(1), rest)
    assert abs(out - 0.45) < 1e-6 and abs(state.x - 0.55) < 1e-6
    ```

    Source: M. Tsodyks, K. Pawelzik and H. Markram, Neural networks with dynamic synapses, 1998.
    """
    dtype = s.u.dtype
    dt, jump = cast(dt, dtype), cast(p.U, dtype)
    u = s.u - dt * cast(p.tau_f_inv, dtype) * s.u + jump * (1 - s.u) * z
    out = u * s.x * z
    return out, TsodyksMakramState(u=u, x=s.x + dt * cast(p.tau_d_inv, dtype) * (1 - s.x) - out)
