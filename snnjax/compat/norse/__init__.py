"""Norse: its cells, parameters, thresholds and encoders, by their names there.

Time constants are inverse, in 1/s, and `dt` is in s: a step is forward Euler, so `decay = 1 - dt * tau_inv`. Spikes are
strict, `v > v_th`. A cell of Norse with a synapse is here that neuron with `arrival=HeardUndecayed`, or the synapse and
the neuron in a `Sequential`. Recurrent cells hold their weights; only theirs detach the spike in the reset, and so do
these. Layers over time are `unroll`, so `LIF` and `LIFCell` are one.
"""

from .encode import constant_current_lif_encode as constant_current_lif_encode
from .encode import gaussian_rbf as gaussian_rbf
from .encode import poisson_encode as poisson_encode
from .encode import population_encode as population_encode
from .encode import signed_poisson_encode as signed_poisson_encode
from .encode import spike_latency_encode as spike_latency_encode
from .encode import spike_latency_lif_encode as spike_latency_lif_encode
from .neurons import IAF as IAF
from .neurons import LI as LI
from .neurons import LIF as LIF
from .neurons import LSNN as LSNN
from .neurons import CobaLIFCell as CobaLIFCell
from .neurons import CobaLIFLayer as CobaLIFLayer
from .neurons import IAFCell as IAFCell
from .neurons import Izhikevich as Izhikevich
from .neurons import IzhikevichCell as IzhikevichCell
from .neurons import IzhikevichRecurrent as IzhikevichRecurrent
from .neurons import IzhikevichRecurrentCell as IzhikevichRecurrentCell
from .neurons import LIBox as LIBox
from .neurons import LIBoxCell as LIBoxCell
from .neurons import LICell as LICell
from .neurons import LIFAdEx as LIFAdEx
from .neurons import LIFAdExCell as LIFAdExCell
from .neurons import LIFAdExRecurrent as LIFAdExRecurrent
from .neurons import LIFAdExRecurrentCell as LIFAdExRecurrentCell
from .neurons import LIFBox as LIFBox
from .neurons import LIFBoxCell as LIFBoxCell
from .neurons import LIFCell as LIFCell
from .neurons import LIFEx as LIFEx
from .neurons import LIFExCell as LIFExCell
from .neurons import LIFExRecurrent as LIFExRecurrent
from .neurons import LIFExRecurrentCell as LIFExRecurrentCell
from .neurons import LIFRecurrent as LIFRecurrent
from .neurons import LIFRecurrentCell as LIFRecurrentCell
from .neurons import LIFRefracCell as LIFRefracCell
from .neurons import LIFRefracRecurrentCell as LIFRefracRecurrentCell
from .neurons import LIFRefracState as LIFRefracState
from .neurons import LSNNCell as LSNNCell
from .neurons import LSNNRecurrent as LSNNRecurrent
from .neurons import LSNNRecurrentCell as LSNNRecurrentCell
from .neurons import recurrent as recurrent
from .parameters import CobaLIFParameters as CobaLIFParameters
from .parameters import IAFParameters as IAFParameters
from .parameters import IzhikevichParameters as IzhikevichParameters
from .parameters import IzhikevichSpikingBehavior as IzhikevichSpikingBehavior
from .parameters import LIBoxParameters as LIBoxParameters
from .parameters import LIFAdExParameters as LIFAdExParameters
from .parameters import LIFBoxParameters as LIFBoxParameters
from .parameters import LIFExParameters as LIFExParameters
from .parameters import LIFParameters as LIFParameters
from .parameters import LIFRefracParameters as LIFRefracParameters
from .parameters import LIParameters as LIParameters
from .parameters import LSNNParameters as LSNNParameters
from .parameters import behaviors as behaviors
from .parameters import create_izhikevich_spiking_behavior as create_izhikevich_spiking_behavior
from .threshold import surrogate as surrogate
from .threshold import threshold as threshold
