"""snntorch: its neurons, surrogates, spike generators, losses and metrics, by their names there.

`from snnjax.compat import snntorch as snn` gives the neurons; `surrogate`, `spikegen` and `functional` are modules of
it, as there. Not here is what keeps state in itself or in a data set: `BatchNormTT1d`, monitors (`record=` of
`snn.unroll`), `utils` and `backprop`.
"""

from . import functional as functional
from . import quant as quant
from . import spikegen as spikegen
from . import surrogate as surrogate
from .associative import AssociativeLeaky as AssociativeLeaky
from .associative import AssociativeLeakyState as AssociativeLeakyState
from .conv_lstm import SConv2dLSTM as SConv2dLSTM
from .conv_lstm import SpikingConvLSTM as SpikingConvLSTM
from .layers import GradedSpikes as GradedSpikes
from .neurons import Alpha as Alpha
from .neurons import AlphaLIF as AlphaLIF
from .neurons import AlphaState as AlphaState
from .neurons import Lapicque as Lapicque
from .neurons import Leaky as Leaky
from .neurons import Synaptic as Synaptic
from .other_neurons import SLSTM as SLSTM
from .other_neurons import DeltaLeaky as DeltaLeaky
from .other_neurons import DeltaLIF as DeltaLIF
from .other_neurons import LeakyParallel as LeakyParallel
from .other_neurons import RectifiedLIF as RectifiedLIF
from .other_neurons import SpikingLSTM as SpikingLSTM
from .other_neurons import SpikingLSTMState as SpikingLSTMState
from .recurrent import RLeaky as RLeaky
from .recurrent import RSynaptic as RSynaptic
from .state_leaky import LinearLeaky as LinearLeaky
from .state_leaky import Readout as Readout
from .state_leaky import StateLeaky as StateLeaky
from .state_leaky import TruncatedLIF as TruncatedLIF
from .state_leaky import TruncatedLIFState as TruncatedLIFState
