from ._base import AbstractLoop as AbstractLoop
from ._chunks import in_chunks as in_chunks
from ._chunks import tile as tile
from .bptt import BPTT as BPTT
from .checkpointed import CheckpointedBPTT as CheckpointedBPTT
from .truncated import TruncatedBPTT as TruncatedBPTT
