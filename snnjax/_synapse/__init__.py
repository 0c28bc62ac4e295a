from ._arrival import AbstractArrival as AbstractArrival
from ._arrival import AfterDecay as AfterDecay
from ._arrival import BeforeDecay as BeforeDecay
from ._arrival import HeardUndecayed as HeardUndecayed
from ._arrival import NextStep as NextStep
from .exponential import ExponentialSynapse as ExponentialSynapse
from .exponential import ExponentialSynapseState as ExponentialSynapseState
