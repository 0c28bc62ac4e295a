from ._base import AbstractSpike as AbstractSpike
from ._base import AbstractSurrogate as AbstractSurrogate
from .atan import ATan as ATan
from .gaussian import Gaussian as Gaussian
from .sigmoid import Sigmoid as Sigmoid
from .straight_through import StraightThrough as StraightThrough
from .super_spike import SuperSpike as SuperSpike
from .triangle import Triangle as Triangle
