"""Initial weights that make every layer of a spiking network fire."""

from ._fluctuation_driven import fluctuation_driven as fluctuation_driven
from ._match_rates import match_rates as match_rates
from ._recurrent import Sparse as Sparse
from ._recurrent import recurrent as recurrent
