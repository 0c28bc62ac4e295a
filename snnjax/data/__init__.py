"""Real data that ships with the library, and batches of one shape.

Nothing is downloaded. LICENSES.md beside this file says where each data set comes from.
"""

from ._batches import Batch as Batch
from ._batches import batches as batches
from ._buckets import Buckets as Buckets
from ._buckets import bucket as bucket
from ._buckets import pad as pad
from ._dataset import Dataset as Dataset
from ._dataset import Split as Split
from ._load import load as load
from ._speech import log_mel as log_mel
from ._speech import mel_bands as mel_bands
