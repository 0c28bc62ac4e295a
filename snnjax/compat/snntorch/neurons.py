"""snntorch's neurons, by their names and arguments there: each returns a cell of the core.

A neuron's reset comes one step late: it takes the spike of the step before, which it finds again from the stored
membrane, and no gradient passes through it. Decays are cut to [0, 1] when they are used. Numbers are constants unless
their `learn_...` is True; arrays too. States begin at zero, and are given to a cell and returned (`v` is `mem` there,
`i` is `syn`), so that `init_hidden` and `output` are refused.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..._cell import AbstractCell
from ..._container import Sequential
from ..._misc import as_current, cast, check_finite, resting
from ..._neuron import LIF, CubaLIF
from ..._parameter import AbstractParameter, Param, as_float_array, concrete, parameter
from ..._scale import Scale
from ..._surrogate import AbstractSpike, ATan
from ..._types import Key
from ._options import (
    Firing,
    Number,
    Quantiser,
    check_mechanism,
    clamped,
    graded,
    number,
    refuse_calling_style,
    resets,
    spike,
    unbounded,
)


def Leaky(
    beta: Number,
    threshold: Number = 1.0,
    spike_grad: AbstractSpike | None = None,
    surrogate_disable: bool = False,
    init_hidden: bool = False,
    inhibition: bool = False,
    learn_beta: bool = False,
    learn_threshold: bool = False,
    reset_mechanism: str = "subtract",
    state_quant: Quantiser = False,
    output: bool = False,
    graded_spikes_factor: Number = 1.0,
    learn_graded_spikes_factor: bool = False,
    reset_delay: bool = True,
) -> AbstractCell:
    """Leaky integrate-and-fire: `v = beta v + x - r threshold` ("subtract"), `beta (1 - r) v + x` ("zero").

    `r` is the spike of the step before. A `LIF`; with graded spikes a `Sequential` of it and a `Scale`. A graded factor
    together with `inhibition` is refused: the library drops it there.
    """
    refuse_calling_style("Leaky", init_hidden, output)
    cell = LIF(
        decay=clamped(beta, learn_beta, "beta"),
        threshold=number(threshold, learn_threshold, "threshold"),
        surrogate=spike(spike_grad, surrogate_disable),
        **resets(reset_mechanism, False, reset_delay, inhibition, state_quant),
    )
    scaled = graded(cell, graded_spikes_factor, learn_graded_spikes_factor)
    if inhibition and scaled is not cell:
        raise ValueError(
            f"Leaky was given graded_spikes_factor={graded_spikes_factor} and inhibition=True; the library does not "
            f"scale inhibited spikes. Leave one of them out, or put `snn.Scale` behind the neuron."
        )
    return scaled


def Synaptic(
    alpha: Number,
    beta: Number,
    threshold: Number = 1.0,
    spike_grad: AbstractSpike | None = None,
    surrogate_disable: bool = False,
    init_hidden: bool = False,
    inhibition: bool = False,
    learn_alpha: bool = False,
    learn_beta: bool = False,
    learn_threshold: bool = False,
    reset_mechanism: str = "subtract",
    state_quant: Quantiser = False,
    output: bool = False,
    reset_delay: bool = True,
) -> CubaLIF:
    """With a synaptic current: `i = alpha i + x`, `v = beta v + i - r threshold`, or `(beta v + i)(1 - r)` ("zero").

    `r` is the spike of the step before; a reset to zero takes the new input with it.
    """
    refuse_calling_style("Synaptic", init_hidden, output)
    return CubaLIF(
        decay=clamped(beta, learn_beta, "beta"),
        decay_i=clamped(alpha, learn_alpha, "alpha"),
        threshold=number(threshold, learn_threshold, "threshold"),
        surrogate=spike(spike_grad, surrogate_disable),
        **resets(reset_mechanism, True, reset_delay, inhibition, state_quant),
    )


class _FromBeta(AbstractParameter):
    """The decay of the forward Euler step whose exact decay is `beta`: `1 + log(beta)`."""

    beta: Param = parameter(0.9)

    checked: ClassVar[bool] = False

    def resolve(self) -> Float[Array, "..."]:
        return 1 + jnp.log(jnp.asarray(self.beta))


def Lapicque(
    beta: Number | None = None,
    R: Number | None = None,
    C: Number | None = None,
    time_step: Number = 1,
    threshold: Number = 1.0,
    spike_grad: AbstractSpike | None = None,
    surrogate_disable: bool = False,
    init_hidden: bool = False,
    inhibition: bool = False,
    learn_beta: bool = False,
    learn_threshold: bool = False,
    reset_mechanism: str = "subtract",
    state_quant: Quantiser = False,
    output: bool = False,
) -> Sequential:
    """An RC circuit by forward Euler: `v = x dt / C + (1 - dt / (R C)) v`, with the resets of `Synaptic`.

    Given are `R` and `C`, or `beta = exp(-dt / (R C))` with or without one of them (`R = 1` without). A `Sequential` of
    a `Scale`, the gain of the input, and a `LIF`. Learned is `beta` only.
    """
    refuse_calling_style("Lapicque", init_hidden, output)
    if beta is None and R is not None and C is not None and not learn_beta:
        decay, gain, scaled = unbounded(1 - time_step / (R * C), False, "beta"), R, True
    elif beta is not None and (R is None or C is None):
        known = concrete(jnp.asarray(beta))
        if known is not None and not np.all((known > 0) & (known < 1)):
            raise ValueError(
                f"Lapicque was given beta={beta}; it takes values strictly between 0 and 1, for which there is a time "
                f"constant. For no leak use Leaky(beta=1.0)."
            )
        trained = _FromBeta(as_float_array(beta, "beta"))
        decay = trained if learn_beta else unbounded(trained.resolve(), False, "beta")
        # The gain dt / C is R (1 - decay), by `normalise_input`; where C is given it does not depend on beta.
        gain, scaled = (1.0 if R is None else R, True) if C is None else (time_step / C, False)
    else:
        raise ValueError(
            f"Lapicque was given beta={beta}, R={R}, C={C}, learn_beta={learn_beta}; it takes R and C, or beta and at "
            f"most one of them, and learns beta only. The third follows from beta = exp(-time_step / (R C))."
        )
    cell = LIF(
        decay=decay,
        threshold=number(threshold, learn_threshold, "threshold"),
        surrogate=spike(spike_grad, surrogate_disable),
        normalise_input=scaled,
        **resets(reset_mechanism, True, True, inhibition, state_quant),
    )
    return Sequential(Scale(number(gain, False, "gain")), cell)


class AlphaState(eqx.Module):
    """State of an `AlphaLIF`: the membrane, and the two currents that make its synapse."""

    v: Float[Array, "*shape"]
    exc: Float[Array, "*shape"]
    inh: Float[Array, "*shape"]


class AlphaLIF(AbstractCell[AlphaState]):
    """Neuron whose membrane is the difference of two exponential currents: an input raises it slowly.

    ```
    exc = alpha exc + x,  inh = beta inh - x
    v = (log(alpha) / (log(beta) - log(alpha)) + 1) (exc + inh)
    z = H(v - threshold)
    ```

    A reset comes one step late, by the spike `r` of the step before: "zero" multiplies all three by `1 - r`; "subtract"
    takes `r threshold` off `exc`, sets `inh` to zero where `r`, and adds to `v` what `inh` was.

    **Arguments:**

    - `alpha`, `beta`: the decays per step of the two currents, `beta < alpha`.
    - `threshold`: in the unit of the membrane.
    - `surrogate`: the spike function and its derivative.
    - `reset_mechanism`: "zero", "subtract" or "none".
    - `firing`: rounded states, and inhibition.

    Raises a `ValueError` for decays that are not in order.

    ```python
    import jax.numpy as jnp
    import snnjax as snn
    from snnjax.compat import snntorch

    state, zs = snn.unroll(snntorch.Alpha(alpha=0.9, beta=0.8), 0.5 * jnp.ones((20, 3)))
    ```

    Source: J. K. Eshraghian et al., Training spiking neural networks using lessons from deep learning, 2023; its
    library's source decides.
    """

    alpha: Param = parameter(0.9)
    beta: Param = parameter(0.8)
    threshold: Param = parameter(1.0)
    surrogate: AbstractSpike = ATan(slope=2.0)
    reset_mechanism: str = eqx.field(default="zero", static=True)
    firing: Firing = Firing()

    def __check_init__(self) -> None:
        check_finite(self, "threshold")
        check_mechanism(self.reset_mechanism)
        alpha, beta = concrete(self.alpha), concrete(self.beta)
        if alpha is not None and beta is not None and not np.all(beta < alpha):
            raise ValueError(
                f"Alpha was given alpha={alpha} and beta={beta}; it takes 0 <= beta < alpha <= 1. The current that "
                f"excites must outlast the one that inhibits: exchange them."
            )

    def init_state(self, x: Any, *, key: Key = None) -> AlphaState:
        del key
        return AlphaState(v=resting(x), exc=resting(x), inh=resting(x))

    def __call__(
        self, state: AlphaState, x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[AlphaState, Float[Array, "*shape"]]:
        def fire(state: AlphaState) -> Array:
            return self.surrogate.fire(state.v, self.threshold, key=key)

        with jax.named_scope("snn.AlphaLIF"):
            after = self._reset(state, self._integrate(state, x), jax.lax.stop_gradient(fire(state)))
            after, z = self.firing(fire, self.threshold, after)
            return after, z.astype(x.dtype)

    def _integrate(self, state: AlphaState, x: Array) -> AlphaState:
        alpha, beta = cast(self.alpha, state.v.dtype), cast(self.beta, state.v.dtype)
        exc = alpha * state.exc + as_current(x, state.v)
        inh = beta * state.inh - as_current(x, state.v)
        gain = jnp.log(alpha) / (jnp.log(beta) - jnp.log(alpha)) + 1
        return AlphaState(v=gain * (exc + inh), exc=exc, inh=inh)

    def _reset(self, before: AlphaState, state: AlphaState, r: Array) -> AlphaState:
        if self.reset_mechanism == "none":
            return state
        if self.reset_mechanism == "zero":
            return jax.tree.map(lambda s: s * (1 - r), state)
        exc = state.exc - r * cast(self.threshold, r.dtype)
        return AlphaState(v=state.v + r * before.inh, exc=exc, inh=state.inh * (1 - r))


def Alpha(
    alpha: Number,
    beta: Number,
    threshold: Number = 1.0,
    spike_grad: AbstractSpike | None = None,
    surrogate_disable: bool = False,
    init_hidden: bool = False,
    inhibition: bool = False,
    learn_alpha: bool = False,
    learn_beta: bool = False,
    learn_threshold: bool = False,
    reset_mechanism: str = "zero",
    state_quant: Quantiser = False,
    output: bool = False,
) -> AlphaLIF:
    """A synapse that rises and falls; see `AlphaLIF`. (`learn_alpha` cannot run there.)"""
    refuse_calling_style("Alpha", init_hidden, output)
    return AlphaLIF(
        alpha=clamped(alpha, learn_alpha, "alpha"),
        beta=clamped(beta, learn_beta, "beta"),
        threshold=number(threshold, learn_threshold, "threshold"),
        surrogate=spike(spike_grad, surrogate_disable),
        reset_mechanism=reset_mechanism,
        firing=Firing(state_quant, inhibition),
    )
