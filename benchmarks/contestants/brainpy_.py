"""brainpy.state."""

from typing import Any

import brainpy.state as bp
import brainstate as bst
import braintools as bt
import brainunit as u
import jax
import jax.numpy as jnp

from ._jax import loss_of
from ._workload import LEARNING_RATE, TAU, Contestant, Workload

GAIN = 1 / 0.1  # a membrane there takes `1 - decay` of its input


def make(workload: Workload) -> Contestant:
    bst.environ.set(dt=1.0 * u.ms)

    def neuron(n: int) -> Any:
        return bp.LIF(
            n, R=1.0 * u.ohm, tau=TAU * u.ms, V_th=1.0 * u.mV, spk_fun=bt.surrogate.ReluGrad(), spk_reset="soft"
        )

    def linear(weight: Any) -> Any:
        layer = bst.nn.Linear(*weight.shape, b_init=None)
        layer.weight.value = {"weight": jnp.asarray(weight)}
        return layer

    class Network(bst.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            weights = workload.weights
            self.first, self.neuron = linear(weights[0]), neuron(weights[0].shape[1])
            if workload.is_layer:
                for i, weight in enumerate(weights[1:]):
                    setattr(self, f"linear_{i}", linear(weight))
                    setattr(self, f"neuron_{i}", neuron(workload.size))
            else:
                self.second, self.neuron_2 = linear(weights[1]), neuron(128)
                self.readout = bp.LeakyRateReadout(128, 20, tau=TAU * u.ms)
            if workload.recurrent:
                self.back, self.back_2 = (linear(w) for w in workload.feedback)

        def update(self, x: Any) -> Any:
            x = self.first(x)
            if workload.recurrent:
                x = x + self.back(self.neuron.get_spike())
            z = self.neuron(x * GAIN * u.mA)
            if workload.is_layer:
                for i in range(workload.depth - 1):
                    z = getattr(self, f"neuron_{i}")(getattr(self, f"linear_{i}")(z) * GAIN * u.mA)
                return z
            x = self.second(z)
            if workload.recurrent:
                x = x + self.back_2(self.neuron_2.get_spike())
            return self.readout(self.neuron_2(x * GAIN * u.mA))

    model, xs = Network(), jnp.asarray(workload.inputs)
    params = model.states(bst.ParamState)

    def run(xs: Any) -> Any:
        bst.nn.init_all_states(model, batch_size=workload.batch)
        return bst.transform.for_loop(model.update, xs)

    def loss(xs: Any) -> Any:
        return loss_of(workload, u.get_mantissa(run(xs)))

    forward = bst.transform.jit(run)
    if workload.is_layer:
        backward = bst.transform.jit(lambda xs: bst.transform.grad(lambda: loss(xs), params)())
    else:
        optimiser = bt.optim.Adam(LEARNING_RATE)
        optimiser.register_trainable_weights(params)

        @bst.transform.jit
        def backward(xs: Any) -> Any:
            gradient, value = bst.transform.grad(lambda: loss(xs), params, return_value=True)()
            optimiser.update(gradient)
            return value

    def step() -> Any:
        value = jax.block_until_ready(backward(xs))
        return value, jax.block_until_ready([state.value for state in params.values()])

    return Contestant(
        forward=lambda: jax.block_until_ready(forward(xs)),
        backward=step,
        rate=lambda: float(u.get_mantissa(forward(xs)).mean()) if workload.is_layer else float("nan"),
        lower=lambda what: {"forward": forward, "backward": backward}[what].lower(xs),
    )
