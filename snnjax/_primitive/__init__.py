"""Operations that XLA runs well whatever is mapped over them or differentiated; built from those of JAX."""

from .fold import as_one_step as as_one_step
from .fold import fold as fold
from .fold import unfold as unfold
from .gather import gather as gather
from .loop import Linear as Linear
from .loop import run as run
from .placed import placed as placed
from .rows import rows as rows
from .synapses import spread as spread
from .synapses import spread_onto as spread_onto
