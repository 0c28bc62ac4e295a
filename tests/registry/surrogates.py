"""Surrogates that are not in `helpers`: the defaults of each, and options that change the equation."""

from snnjax._surrogate.boxcar import Boxcar
from snnjax._surrogate.circular import Circular
from snnjax._surrogate.damped import Damped, Shifted
from snnjax._surrogate.fake_numerical_gradient import FakeNumericalGradient
from snnjax._surrogate.fourier_square_wave import FourierSquareWave
from snnjax._surrogate.laplace import Laplace, Slayer
from snnjax._surrogate.log_abs import LogAbs
from snnjax._surrogate.multi_gaussian import MultiGaussian
from snnjax._surrogate.one_sided import OneSided
from snnjax._surrogate.periodic_exponential import PeriodicExponential
from snnjax._surrogate.q_pseudo_spike import QPseudoSpike
from snnjax._surrogate.s2nn import S2NN
from snnjax._surrogate.soft_sign import SoftSign
from snnjax._surrogate.tanh import Tanh

surrogates = {
    "SoftSign": SoftSign(),
    "Laplace": Laplace(),
    "Slayer": Slayer(),
    "LogAbs": LogAbs(),
    "Boxcar": Boxcar(),
    "Boxcar-leak": Boxcar(0.7, width=1.1, leak=0.2),
    "Tanh": Tanh(),
    "FourierSquareWave": FourierSquareWave(),
    "S2NN": S2NN(),
    "QPseudoSpike": QPseudoSpike(),
    "QPseudoSpike-log": QPseudoSpike(3.0, exponent=1.0),
    "FakeNumericalGradient": FakeNumericalGradient(),
    "MultiGaussian": MultiGaussian(),
    "Circular": Circular(),
    "PeriodicExponential": PeriodicExponential(),
    "Damped": Damped(),
    "Shifted": Shifted(),
    "OneSided": OneSided(),
    "OneSided-sparse": OneSided(Slayer(2.0), offset=0.5, leak=0.1),
}
