"""Layers that `eqx.nn` lacks: norms through time."""

from ._batch_norm import ThresholdBatchNorm as ThresholdBatchNorm
from ._batch_norm_through_time import BatchNormThroughTime as BatchNormThroughTime
from ._batch_norm_through_time import StepwiseState as StepwiseState
from ._steps import StepScale as StepScale
from ._temporal_effective import temporal_effective_batch_norm as temporal_effective_batch_norm
