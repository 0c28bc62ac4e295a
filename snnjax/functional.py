"""The neurons as pure functions: `(params, state, x) -> (state, out)`, elementwise, one step."""

from ._neuron import alif as alif
from ._neuron import cuba_lif as cuba_lif
from ._neuron import integrate_and_fire as integrate_and_fire
from ._neuron import li as li
from ._neuron import lif as lif
