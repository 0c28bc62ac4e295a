"""Layers that `eqx.nn` lacks: norms through time, pooling of spikes, dropout over a sequence."""

from ._batch_norm import ThresholdBatchNorm as ThresholdBatchNorm
from ._batch_norm_through_time import BatchNormThroughTime as BatchNormThroughTime
from ._batch_norm_through_time import StepwiseState as StepwiseState
from ._channels_last import channels_last as channels_last
from ._gated_max_pool import AbstractScore as AbstractScore
from ._gated_max_pool import FirstSpike as FirstSpike
from ._gated_max_pool import GatedMaxPool as GatedMaxPool
from ._gated_max_pool import SpikeCount as SpikeCount
from ._sequence_dropout import SequenceDropout as SequenceDropout
from ._spiking_max_pool import SpikingMaxPool as SpikingMaxPool
from ._steps import StepScale as StepScale
from ._sum_pool import SumPool as SumPool
from ._temporal_effective import temporal_effective_batch_norm as temporal_effective_batch_norm
from ._upsample import Upsample as Upsample
