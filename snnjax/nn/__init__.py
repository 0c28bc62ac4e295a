"""Layers that `equinox.nn` lacks."""

from ._channels_last import channels_last as channels_last
from ._gated_max_pool import AbstractScore as AbstractScore
from ._gated_max_pool import FirstSpike as FirstSpike
from ._gated_max_pool import GatedMaxPool as GatedMaxPool
from ._gated_max_pool import SpikeCount as SpikeCount
from ._sequence_dropout import SequenceDropout as SequenceDropout
from ._spiking_max_pool import SpikingMaxPool as SpikingMaxPool
from ._sum_pool import SumPool as SumPool
from ._upsample import Upsample as Upsample
