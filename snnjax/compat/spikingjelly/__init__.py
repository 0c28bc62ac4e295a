"""SpikingJelly (activation based): its neurons, surrogates and encoders, by their names there."""

from . import encoding as encoding
from . import surrogate as surrogate
from .neurons import PSN as PSN
from .neurons import CUBALIFNode as CUBALIFNode
from .neurons import EIFNode as EIFNode
from .neurons import HalfThresholdIFNode as HalfThresholdIFNode
from .neurons import IFNode as IFNode
from .neurons import IzhikevichNode as IzhikevichNode
from .neurons import LIFNode as LIFNode
from .neurons import MaskedPSN as MaskedPSN
from .neurons import NonSpikingIFNode as NonSpikingIFNode
from .neurons import NonSpikingLIFNode as NonSpikingLIFNode
from .neurons import ParametricLIFNode as ParametricLIFNode
from .neurons import QIFNode as QIFNode
from .neurons import SlidingPSN as SlidingPSN
