"""`brainpy.state`: its neurons and synapses, and `braintools.surrogate`, by their names there.

Where that library keeps the state in the neuron and reads `dt` and `t` from an environment, here the state is a value
and `dt` (in ms) an argument of every constructor: `state, spikes = neuron.update(state, x)`, or `unroll`.
"""

from . import surrogate as surrogate
from ._base import Neuron as Neuron
from .conductance import HH as HH
from .conductance import FitzHughNagumo as FitzHughNagumo
from .conductance import HindmarshRose as HindmarshRose
from .conductance import MorrisLecar as MorrisLecar
from .conductance import WangBuzsakiHH as WangBuzsakiHH
from .linear import ALIF as ALIF
from .linear import IF as IF
from .linear import LIF as LIF
from .linear import CobaLIF as CobaLIF
from .linear import CubaLIF as CubaLIF
from .linear import LIFRef as LIFRef
from .nonlinear import AdExIF as AdExIF
from .nonlinear import AdExIFRef as AdExIFRef
from .nonlinear import AdQuaIF as AdQuaIF
from .nonlinear import AdQuaIFRef as AdQuaIFRef
from .nonlinear import ExpIF as ExpIF
from .nonlinear import ExpIFRef as ExpIFRef
from .nonlinear import Gif as Gif
from .nonlinear import GifRef as GifRef
from .nonlinear import Izhikevich as Izhikevich
from .nonlinear import IzhikevichRef as IzhikevichRef
from .nonlinear import QuaIF as QuaIF
from .synapses import AMPA as AMPA
from .synapses import COBA as COBA
from .synapses import CUBA as CUBA
from .synapses import STD as STD
from .synapses import STP as STP
from .synapses import Alpha as Alpha
from .synapses import BioNMDA as BioNMDA
from .synapses import DualExpon as DualExpon
from .synapses import Expon as Expon
from .synapses import GABAa as GABAa
from .synapses import MgBlock as MgBlock
from .synapses import Synapse as Synapse
