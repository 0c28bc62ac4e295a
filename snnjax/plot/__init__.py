"""Pictures of spiking networks, drawn with matplotlib.

Every function draws into matplotlib axes (`ax`, or the only ones of a new figure) and returns them, so
pictures are arranged and relabelled with ordinary matplotlib. Arrays are those of ONE example, with
time on axis 0; step `k` is drawn at `k * dt`. No window is shown, no setting of matplotlib changed.
"""

from ._axes import save as save
from ._confusion_matrix import confusion_matrix as confusion_matrix
from ._curves import curves as curves
from ._firing_rates import firing_rates as firing_rates
from ._gradients import gradients as gradients
from ._graph import graph as graph
from ._membrane import membrane as membrane
from ._raster import raster as raster
from ._surrogate import surrogate as surrogate
