"""SpikingJelly's surrogates, by their names there. Spikes fire at `x >= 0`; `spiking=False` puts out the primitive."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from ..._errors import InputError
from ..._misc import cast
from ..._parameter import Param
from ..._surrogate import AbstractSpike, AbstractSurrogate, Gaussian, StraightThrough, Triangle
from ..._surrogate import ATan as _ATan
from ..._surrogate import Sigmoid as _Sigmoid
from ..._surrogate import SuperSpike as _SuperSpike
from ..._surrogate.boxcar import Boxcar
from ..._surrogate.damped import Damped
from ..._surrogate.fake_numerical_gradient import FakeNumericalGradient as _FakeNumericalGradient
from ..._surrogate.fourier_square_wave import FourierSquareWave
from ..._surrogate.laplace import Laplace
from ..._surrogate.log_abs import LogAbs
from ..._surrogate.one_sided import OneSided
from ..._surrogate.q_pseudo_spike import QPseudoSpike as _QPseudoSpike
from ..._surrogate.s2nn import S2NN as _S2NN
from ..._surrogate.soft_sign import SoftSign as _SoftSign
from ..._types import Key


class Smooth(AbstractSpike):
    """The primitive of a surrogate instead of spikes."""

    surrogate: AbstractSurrogate

    def __call__(self, v: Float[Array, "..."]) -> Float[Array, "..."]:
        return self.surrogate.primitive(v)

    def fire(self, v: Float[Array, "..."], threshold: Param, *, key: Key = None) -> Float[Array, "..."]:
        del key
        return self(v - cast(threshold, v.dtype))


def _made(surrogate: AbstractSurrogate, spiking: bool) -> AbstractSpike:
    return surrogate if spiking else Smooth(surrogate)


def PiecewiseQuadratic(alpha: float = 1.0, spiking: bool = True) -> AbstractSpike:
    """Derivative `max(0, alpha - alpha^2 |x|)`."""
    return _made(Triangle(alpha, inclusive=True), spiking)


def PiecewiseExp(alpha: float = 1.0, spiking: bool = True) -> AbstractSpike:
    """Derivative `alpha / 2 exp(-alpha |x|)`."""
    return _made(Laplace(alpha, inclusive=True), spiking)


def Sigmoid(alpha: float = 4.0, spiking: bool = True) -> AbstractSpike:
    """Derivative `alpha s (1 - s)`, `s = sigmoid(alpha x)`."""
    return _made(_Sigmoid(alpha, inclusive=True), spiking)


def SoftSign(alpha: float = 2.0, spiking: bool = True) -> AbstractSpike:
    """Derivative `alpha / 2 / (1 + alpha |x|)^2`."""
    return _made(_SoftSign(alpha, inclusive=True), spiking)


def SuperSpike(alpha: float = 1.0, spiking: bool = True) -> AbstractSpike:
    """Derivative `alpha / (1 + |x|)^2`: alpha is the height, not the steepness."""
    return _made(Damped(_SuperSpike(1.0, inclusive=True), alpha), spiking)


def ATan(alpha: float = 2.0, spiking: bool = True) -> AbstractSpike:
    """Derivative `alpha / 2 / (1 + (pi alpha x / 2)^2)`."""
    return _made(_ATan(alpha, inclusive=True), spiking)


def NonzeroSignLogAbs(alpha: float = 1.0, spiking: bool = True) -> AbstractSpike:
    """Derivative `1 / (1 / alpha + |x|)`."""
    return _made(LogAbs(alpha, inclusive=True), spiking)


def Erf(alpha: float = 2.0, spiking: bool = True) -> AbstractSpike:
    """Derivative `alpha / sqrt(pi) exp(-(alpha x)^2)`."""
    return _made(Gaussian(alpha * math.sqrt(2), inclusive=True), spiking)


def PiecewiseLeakyReLU(w: float = 1.0, c: float = 0.01, spiking: bool = True) -> AbstractSpike:
    """Derivative `1 / (2 w)` where `|x| < w`, else `c`."""
    return _made(Boxcar(0.5 / w, leak=c, inclusive=True), spiking)


def SquarewaveFourierSeries(n: int = 2, T_period: float = 8.0, spiking: bool = True) -> AbstractSpike:
    """Derivative `4 / T_period sum_i cos((2 i - 1) 2 pi x / T_period)`, `i = 1 ... n - 1`, as in the library."""
    if n < 2:
        raise ValueError(f"SquarewaveFourierSeries was given n={n}; it sums n - 1 terms, and takes n of at least 2.")
    return _made(FourierSquareWave(4 / T_period, terms=n - 1, inclusive=True), spiking)


def S2NN(alpha: float = 4.0, beta: float = 1.0, spiking: bool = True) -> AbstractSpike:
    """Derivative that of a sigmoid below zero, `beta / (x + 1)` above."""
    return _made(_S2NN(alpha, tail=beta, inclusive=True), spiking)


def QPseudoSpike(alpha: float = 2.0, spiking: bool = True) -> AbstractSpike:
    """Derivative `(1 + 2 |x| / (alpha - 1))^-alpha`, for alpha above 1."""
    if not alpha > 1:
        raise ValueError(f"QPseudoSpike was given alpha={alpha}; it takes values above 1.")
    return _made(_QPseudoSpike(2 / (alpha - 1), exponent=alpha, inclusive=True), spiking)


def LeakyKReLU(leak: float = 0.0, k: float = 1.0, spiking: bool = True) -> AbstractSpike:
    """Derivative `leak` below zero, `k` from zero on."""
    return _made(OneSided(StraightThrough(k, inclusive=True), leak=leak, closed=True), spiking)


def FakeNumericalGradient(alpha: float = 0.3) -> AbstractSpike:
    """Derivative `min(1 / |x|, alpha)`."""
    return _FakeNumericalGradient(alpha, inclusive=True)


def LogTailedReLU(alpha: float = 0.0, spiking: bool = True) -> AbstractSpike:
    """Derivative `alpha` up to zero, 1 up to one, `1 / x` above."""
    return _made(OneSided(_FakeNumericalGradient(1.0, inclusive=True), leak=alpha), spiking)


def Rect(alpha: float = 1.0, spiking: bool = True) -> AbstractSpike:
    """Derivative `alpha` where `|x| < 1 / (2 alpha)`, else 0."""
    return _made(Boxcar(alpha, inclusive=True), spiking)


def DeterministicPass(spiking: bool = True) -> AbstractSpike:
    """Derivative 1 everywhere; the primitive is `x` itself."""
    return LeakyKReLU(1.0, 1.0, spiking)


class MultiLevelSpikeCount(AbstractSpike):
    """Whole numbers of spikes, `round(clip(x, 0, max_spike_count))`; derivative 1 in a window, else 0.

    **Arguments:**

    - `max_spike_count`: the most spikes, a whole number of at least 1.
    - `spiking`: False for the values before they are rounded, with the derivative of the clip.
    - `grad_window`: both ends of the window, which belong to it; `(0, max_spike_count)` unless given.

    Halves are rounded to the even number. Raises a `ValueError` for values out of range.

    ```python
    import jax
    import jax.numpy as jnp
    from snnjax.compat.spikingjelly import surrogate

    count = surrogate.MultiLevelSpikeCount(3)
    assert count(jnp.array([-0.2, 1.75, 9.0])).tolist() == [0.0, 2.0, 3.0]
    assert jax.grad(count)(jnp.array(1.75)) == 1.0 and jax.grad(count)(jnp.array(9.0)) == 0.0
    ```
    """

    max_spike_count: int = eqx.field(static=True)
    spiking: bool = eqx.field(default=True, static=True)
    grad_window: tuple[float, float] | None = eqx.field(default=None, static=True)

    def __check_init__(self) -> None:
        window = self.grad_window
        if self.max_spike_count < 1 or (window is not None and window[0] > window[1]):
            raise ValueError(
                f"MultiLevelSpikeCount was given max_spike_count={self.max_spike_count} and grad_window={window}; it "
                f"takes a whole number of at least 1, and two ends in order. For one spike use another surrogate."
            )

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        # Not `clip`, which has half of a gradient at its ends.
        most = jnp.full_like(x, self.max_spike_count)
        clipped = jnp.where(x >= 0, jnp.where(x <= most, x, most), jnp.zeros_like(x))
        if not self.spiking:
            return clipped
        lower, upper = (0.0, float(self.max_spike_count)) if self.grad_window is None else self.grad_window
        passed = jnp.where((x >= lower) & (x <= upper), x, jnp.zeros_like(x))
        return jax.lax.stop_gradient(jnp.round(clipped)) + (passed - jax.lax.stop_gradient(passed))

    def fire(self, v: Float[Array, "..."], threshold: Param, *, key: Key = None) -> Float[Array, "..."]:
        del key
        return self(v - cast(threshold, v.dtype))


class PoissonPass(AbstractSpike):
    """Random spikes with the probability `x`; derivative 1 everywhere.

    An `x` outside of [0, 1] counts as 0 or 1, where the library raises an error. A neuron that fires so needs a key in
    every step, and raises an `InputError` (a `ValueError`) without one.

    **Arguments:**

    - `spiking`: False puts out `x` itself.

    ```python
    import jax
    import jax.numpy as jnp
    from snnjax.compat.spikingjelly import surrogate

    spike = surrogate.PoissonPass()
    assert spike(jnp.array([0.0, 1.0]), key=jax.random.key(0)).tolist() == [0.0, 1.0]
    ```
    """

    spiking: bool = eqx.field(default=True, static=True)

    def __call__(self, x: Float[Array, "..."], *, key: Key = None) -> Float[Array, "..."]:
        if not self.spiking:
            return x
        if key is None:
            raise InputError(
                "PoissonPass draws random spikes and was given no key; it takes a PRNG key. Pass "
                "`key=jax.random.key(0)` to `unroll`."
            )
        drawn = jr.bernoulli(key, jax.lax.stop_gradient(x)).astype(x.dtype)
        return drawn + (x - jax.lax.stop_gradient(x))

    def fire(self, v: Float[Array, "..."], threshold: Param, *, key: Key = None) -> Float[Array, "..."]:
        return self(v - cast(threshold, v.dtype), key=key)
