"""`braintools.surrogate`: its names and arguments. Spikes fire at `x >= 0`; call one as `spike(x)`."""

import math

from ..._surrogate import AbstractSurrogate, Gaussian, StraightThrough, SuperSpike, Triangle
from ..._surrogate import ATan as _ATan
from ..._surrogate import Sigmoid as _Sigmoid
from ..._surrogate.boxcar import Boxcar
from ..._surrogate.damped import Damped
from ..._surrogate.fake_numerical_gradient import FakeNumericalGradient
from ..._surrogate.fourier_square_wave import FourierSquareWave
from ..._surrogate.laplace import Laplace, Slayer
from ..._surrogate.log_abs import LogAbs
from ..._surrogate.multi_gaussian import MultiGaussian
from ..._surrogate.one_sided import OneSided
from ..._surrogate.q_pseudo_spike import QPseudoSpike as _QPseudoSpike
from ..._surrogate.s2nn import S2NN as _S2NN
from ..._surrogate.soft_sign import SoftSign as _SoftSign


def Sigmoid(alpha: float = 4.0) -> AbstractSurrogate:
    """Derivative `alpha s (1 - s)`, `s = sigmoid(alpha x)`."""
    return _Sigmoid(alpha, inclusive=True)


def PiecewiseQuadratic(alpha: float = 1.0) -> AbstractSurrogate:
    """Derivative `max(0, alpha - alpha^2 |x|)`."""
    return Triangle(alpha, inclusive=True)


def PiecewiseExp(alpha: float = 1.0) -> AbstractSurrogate:
    """Derivative `alpha / 2 exp(-alpha |x|)`."""
    return Laplace(alpha, inclusive=True)


def SoftSign(alpha: float = 1.0) -> AbstractSurrogate:
    """Derivative `alpha / 2 / (1 + alpha |x|)^2`."""
    return _SoftSign(alpha, inclusive=True)


def Arctan(alpha: float = 1.0) -> AbstractSurrogate:
    """Derivative `alpha / 2 / (1 + (pi alpha x / 2)^2)`."""
    return _ATan(alpha, inclusive=True)


def NonzeroSignLog(alpha: float = 1.0) -> AbstractSurrogate:
    """Derivative `1 / (1 / alpha + |x|)`."""
    return LogAbs(alpha, inclusive=True)


def ERF(alpha: float = 1.0) -> AbstractSurrogate:
    """Derivative `alpha / sqrt(pi) exp(-(alpha x)^2)`."""
    return Gaussian(alpha * math.sqrt(2), inclusive=True)


def PiecewiseLeakyRelu(c: float = 0.01, w: float = 1.0) -> AbstractSurrogate:
    """Derivative `1 / (2 w)` where `|x| <= w`, else `c`."""
    return Boxcar(0.5 / w, leak=c, closed=True, inclusive=True)


def SquarewaveFourierSeries(n: int = 2, t_period: float = 8.0) -> AbstractSurrogate:
    """Derivative `4 / t_period sum_i cos((2 i - 1) 2 pi x / t_period)`, `i = 1 ... n`."""
    return FourierSquareWave(4 / t_period, terms=n, inclusive=True)


def S2NN(alpha: float = 4.0, beta: float = 1.0, epsilon: float = 1e-8) -> AbstractSurrogate:
    """Derivative that of a sigmoid below zero, `beta / (x + 1)` above; `epsilon` only guards their logarithm."""
    if not 0 <= epsilon <= 1e-3:
        raise ValueError(
            f"S2NN was given epsilon={epsilon}; it guards a logarithm of the primitive that needs no guard here, and "
            f"takes small values only. Leave it out."
        )
    return _S2NN(alpha, tail=beta, inclusive=True)


def QPseudoSpike(alpha: float = 2.0) -> AbstractSurrogate:
    """Derivative `(1 + 2 |x| / (alpha + 1))^-alpha`."""
    return _QPseudoSpike(2 / (alpha + 1), exponent=alpha, inclusive=True)


def LeakyRelu(alpha: float = 0.1, beta: float = 1.0) -> AbstractSurrogate:
    """Derivative `alpha` below zero, `beta` from zero on."""
    return OneSided(StraightThrough(beta, inclusive=True), leak=alpha, closed=True)


def LogTailedRelu(alpha: float = 0.0) -> AbstractSurrogate:
    """Derivative `alpha` up to zero, 1 up to one, `1 / x` above."""
    return OneSided(FakeNumericalGradient(1.0, inclusive=True), leak=alpha)


def ReluGrad(alpha: float = 0.3, width: float = 1.0) -> AbstractSurrogate:
    """Derivative `max(0, alpha (width - |x|))`."""
    return Damped(Triangle(1 / width, inclusive=True), alpha * width**2)


def GaussianGrad(sigma: float = 0.5, alpha: float = 0.5) -> AbstractSurrogate:
    """Derivative `alpha` times a normal density of deviation `sigma`."""
    return Damped(Gaussian(1 / sigma, inclusive=True), alpha)


def MultiGaussianGrad(h: float = 0.15, s: float = 6.0, sigma: float = 0.5, scale: float = 0.5) -> AbstractSurrogate:
    """Derivative `scale ((1 + h) N(0, sigma) - h N(sigma, s sigma) - h N(-sigma, s sigma))`."""
    return Damped(MultiGaussian(1 / sigma, lobe=h, lobe_width=s, inclusive=True), scale)


def InvSquareGrad(alpha: float = 100.0) -> AbstractSurrogate:
    """Derivative `1 / (1 + alpha |x|)^2`."""
    return SuperSpike(alpha, inclusive=True)


def SlayerGrad(alpha: float = 1.0) -> AbstractSurrogate:
    """Derivative `exp(-alpha |x|)`."""
    return Slayer(alpha, inclusive=True)


# The names that the library's own documentation uses for two of them.
SigmoidGrad = Sigmoid
ATan = Arctan
