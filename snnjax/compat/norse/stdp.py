"""Norse's spike-timing-dependent plasticity."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..._misc import cast

_ALGORITHMS = ("additive", "additive_step", "multiplicative_pow", "multiplicative_relu")


class STDPState(eqx.Module):
    """State of an `stdp_step_linear`: the traces of the spikes before and behind the synapses."""

    t_pre: Float[Array, "*batch inputs"]
    t_post: Float[Array, "*batch outputs"]


class STDPParameters(eqx.Module):
    """Constants of an `stdp_step_linear`, in 1/s and in units of the weights; those of convolutions are left out.

    Raises a `ValueError` for an `stdp_algorithm` that is none of 'additive', 'additive_step', 'multiplicative_pow' and
    'multiplicative_relu'.
    """

    a_pre: Any = 1.0
    a_post: Any = 1.0
    tau_pre_inv: Any = 1 / 50e-3
    tau_post_inv: Any = 1 / 50e-3
    w_min: Any = 0.0
    w_max: Any = 1.0
    eta_plus: Any = 1e-3
    eta_minus: Any = 1e-3
    stdp_algorithm: str = eqx.field(default="additive", static=True)
    mu: Any = 0.0
    hardbound: bool = eqx.field(default=True, static=True)

    def __check_init__(self) -> None:
        if self.stdp_algorithm not in _ALGORITHMS:
            raise ValueError(
                f"STDPParameters.stdp_algorithm was given {self.stdp_algorithm!r}; it takes one of "
                f"{', '.join(_ALGORITHMS)}. Without a bound on the weights it is 'additive'."
            )


def _strength(room: Array, p: STDPParameters) -> Any:
    """How much of a change is left, by the distance of the weights from their bound."""
    if p.stdp_algorithm == "additive":
        return 1.0
    if p.stdp_algorithm == "additive_step":
        return (room > 0).astype(room.dtype)
    room = jax.nn.relu(room)
    return room if p.stdp_algorithm == "multiplicative_relu" else room ** cast(p.mu, room.dtype)


def stdp_step_linear(
    z_pre: Float[Array, "*batch inputs"],
    z_post: Float[Array, "*batch outputs"],
    w: Float[Array, "outputs inputs"],
    state_stdp: STDPState,
    p_stdp: STDPParameters = STDPParameters(),
    dt: Any = 0.001,
) -> tuple[Float[Array, "outputs inputs"], STDPState]:
    """One step of a linear layer whose weights learn; over a batch the changes are summed.

    ```
    t_pre = t_pre + dt tau_pre_inv (a_pre z_pre - t_pre),  and t_post alike
    w = w + eta_plus A(w_max - w) z_post t_pre - eta_minus A(w - w_min) t_post z_pre
    A(room) = 1, H(room), room^mu or relu(room), by the algorithm
    w = clip(w, w_min, w_max)                              with hardbound
    ```

    The library's `stdp_sensor_step` gives both traces the time constant of one, and is left out.

    **Arguments:**

    - `z_pre`, `z_post`: the spikes before and behind the synapses.
    - `w`: the weights.
    - `state_stdp`: the traces.
    - `p_stdp`: the constants.
    - `dt`: length of a step, in s.

    **Returns:** the weights and the traces after the step.

    ```python
    import jax.numpy as jnp
    from snnjax.compat import norse

    state = norse.STDPState(t_pre=jnp.ones(2), t_post=jnp.zeros(1))
    p = norse.STDPParameters(tau_pre_inv=0.0, eta_plus=0.25)
    w, state = norse.stdp_step_linear(jnp.zeros(2), jnp.ones(1), jnp.zeros((1, 2)), state, p)
    assert w.tolist() == [[0.25, 0.25]]
    ```

    Source: R. Guetig, R. Aharonov, S. Rotter and H. Sompolinsky, Learning input correlations through nonlinear
    temporally asymmetric Hebbian plasticity, 2003, for the power of the distance from the bound.
    """
    p, dtype = p_stdp, w.dtype
    dt = cast(dt, dtype)
    t_pre, t_post = state_stdp.t_pre, state_stdp.t_post
    t_pre = t_pre + dt * cast(p.tau_pre_inv, dtype) * (cast(p.a_pre, dtype) * z_pre - t_pre)
    t_post = t_post + dt * cast(p.tau_post_inv, dtype) * (cast(p.a_post, dtype) * z_post - t_post)
    w_min, w_max = cast(p.w_min, dtype), cast(p.w_max, dtype)
    rise = cast(p.eta_plus, dtype) * _strength(w_max - w, p) * jnp.einsum("...i,...j->ij", z_post, t_pre)
    fall = cast(p.eta_minus, dtype) * _strength(w - w_min, p) * jnp.einsum("...i,...j->ij", t_post, z_pre)
    w = w + (rise - fall)
    return (jnp.clip(w, w_min, w_max) if p.hardbound else w), STDPState(t_pre=t_pre, t_post=t_post)
