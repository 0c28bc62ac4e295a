"""Ready-made networks."""

from ._delay_network import delay_network as delay_network
from ._heads import AbstractHead as AbstractHead
from ._heads import LeakyHead as LeakyHead
from ._heads import LinearHead as LinearHead
from ._heads import PopulationHead as PopulationHead
from ._heads import PopulationMean as PopulationMean
from ._lsnn import lsnn as lsnn
from ._ms_resnet import ms_block as ms_block
from ._ms_resnet import ms_resnet as ms_resnet
from ._parameter_count import parameter_count as parameter_count
from ._recurrent_snn import recurrent_snn as recurrent_snn
from ._resnet import RESNET18 as RESNET18
from ._resnet import RESNET34 as RESNET34
from ._resnet import Stem as Stem
from ._sew_resnet import InverseAnd as InverseAnd
from ._sew_resnet import sew_block as sew_block
from ._sew_resnet import sew_resnet as sew_resnet
from ._snn import SNN as SNN
from ._spikformer import SpikingAttention as SpikingAttention
from ._spikformer import attention_block as attention_block
from ._spikformer import spikformer as spikformer
from ._state_space import DiagonalStateSpace as DiagonalStateSpace
from ._state_space import DiagonalStateSpaceState as DiagonalStateSpaceState
from ._state_space import state_space_network as state_space_network
from ._vgg import VGG11 as VGG11
from ._vgg import vgg as vgg
