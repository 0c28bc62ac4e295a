from ._base import AbstractKernel as AbstractKernel
from .autodiff import Autodiff as Autodiff
from .chunks import scan_chunks as scan_chunks
from .recompute import Recompute as Recompute
from .residuals import AbstractResiduals as AbstractResiduals
from .residuals import EightBitResiduals as EightBitResiduals
from .residuals import ExactResiduals as ExactResiduals
from .residuals import SixteenBitResiduals as SixteenBitResiduals
