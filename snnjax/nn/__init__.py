"""Layers without state that `eqx.nn` lacks."""

from ._banded_linear import BandedLinear as BandedLinear
from ._dale_linear import DaleLinear as DaleLinear
from ._masked_linear import MaskedLinear as MaskedLinear
from ._profile import DiscProfile as DiscProfile
from ._profile import ExponentialProfile as ExponentialProfile
from ._profile import GaussianProfile as GaussianProfile
from ._signed import Signed as Signed
from ._sparse_linear import SparseLinear as SparseLinear
from ._wiring import Synapses as Synapses
from ._wiring import distance_dependent as distance_dependent
from ._wiring import fixed_in_degree as fixed_in_degree
from ._wiring import fixed_out_degree as fixed_out_degree
from ._wiring import fixed_probability as fixed_probability
