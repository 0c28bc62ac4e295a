"""Checkpoints: any pytree in one file, written atomically, read back exactly or not at all.

Nothing is ever unpickled, so a file from a stranger cannot run code.

A file is a zip archive of uncompressed members. `header.json` lists what the tree is made of, and
every array is one member in numpy's own `.npy` format, so `numpy.load(path)` can look inside too.
The archive ends with a comment, `sha256:` and the checksum of every byte before it: a damaged file
is found before any part of it is interpreted.

What the tree is made of is a flat list of entries, each with its path. An array is data, and is
restored. Everything else that makes the model what it is (Python numbers and strings, functions,
the class of each module, its static fields) is a description, and is compared.
"""

from ._file import CheckpointError as CheckpointError
from ._load import load as load
from ._load import read_metadata as read_metadata
from ._save import save as save
