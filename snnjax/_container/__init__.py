from .parallel import Concatenate as Concatenate
from .parallel import Parallel as Parallel
from .parallel import Sum as Sum
from .recurrent import Recurrent as Recurrent
from .recurrent import RecurrentState as RecurrentState
from .residual import Residual as Residual
from .residual import ResidualState as ResidualState
from .sequential import Sequential as Sequential
