"""Ready-made networks."""

from ._snn import SNN as SNN
