"""sinabs: its layers and activations, by their names and arguments there.

A layer is a cell of snnjax: `snn.unroll(layer, xs)` runs one example, time on axis 0, and it goes into containers. It
also takes what sinabs takes, arrays with axes (batch, time, ...):

```python
import jax.numpy as jnp
from snnjax.compat import sinabs

layer = sinabs.LIF(tau_mem=jnp.array(20.0), norm_input=False, record_states=True)
data = 0.3 * jnp.ones((2, 50, 8))                              # 2 examples, 50 steps, 8 neurons
spikes = layer.forward(data)
spikes, state, recordings = layer.run(data)
assert recordings["v_mem"].shape == data.shape
```

What is different, because nothing is stored on a layer here:

- `forward` begins at rest. To go on, pass the state: `layer.run(data, state)`. Pieces then equal the whole, for all
  layers: the feedback of a recurrent layer and the current of an `ALIF` are part of the state.
- `layer.v_mem`, `layer.recordings` and `layer.firing_rate` are `result.state`, `result.recordings` and
  `result.firing_rate` of `result = layer.run(data)`. Recordings are the states after each step, for all layers.
- `layer.reset_states()` returns a state. There is no `zero_grad`: cut a gradient with `jax.lax.stop_gradient(state)`.
- A state of another batch size is an error; it is not drawn from the old one at random.
- As everywhere in snnjax a number is a constant and an array is trained: write `tau_mem=jnp.array(20.0)` to train it.
  Thresholds are not trained (in an `ALIF` an array is, through the reset), and no spike has a gradient to one.

Time constants are in steps.
"""

from ._activation import Gaussian as Gaussian
from ._activation import Heaviside as Heaviside
from ._activation import MaxSpike as MaxSpike
from ._activation import MembraneReset as MembraneReset
from ._activation import MembraneSubtract as MembraneSubtract
from ._activation import MultiGaussian as MultiGaussian
from ._activation import MultiSpike as MultiSpike
from ._activation import PeriodicExponential as PeriodicExponential
from ._activation import SingleExponential as SingleExponential
from ._activation import SingleSpike as SingleSpike
from ._activation import SpikeFunction as SpikeFunction
from ._alif import ALIF as ALIF
from ._layer import Result as Result
from ._layer import StatefulLayer as StatefulLayer
from ._lif import IAF as IAF
from ._lif import LIF as LIF
from ._lif import ExpLeak as ExpLeak
from ._stateless import FlattenTime as FlattenTime
from ._stateless import Merge as Merge
from ._stateless import NeuromorphicReLU as NeuromorphicReLU
from ._stateless import Quantize as Quantize
from ._stateless import QuantizeLayer as QuantizeLayer
from ._stateless import Repeat as Repeat
from ._stateless import SpikingMaxPooling2dLayer as SpikingMaxPooling2dLayer
from ._stateless import StochasticRounding as StochasticRounding
from ._stateless import SumPool2d as SumPool2d
from ._stateless import UnflattenTime as UnflattenTime
from ._variants import ALIFRecurrent as ALIFRecurrent
from ._variants import ALIFSqueeze as ALIFSqueeze
from ._variants import ExpLeakSqueeze as ExpLeakSqueeze
from ._variants import IAFRecurrent as IAFRecurrent
from ._variants import IAFSqueeze as IAFSqueeze
from ._variants import LIFRecurrent as LIFRecurrent
from ._variants import LIFSqueeze as LIFSqueeze
from ._variants import RecurrentState as RecurrentState
