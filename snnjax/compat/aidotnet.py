"""AiDotNet's `SpikingLayer`, by its names there, with the state as a value and any batch size.

Where the original keeps state and gradients inside the layer, here a layer is a cell: `layer(state, x)`, `unroll`,
`jax.grad`, `jax.vmap`. Threshold 0.5, hard reset, a refractory countdown in steps during which the membrane goes on
leaking but hears nothing. The other models are its explicit Euler steps, which begin at v = 0. Spikes have a surrogate
gradient, so that stacked layers train.
"""

import enum
import os
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PyTree

from .. import checkpoint, export
from .._cell import AbstractCell, AbstractSequenceCell, RunPart
from .._errors import InputError
from .._integrator import AbstractIntegrator, Drift, Euler
from .._misc import resting
from .._neuron import IF, LIF
from .._neuron.adex import AdEx
from .._neuron.hodgkin_huxley import HodgkinHuxley
from .._neuron.izhikevich import Izhikevich
from .._reset import ValueReset, ZeroReset
from .._surrogate import AbstractSpike, ATan, Sigmoid
from .._types import Key, Keys, Trajectory
from ._common import Prepared, Unchecked


class SpikingNeuronType(enum.Enum):
    """The neuron models of a `SpikingLayer`."""

    LeakyIntegrateAndFire = "LeakyIntegrateAndFire"
    IntegrateAndFire = "IntegrateAndFire"
    Izhikevich = "Izhikevich"
    AdaptiveExponential = "AdaptiveExponential"
    HodgkinHuxley = "HodgkinHuxley"


class CountdownState(eqx.Module):
    """State of a neuron with a refractory countdown."""

    state: PyTree
    countdown: Float[Array, "*shape"]


class _Countdown(AbstractCell[CountdownState]):
    """A neuron that hears nothing while a countdown runs; unlike `Refractory`, it goes on leaking."""

    cell: AbstractCell
    period: float

    def init_state(self, x: Any, *, key: Key = None) -> CountdownState:
        return CountdownState(state=self.cell.init_state(x, key=key), countdown=resting(x))

    def __call__(self, state: CountdownState, x: Any, *, key: Key = None) -> tuple[CountdownState, Any]:
        waits = state.countdown >= 0.001
        after, z = self.cell(state.state, jnp.where(waits, jnp.zeros_like(x), x), key=key)
        countdown = state.countdown - waits.astype(state.countdown.dtype)
        return CountdownState(after, jnp.where(z > 0, jnp.full_like(countdown, self.period), countdown)), z


class LatchState(eqx.Module):
    """State of a neuron with a latched output: 1 from a spike until the membrane is down again."""

    state: PyTree
    on: Float[Array, "*shape"]


class _Latch(AbstractCell[LatchState]):
    """The output goes to 1 above 0 mV and back below -30 mV: a run of ones, not one spike."""

    cell: AbstractCell
    surrogate: AbstractSpike

    is_neuron: ClassVar[bool] = True

    def init_state(self, x: Any, *, key: Key = None) -> LatchState:
        return LatchState(state=self.cell.init_state(x, key=key), on=resting(x))

    def __call__(self, state: LatchState, x: Any, *, key: Key = None) -> tuple[LatchState, Any]:
        after, _ = self.cell(state.state, x, key=key)
        z = self.surrogate.fire(after.v, 0.0)
        on = jnp.where(after.v < -30, jnp.zeros_like(z), state.on + (1 - state.on) * z)
        return LatchState(after, on), on.astype(x.dtype)


class _GatesFirst(AbstractIntegrator):
    """Euler, all variables but the membrane first; the membrane then hears their new values."""

    substeps: int = eqx.field(default=1, static=True)

    def advance(self, drift: Drift, state: Any, dt: Any) -> Any:
        moved = Euler().advance(drift, state, dt)
        gates_moved = eqx.tree_at(lambda s: s.v, moved, state.v)
        return eqx.tree_at(lambda s: s.v, moved, state.v + dt * drift(gates_moved).v)


def _neuron(kind: SpikingNeuronType, tau: float, refractory_period: float, surrogate: AbstractSpike) -> AbstractCell:
    if kind is SpikingNeuronType.HodgkinHuxley:
        cell = HodgkinHuxley(dt=0.01, integrator=_GatesFirst())
        start = {"v": 0.0, "n": 0.32, "m": 0.05, "h": 0.60}
        return _Latch(Prepared(cell, start), surrogate)
    if kind is SpikingNeuronType.Izhikevich:
        return Prepared(Izhikevich(dt=1.0, surrogate=surrogate), {"v": 0.0, "u": 0.0})
    if kind is SpikingNeuronType.AdaptiveExponential:
        cell = AdEx(
            capacitance=tau,
            leak_conductance=1.0,
            rest=0.0,
            rheobase=-50.0,
            slope_factor=2.0,
            tau_w=30.0,
            a=4.0,
            b=0.5,
            threshold=0.0,
            reset=ValueReset(value=-70.0),
            dt=1.0,
            integrator=Euler(),
            surrogate=surrogate,
        )
        return Prepared(cell, {"v": 0.0, "w": 0.0})
    options = {"threshold": 0.5 - 1e-4, "reset": ZeroReset(), "surrogate": surrogate}
    if kind is SpikingNeuronType.LeakyIntegrateAndFire:
        return _Countdown(LIF(decay=Unchecked(1 - 1 / tau), **options), refractory_period)
    return _Countdown(IF(**options), refractory_period)


class SpikingLayer(AbstractSequenceCell):
    """A dense layer of spiking neurons: `x @ weights + biases`, then the neuron model.

    **Arguments:**

    - `input_size`, `output_size`: the sizes.
    - `neuron_type`: a `SpikingNeuronType`, or its name.
    - `tau`: membrane time constant in steps, above 1 (of the leaky and the exponential model).
    - `refractory_period`: steps without input after a spike (of the leaky and the plain model; the others there have
        none).
    - `surrogate`: the spike function and its derivative; None for one that suits the model.
    - `key`: a PRNG key for the weights, uniform in [-0.1, 0.1] as there; biases are 0.
    - `scale`: half the width of the initial weights.

    Raises a `ValueError` for sizes below 1, an unknown model (the message lists them), and constants out of range.

    ```python
    import jax
    import jax.numpy as jnp
    import snnjax as snn
    from snnjax.compat.aidotnet import SpikingLayer

    layer = SpikingLayer(4, 3, "IntegrateAndFire", key=jax.random.key(0))
    assert layer.parameter_count == 15
    state, zs = snn.unroll(layer, jnp.ones((20, 4)))
    ```
    """

    weights: Float[Array, "inputs outputs"]
    biases: Float[Array, " outputs"]
    neuron: AbstractCell
    settings: tuple[tuple[str, Any], ...] = eqx.field(static=True)

    supports_training = True
    supports_gpu_execution = True
    supports_jit_compilation = True

    def __init__(
        self,
        input_size: int,
        output_size: int,
        neuron_type: SpikingNeuronType | str = SpikingNeuronType.LeakyIntegrateAndFire,
        tau: float = 10.0,
        refractory_period: float = 2.0,
        *,
        surrogate: AbstractSpike | None = None,
        scale: float = 0.1,
        key: Array,
    ):
        kind = _kind(neuron_type)
        if input_size < 1 or output_size < 1:
            raise ValueError(
                f"SpikingLayer was given the sizes {input_size} and {output_size}; it takes sizes of at least 1."
            )
        if not tau > 1 or not refractory_period >= 0:
            raise ValueError(
                f"SpikingLayer was given tau={tau} and refractory_period={refractory_period}; it takes tau above 1 "
                f"step and a period of at least 0 steps."
            )
        in_millivolts = kind.value in ("Izhikevich", "AdaptiveExponential", "HodgkinHuxley")
        default = Sigmoid(0.1, inclusive=kind.value != "HodgkinHuxley") if in_millivolts else ATan()
        self.weights = jr.uniform(key, (input_size, output_size), minval=-scale, maxval=scale)
        self.biases = jnp.zeros(output_size)
        self.neuron = _neuron(kind, tau, refractory_period, default if surrogate is None else surrogate)
        self.settings = (
            ("input_size", input_size),
            ("output_size", output_size),
            ("neuron_type", kind.value),
            ("tau", float(tau)),
            ("refractory_period", float(refractory_period)),
        )

    @property
    def parameter_count(self) -> int:
        """How many weights and biases there are."""
        return self.weights.size + self.biases.size

    def get_parameters(self) -> Float[Array, " parameters"]:
        """All weights row by row (a row per input), then the biases, as one vector."""
        return jnp.concatenate([self.weights.ravel(), self.biases])

    def update_parameters(self, parameters: Float[Array, " parameters"]) -> "SpikingLayer":
        """The layer with weights and biases from one vector, in the order of `get_parameters`."""
        if parameters.shape != (self.parameter_count,):
            raise InputError(
                f"update_parameters was given a vector of shape {parameters.shape}; this layer has "
                f"({self.parameter_count},) parameters: the weights row by row, then the biases."
            )
        weights, biases = jnp.split(parameters, [self.weights.size])
        return eqx.tree_at(lambda m: (m.weights, m.biases), self, (weights.reshape(self.weights.shape), biases))

    def apply_gradients(self, gradients: PyTree, learning_rate: float) -> "SpikingLayer":
        """The layer after a step of gradient descent; `gradients` is what `eqx.filter_grad` gives."""
        return eqx.apply_updates(self, jax.tree.map(lambda g: -learning_rate * g, gradients))

    def reset_state(self, state: PyTree) -> PyTree:
        """The state before the first step, for inputs of the same shape as those that made `state`."""
        example = jax.tree.leaves(state)[0]
        return self.neuron.init_state(jnp.zeros_like(example))

    def init_state(self, x: Any, *, key: Key = None) -> PyTree:
        return self.neuron.init_state(self._current(x), key=key)

    def __call__(self, state: PyTree, x: Any, *, key: Key = None) -> tuple[PyTree, Any]:
        return self.neuron(state, self._current(x), key=key)

    def scan(self, run: RunPart, state: PyTree, xs: Trajectory, keys: Keys) -> tuple[PyTree, Trajectory, PyTree]:
        # The product over all steps at once, outside of the time loop.
        return run("neuron", self.neuron, state, self._current(xs), keys)

    def _current(self, x: Any) -> Any:
        if isinstance(x, jax.ShapeDtypeStruct):
            return jax.ShapeDtypeStruct((*x.shape[:-1], self.biases.size), x.dtype)
        if x.shape[-1:] != self.weights.shape[:1]:
            raise InputError(
                f"SpikingLayer was given an input of shape {x.shape}; it takes ({self.weights.shape[0]},) per step. "
                f"A batch is `jax.vmap` over `unroll`."
            )
        product = x @ self.weights.astype(x.dtype)
        return product + jnp.broadcast_to(self.biases.astype(x.dtype), product.shape)

    def serialize(self, path: str | os.PathLike[str]) -> None:
        """Write parameters and settings to a file, at once and complete."""
        checkpoint.save(
            path, (self.weights, self.biases), metadata={**dict(self.settings), "dtype": str(self.weights.dtype)}
        )

    @classmethod
    def deserialize(cls, path: str | os.PathLike[str]) -> "SpikingLayer":
        """The layer in a file: same parameters, same settings; a surrogate of one's own must be put back."""
        settings = checkpoint.read_metadata(path)
        dtype = jnp.dtype(settings.pop("dtype"))
        layer = cls(**settings, key=jr.key(0))
        like = (layer.weights.astype(dtype), layer.biases.astype(dtype))
        (weights, biases), _ = checkpoint.load(path, like)
        return eqx.tree_at(lambda m: (m.weights, m.biases), layer, (weights, biases))

    def export_computation_graph(self, steps: int) -> bytes:
        """The layer over sequences of so many steps as a StableHLO artifact: see `snnjax.export.stablehlo`."""
        return export.stablehlo(self, (self.weights.shape[0],), steps, dtype=self.weights.dtype)


def _kind(given: SpikingNeuronType | str) -> SpikingNeuronType:
    if isinstance(given, SpikingNeuronType):
        return given
    if given not in SpikingNeuronType.__members__:
        raise ValueError(
            f"SpikingLayer.neuron_type was given {given!r}; it takes one of {', '.join(SpikingNeuronType.__members__)}."
        )
    return SpikingNeuronType[given]
