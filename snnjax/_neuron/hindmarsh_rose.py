"""The Hindmarsh-Rose neuron."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from .._integrator import AbstractIntegrator, ExponentialEuler
from .._misc import as_current, cast, check_finite, check_positive, starting
from .._order import AbstractOrder, ResetLast
from .._parameter import Param, parameter
from .._surrogate import AbstractSpike, SuperSpike
from .._types import Key
from ._base import AbstractNeuron, pure
from ._conductance import fire_crossing, keep


class HindmarshRoseState(eqx.Module):
    """State of a `HindmarshRose`: the membrane, the fast recovery, and the slow adaptation."""

    v: Float[Array, "*shape"]
    y: Float[Array, "*shape"]
    w: Float[Array, "*shape"]


class HindmarshRose(AbstractNeuron[HindmarshRoseState]):
    """Hindmarsh-Rose neuron: the least that bursts by itself.

    ```
    tau * v' = y - a * v^3 + b * v^2 - w + x
    tau * y' = c - d * v^2 - y
    tau * w' = r * (s * (v - rest) - w)
    z = 1 where v crosses the threshold upward
    ```

    There is no reset. The input is held over the step. Nothing has a unit but the time constant, which shares that of
    `dt`.

    **Arguments:**

    - `a`, `b`: of the membrane.
    - `c`, `d`: of the fast recovery.
    - `r`: how slow the adaptation is.
    - `s`: how strongly it follows the membrane.
    - `rest`: the membrane at rest, and in the beginning.
    - `tau`: time constant.
    - `threshold`: in the unit of the membrane.
    - `dt`: length of a step.
    - `surrogate`: the spike function and its derivative.
    - `integrator`: `ExponentialEuler()`, `RungeKutta4()` or `Euler()`; each has `substeps`. Under inputs far above 10
        only the first is stable.

    Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    _, zs = snn.unroll(snn.HindmarshRose(dt=0.05), jnp.full(20000, 2.0))  # bursts
    assert zs.sum() > 10
    ```

    Source: J. L. Hindmarsh and R. M. Rose, A model of neuronal bursting using three coupled first order differential
    equations, 1984.
    """

    a: Param = parameter(1.0)
    b: Param = parameter(3.0)
    c: Param = parameter(1.0)
    d: Param = parameter(5.0)
    r: Param = parameter(0.006)
    s: Param = parameter(4.0)
    rest: Param = parameter(-1.6)
    tau: Param = parameter(1.0)
    threshold: Param = parameter(1.0)
    dt: Param = parameter(0.05)
    surrogate: AbstractSpike = SuperSpike()
    integrator: AbstractIntegrator = ExponentialEuler()
    order: AbstractOrder = eqx.field(default=ResetLast(), init=False)

    def __check_init__(self) -> None:
        check_positive(self, "a", "r", "tau", "dt")
        check_finite(self, "b", "c", "d", "s", "rest", "threshold")

    def init_state(self, x: Any, *, key: Key = None) -> HindmarshRoseState:
        del key
        v = starting(x, self.rest)
        y = cast(self.c, v.dtype) - cast(self.d, v.dtype) * v**2
        return HindmarshRoseState(v=v, y=y, w=v - v)

    def drift(self, state: HindmarshRoseState, x: Float[Array, "*shape"]) -> HindmarshRoseState:
        """The derivative of the state with respect to time."""
        v, y, w, dtype = state.v, state.y, state.w, state.v.dtype
        cubic = (cast(self.b, dtype) - cast(self.a, dtype) * v) * v**2
        followed = cast(self.s, dtype) * (v - cast(self.rest, dtype))
        tau = cast(self.tau, dtype)
        return HindmarshRoseState(
            v=(y + cubic - w + x) / tau,
            y=(cast(self.c, dtype) - cast(self.d, dtype) * v**2 - y) / tau,
            w=cast(self.r, dtype) * (followed - w) / tau,
        )

    def integrate(self, state: HindmarshRoseState, x: Float[Array, "*shape"]) -> HindmarshRoseState:
        current = as_current(x, state.v)
        return self.integrator(lambda s: HindmarshRose.drift(self, s, current), state, self.dt)

    fire = fire_crossing
    spiked = keep


hindmarsh_rose = pure(HindmarshRose, "hindmarsh_rose")
