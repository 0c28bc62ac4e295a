"""snnjax: spiking neural networks in JAX and Equinox."""

from importlib.metadata import version as _version

from . import checkpoint as checkpoint
from . import data as data
from . import decode as decode
from . import encode as encode
from . import functional as functional
from . import losses as losses
from . import metrics as metrics
from . import plot as plot
from . import train as train
from ._cell import AbstractCell as AbstractCell
from ._cell import AbstractSequenceCell as AbstractSequenceCell
from ._cell import Stateless as Stateless
from ._cell import as_cell as as_cell
from ._container import Concatenate as Concatenate
from ._container import Parallel as Parallel
from ._container import Recurrent as Recurrent
from ._container import Residual as Residual
from ._container import Sequential as Sequential
from ._container import Sum as Sum
from ._delay import Delay as Delay
from ._errors import InputError as InputError
from ._loop import BPTT as BPTT
from ._loop import AbstractLoop as AbstractLoop
from ._loop import CheckpointedBPTT as CheckpointedBPTT
from ._loop import TruncatedBPTT as TruncatedBPTT
from ._neuron import ALIF as ALIF
from ._neuron import IF as IF
from ._neuron import LI as LI
from ._neuron import LIF as LIF
from ._neuron import CubaLIF as CubaLIF
from ._parameter import AbstractParameter as AbstractParameter
from ._parameter import Fixed as Fixed
from ._parameter import Interval as Interval
from ._parameter import Positive as Positive
from ._parameter import resolve as resolve
from ._parameter import trainable as trainable
from ._probe import Probe as Probe
from ._probe import observations as observations
from ._probe import probe as probe
from ._reset import AbstractReset as AbstractReset
from ._reset import NoReset as NoReset
from ._reset import SubtractReset as SubtractReset
from ._reset import ValueReset as ValueReset
from ._reset import ZeroReset as ZeroReset
from ._surrogate import AbstractSurrogate as AbstractSurrogate
from ._surrogate import ATan as ATan
from ._surrogate import Gaussian as Gaussian
from ._surrogate import Sigmoid as Sigmoid
from ._surrogate import StraightThrough as StraightThrough
from ._surrogate import SuperSpike as SuperSpike
from ._surrogate import Triangle as Triangle
from ._unroll import unroll as unroll

__version__ = _version("snnjax")
