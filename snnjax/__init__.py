"""snnjax: spiking neural networks in JAX and Equinox."""

from importlib.metadata import version as _version
from typing import TYPE_CHECKING

from . import checkpoint as checkpoint
from . import data as data
from . import decode as decode
from . import encode as encode
from . import functional as functional
from . import init as init
from . import losses as losses
from . import metrics as metrics
from . import plot as plot
from . import train as train
from ._cell import AbstractCell as AbstractCell
from ._cell import AbstractSequenceCell as AbstractSequenceCell
from ._cell import Stateful as Stateful
from ._cell import Stateless as Stateless
from ._cell import as_cell as as_cell
from ._container import Concatenate as Concatenate
from ._container import Edge as Edge
from ._container import Gate as Gate
from ._container import Graph as Graph
from ._container import GraphState as GraphState
from ._container import Parallel as Parallel
from ._container import Product as Product
from ._container import Recurrent as Recurrent
from ._container import Residual as Residual
from ._container import Sequential as Sequential
from ._container import Sum as Sum
from ._delay import AbstractDelay as AbstractDelay
from ._delay import Delay as Delay
from ._delay import VariableDelay as VariableDelay
from ._delayed_linear import DelayedLinear as DelayedLinear
from ._delayed_linear import rounded as rounded
from ._errors import InputError as InputError
from ._events import Events as Events
from ._integrator import AbstractIntegrator as AbstractIntegrator
from ._integrator import Euler as Euler
from ._integrator import ExponentialEuler as ExponentialEuler
from ._integrator import RungeKutta4 as RungeKutta4
from ._kernel import AbstractKernel as AbstractKernel
from ._kernel import AbstractResiduals as AbstractResiduals
from ._kernel import Autodiff as Autodiff
from ._kernel import EightBitResiduals as EightBitResiduals
from ._kernel import ExactResiduals as ExactResiduals
from ._kernel import Recompute as Recompute
from ._kernel import SixteenBitResiduals as SixteenBitResiduals
from ._lazy import lazily as _lazily
from ._loop import BPTT as BPTT
from ._loop import AbstractLoop as AbstractLoop
from ._loop import CheckpointedBPTT as CheckpointedBPTT
from ._loop import TruncatedBPTT as TruncatedBPTT
from ._neuron import ALIF as ALIF
from ._neuron import IF as IF
from ._neuron import LI as LI
from ._neuron import LIF as LIF
from ._neuron import AbstractNeuron as AbstractNeuron
from ._neuron import CubaLIF as CubaLIF
from ._neuron import Refractory as Refractory
from ._neuron import RefractoryState as RefractoryState
from ._order import AbstractOrder as AbstractOrder
from ._order import FireFirst as FireFirst
from ._order import ResetFirst as ResetFirst
from ._order import ResetLast as ResetLast
from ._parameter import AbstractParameter as AbstractParameter
from ._parameter import Fixed as Fixed
from ._parameter import Interval as Interval
from ._parameter import Positive as Positive
from ._parameter import resolve as resolve
from ._parameter import trainable as trainable
from ._probe import Probe as Probe
from ._probe import observations as observations
from ._probe import probe as probe
from ._reset import AbstractReset as AbstractReset
from ._reset import Floor as Floor
from ._reset import NoReset as NoReset
from ._reset import SubtractReset as SubtractReset
from ._reset import ValueReset as ValueReset
from ._reset import ZeroReset as ZeroReset
from ._scale import Scale as Scale
from ._spike import EscapeNoise as EscapeNoise
from ._spike import MultiSpike as MultiSpike
from ._statistics import with_statistics as with_statistics
from ._surrogate import AbstractSpike as AbstractSpike
from ._surrogate import AbstractSurrogate as AbstractSurrogate
from ._surrogate import ATan as ATan
from ._surrogate import Gaussian as Gaussian
from ._surrogate import Sigmoid as Sigmoid
from ._surrogate import StraightThrough as StraightThrough
from ._surrogate import SuperSpike as SuperSpike
from ._surrogate import Triangle as Triangle
from ._synapse import AbstractArrival as AbstractArrival
from ._synapse import AfterDecay as AfterDecay
from ._synapse import BeforeDecay as BeforeDecay
from ._synapse import ExponentialSynapse as ExponentialSynapse
from ._synapse import HeardUndecayed as HeardUndecayed
from ._synapse import NextStep as NextStep
from ._unroll import unroll as unroll

if TYPE_CHECKING:
    from . import export as export
    from . import models as models
    from . import nn as nn
    from ._kernel._elementwise import NotElementwise as NotElementwise
    from ._kernel.fused import Fused as Fused
    from ._kernel.parallel_in_time import NotLinear as NotLinear
    from ._kernel.parallel_in_time import ParallelInTime as ParallelInTime
    from ._loop.budget import Budget as Budget
    from ._neuron.adaptive_current import AdLIF as AdLIF
    from ._neuron.adaptive_quadratic import AdaptiveQIF as AdaptiveQIF
    from ._neuron.adex import AdEx as AdEx
    from ._neuron.alpha_current import CubaLIFAlpha as CubaLIFAlpha
    from ._neuron.conductance_based import CobaLIF as CobaLIF
    from ._neuron.double_exponential_current import CubaLIFDoubleExponential as CubaLIFDoubleExponential
    from ._neuron.exponential_integrate_and_fire import ExpIF as ExpIF
    from ._neuron.fitzhugh_nagumo import FitzHughNagumo as FitzHughNagumo
    from ._neuron.generalised import GIF as GIF
    from ._neuron.hindmarsh_rose import HindmarshRose as HindmarshRose
    from ._neuron.hodgkin_huxley import HodgkinHuxley as HodgkinHuxley
    from ._neuron.izhikevich import Izhikevich as Izhikevich
    from ._neuron.morris_lecar import MorrisLecar as MorrisLecar
    from ._neuron.parallel_lif import ParallelLIF as ParallelLIF
    from ._neuron.parallel_spiking import MaskedParallelSpiking as MaskedParallelSpiking
    from ._neuron.parallel_spiking import ParallelSpiking as ParallelSpiking
    from ._neuron.parallel_spiking import SlidingParallelSpiking as SlidingParallelSpiking
    from ._neuron.parametric import parametric_lif as parametric_lif
    from ._neuron.quadratic import QIF as QIF
    from ._neuron.resonate_and_fire import BalancedResonateAndFire as BalancedResonateAndFire
    from ._neuron.resonate_and_fire import ResonateAndFire as ResonateAndFire
    from ._neuron.sigma_delta import RunningSum as RunningSum
    from ._neuron.sigma_delta import SigmaDelta as SigmaDelta
    from ._neuron.sigma_delta import SignedSigmaDelta as SignedSigmaDelta
    from ._neuron.spike_response import SpikeResponse as SpikeResponse
    from ._neuron.spiking_readout import spiking_readout as spiking_readout
    from ._neuron.wang_buzsaki import WangBuzsaki as WangBuzsaki
    from ._surrogate.boxcar import Boxcar as Boxcar
    from ._surrogate.circular import Circular as Circular
    from ._surrogate.damped import Damped as Damped
    from ._surrogate.damped import Shifted as Shifted
    from ._surrogate.fake_numerical_gradient import FakeNumericalGradient as FakeNumericalGradient
    from ._surrogate.fourier_square_wave import FourierSquareWave as FourierSquareWave
    from ._surrogate.laplace import Laplace as Laplace
    from ._surrogate.laplace import Slayer as Slayer
    from ._surrogate.log_abs import LogAbs as LogAbs
    from ._surrogate.multi_gaussian import MultiGaussian as MultiGaussian
    from ._surrogate.one_sided import OneSided as OneSided
    from ._surrogate.periodic_exponential import PeriodicExponential as PeriodicExponential
    from ._surrogate.q_pseudo_spike import QPseudoSpike as QPseudoSpike
    from ._surrogate.s2nn import S2NN as S2NN
    from ._surrogate.soft_sign import SoftSign as SoftSign
    from ._surrogate.tanh import Tanh as Tanh
    from ._synapse._immediate import Immediate as Immediate
    from ._synapse.alpha import AlphaSynapse as AlphaSynapse
    from ._synapse.double_exponential import DoubleExponentialSynapse as DoubleExponentialSynapse
    from ._synapse.nmda import NMDA as NMDA
    from ._synapse.output import AbstractOutput as AbstractOutput
    from ._synapse.output import ConductanceOutput as ConductanceOutput
    from ._synapse.output import CurrentOutput as CurrentOutput
    from ._synapse.output import MagnesiumBlock as MagnesiumBlock
    from ._synapse.receptor import AMPA as AMPA
    from ._synapse.receptor import GABAA as GABAA
    from ._synapse.short_term_plasticity import ShortTermDepression as ShortTermDepression
    from ._synapse.short_term_plasticity import ShortTermPlasticity as ShortTermPlasticity
    from .plan import Memory as Memory
    from .plan import Part as Part
    from .plan import Plan as Plan
    from .plan import explain as explain
    from .plan import memory as memory
    from .stream import Stream as Stream

# Imported when first used; a test compares this table with the list above.
__getattr__, __dir__ = _lazily(
    __name__,
    {
        "export": ".export",
        "models": ".models",
        "nn": ".nn",
        "NotElementwise": "._kernel._elementwise",
        "Fused": "._kernel.fused",
        "NotLinear": "._kernel.parallel_in_time",
        "ParallelInTime": "._kernel.parallel_in_time",
        "Budget": "._loop.budget",
        "AdLIF": "._neuron.adaptive_current",
        "AdaptiveQIF": "._neuron.adaptive_quadratic",
        "AdEx": "._neuron.adex",
        "CubaLIFAlpha": "._neuron.alpha_current",
        "CobaLIF": "._neuron.conductance_based",
        "CubaLIFDoubleExponential": "._neuron.double_exponential_current",
        "ExpIF": "._neuron.exponential_integrate_and_fire",
        "FitzHughNagumo": "._neuron.fitzhugh_nagumo",
        "GIF": "._neuron.generalised",
        "HindmarshRose": "._neuron.hindmarsh_rose",
        "HodgkinHuxley": "._neuron.hodgkin_huxley",
        "Izhikevich": "._neuron.izhikevich",
        "MorrisLecar": "._neuron.morris_lecar",
        "ParallelLIF": "._neuron.parallel_lif",
        "MaskedParallelSpiking": "._neuron.parallel_spiking",
        "ParallelSpiking": "._neuron.parallel_spiking",
        "SlidingParallelSpiking": "._neuron.parallel_spiking",
        "parametric_lif": "._neuron.parametric",
        "QIF": "._neuron.quadratic",
        "BalancedResonateAndFire": "._neuron.resonate_and_fire",
        "ResonateAndFire": "._neuron.resonate_and_fire",
        "RunningSum": "._neuron.sigma_delta",
        "SigmaDelta": "._neuron.sigma_delta",
        "SignedSigmaDelta": "._neuron.sigma_delta",
        "SpikeResponse": "._neuron.spike_response",
        "spiking_readout": "._neuron.spiking_readout",
        "WangBuzsaki": "._neuron.wang_buzsaki",
        "Boxcar": "._surrogate.boxcar",
        "Circular": "._surrogate.circular",
        "Damped": "._surrogate.damped",
        "Shifted": "._surrogate.damped",
        "FakeNumericalGradient": "._surrogate.fake_numerical_gradient",
        "FourierSquareWave": "._surrogate.fourier_square_wave",
        "Laplace": "._surrogate.laplace",
        "Slayer": "._surrogate.laplace",
        "LogAbs": "._surrogate.log_abs",
        "MultiGaussian": "._surrogate.multi_gaussian",
        "OneSided": "._surrogate.one_sided",
        "PeriodicExponential": "._surrogate.periodic_exponential",
        "QPseudoSpike": "._surrogate.q_pseudo_spike",
        "S2NN": "._surrogate.s2nn",
        "SoftSign": "._surrogate.soft_sign",
        "Tanh": "._surrogate.tanh",
        "Immediate": "._synapse._immediate",
        "AlphaSynapse": "._synapse.alpha",
        "DoubleExponentialSynapse": "._synapse.double_exponential",
        "NMDA": "._synapse.nmda",
        "AbstractOutput": "._synapse.output",
        "ConductanceOutput": "._synapse.output",
        "CurrentOutput": "._synapse.output",
        "MagnesiumBlock": "._synapse.output",
        "AMPA": "._synapse.receptor",
        "GABAA": "._synapse.receptor",
        "ShortTermDepression": "._synapse.short_term_plasticity",
        "ShortTermPlasticity": "._synapse.short_term_plasticity",
        "Memory": ".plan",
        "Part": ".plan",
        "Plan": ".plan",
        "explain": ".plan",
        "memory": ".plan",
        "Stream": ".stream",
    },
)

__version__ = _version("snnjax")
