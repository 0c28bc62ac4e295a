from ._base import AbstractLoop as AbstractLoop
from .bptt import BPTT as BPTT
from .checkpointed import CheckpointedBPTT as CheckpointedBPTT
from .truncated import TruncatedBPTT as TruncatedBPTT
