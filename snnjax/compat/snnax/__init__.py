"""snnax: its layers, networks and spike functions, by their names and arguments there.

Every layer is a cell of snnjax, or a function that makes one: `layer(state, x, key=key)` returns `(state, out)`, the
state comes from `init_state(x)` with one step's input (there it is `init_state(shape, key)`), and `unroll` runs it.
A batch is `jax.vmap`. Decays, leaks and adaptation constants are trained, as there, and clipped to their ranges when
they are used (decays to [0.5, 1]); thresholds and reset values are trained where they are arrays. With `shape` they
are one per neuron. `key` draws nothing where the constants are given, as there. `init_fn(shape, key)` is where the
membrane starts, `reset_val` is a value to reset to for `LIF`, and one to subtract for all others, as there;
`stop_reset_grad` cuts the whole reset out of the gradient.
"""

from ._adaptive import AdaptiveLIF as AdaptiveLIF
from ._composed import Parallel as Parallel
from ._composed import ResNetBlock as ResNetBlock
from ._composed import Sequential as Sequential
from ._composed import SequentialLocalFeedback as SequentialLocalFeedback
from ._compound import CompoundLayer as CompoundLayer
from ._graph import GraphState as GraphState
from ._graph import GraphStructure as GraphStructure
from ._graph import StatefulModel as StatefulModel
from ._graph import gen_feed_forward_struct as gen_feed_forward_struct
from ._integrate_and_fire import IAF as IAF
from ._integrate_and_fire import SimpleIAF as SimpleIAF
from ._leaky import LIF as LIF
from ._leaky import LIFSoftReset as LIFSoftReset
from ._leaky import SimpleLI as SimpleLI
from ._leaky import SimpleLIF as SimpleLIF
from ._normalisation import BatchNormLayer as BatchNormLayer
from ._normalisation import BatchNormState as BatchNormState
from ._sigma_delta import SRM as SRM
from ._sigma_delta import SigmaDelta as SigmaDelta
from ._stateless import Flatten as Flatten
from ._stateless import SpikeCounter as SpikeCounter
from ._stateless import SpikingMaxPool1d as SpikingMaxPool1d
from ._stateless import SpikingMaxPool2d as SpikingMaxPool2d
from ._surrogate import piecewise_surrogate as piecewise_surrogate
from ._surrogate import sigmoid_surrogate as sigmoid_surrogate
from ._surrogate import superspike_surrogate as superspike_surrogate

LI = SimpleLI
MaxPool1d = SpikingMaxPool1d
MaxPool2d = SpikingMaxPool2d
