from ._base import AbstractKernel as AbstractKernel
from .autodiff import Autodiff as Autodiff
from .recompute import Recompute as Recompute
