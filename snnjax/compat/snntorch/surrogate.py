"""snntorch's surrogates (`snntorch.surrogate`), by their names there: each returns a spike function of the core.

All fire strictly above the threshold. `x` is the membrane's distance from the threshold.
"""

from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from ..._errors import InputError
from ..._misc import cast
from ..._parameter import Param
from ..._surrogate import AbstractSpike, ATan, Sigmoid, StraightThrough, SuperSpike
from ..._surrogate.damped import Damped, Shifted
from ..._surrogate.laplace import Slayer
from ..._surrogate.one_sided import OneSided
from ..._types import Key
from .._common import CustomSpike


def atan(alpha: float | int = 2.0) -> ATan:
    """Derivative `(alpha / 2) / (1 + (pi / 2 alpha x)^2)`; the neurons' default."""
    return ATan(slope=alpha)


def fast_sigmoid(slope: float | int = 25) -> SuperSpike:
    """Derivative `1 / (1 + slope |x|)^2`."""
    return SuperSpike(slope=slope)


def sigmoid(slope: float | int = 25) -> Sigmoid:
    """Derivative `slope s (1 - s)`, `s = sigmoid(slope x)`; finite for every `x`, which it is not there."""
    return Sigmoid(slope=slope)


def straight_through_estimator() -> StraightThrough:
    """Derivative 1."""
    return StraightThrough(slope=1.0)


def triangular(threshold: float | int = 1) -> OneSided:
    """Derivative `threshold` below the threshold and `-threshold` from it on, at any distance: no triangle."""
    return OneSided(Damped(StraightThrough(slope=1.0), -threshold), leak=threshold, closed=True)


def spike_rate_escape(beta: float | int = 1, slope: float | int = 25) -> Damped:
    """Derivative `slope exp(-beta |x - 1|)`: largest where the membrane is 1 above the threshold."""
    return Damped(Shifted(Slayer(slope=beta), 1.0), slope)


def heaviside() -> OneSided:
    """Derivative 1 where the neuron fires, else 0."""
    return OneSided(StraightThrough(slope=1.0))


def LSO(slope: float | int = 0.1) -> OneSided:
    """The leaky spike operator: derivative 1 where the neuron fires, else `slope`. (Its function there cannot run.)"""
    return OneSided(StraightThrough(slope=1.0), leak=slope)


def SFS(slope: float | int = 25, B: float | int = 1) -> OneSided:
    """The sparse fast sigmoid: derivative `1 / (1 + slope |x|)^2` where `x > B`, else 0."""
    return OneSided(SuperSpike(slope=slope), offset=B)


def no_gradient() -> Damped:
    """Derivative 0: what `surrogate_disable=True` takes."""
    return Damped(StraightThrough(slope=1.0), 0.0)


class SSO(AbstractSpike):
    """The stochastic spike operator: derivative 1 where the neuron fires, else a random number.

    The number is `(u - 0.5 + mean) * variance`, `u` uniform on [0, 1). A neuron that has it needs a key in every step,
    `unroll(..., key=key)`, unless the variance is 0; spikes are not random.

    **Arguments:**

    - `mean`: of the random number, over `variance`.
    - `variance`: its width (not its variance).

    Raises an `InputError` without a key.
    """

    mean: float | int = eqx.field(default=0.0, static=True)
    variance: float | int = eqx.field(default=0.2, static=True)

    def fire(self, v: Float[Array, "*shape"], threshold: Param, *, key: Key = None) -> Float[Array, "*shape"]:
        if self.variance == 0:
            return heaviside().fire(v, threshold)
        if key is None:
            raise InputError(
                "SSO draws random derivatives and was given no key; it takes a PRNG key. Pass `key=jax.random.key(0)` "
                "to `unroll`."
            )
        leak = (jr.uniform(key, v.shape, v.dtype) - 0.5 + self.mean) * self.variance
        return OneSided(StraightThrough(slope=1.0), leak=leak)(v - cast(threshold, v.dtype))


class _Backward(eqx.Module):
    """A backward function of the library as a derivative: what it makes of an incoming gradient of one."""

    function: Callable = eqx.field(static=True)

    def __call__(self, v: Float[Array, "..."]) -> Float[Array, "..."]:
        return self.function(v, jnp.ones_like(v), (v > 0).astype(v.dtype))


def custom_surrogate(custom_surrogate_function: Callable) -> CustomSpike:
    """A derivative of one's own: `custom_surrogate_function(x, grad, spikes)` returns the gradient of `x`.

    It must be elementwise, and proportional to `grad`, as every derivative is.
    """
    return CustomSpike(_Backward(custom_surrogate_function))
