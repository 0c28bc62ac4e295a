"""SpikingJelly, multi-step mode: its projections run over all steps at once. There is no leaky readout; the currents of
the last layer are its output. The gradient of its reset is detached, which is its faster mode. On a GPU its loop over
time has several implementations."""

import os

import torch
from torch import nn

from ._torch import contestant
from ._workload import Contestant, Workload

TAU, GAIN = 10.0, 10.0  # v = v + (x - v) / tau


def make(workload: Workload, implementation: str = "auto") -> Contestant:
    os.environ["SJ_LIF_CUDA_IMPLEMENTATION"] = implementation  # read when it is imported
    from spikingjelly.activation_based import functional, layer, neuron

    def linear(weight):
        made = layer.Linear(*weight.shape, bias=False, step_mode="m")
        made.weight.data = torch.from_numpy(GAIN * weight.T.copy())
        return made

    def hidden(i):
        step_mode = "s" if workload.recurrent else "m"
        node = neuron.LIFNode(tau=TAU, v_reset=None, detach_reset=True, step_mode=step_mode)
        if not workload.recurrent:
            return node
        container = layer.LinearRecurrentContainer(node, 128, 128, bias=False)
        container.step_mode = "m"
        return container

    weights = [linear(w) for w in workload.weights]
    if workload.is_layer:
        module = nn.Sequential(weights[0], hidden(0))
    else:
        module = nn.Sequential(weights[0], hidden(0), weights[1], hidden(1), weights[2])
    xs = torch.from_numpy(workload.inputs)

    def run(xs):
        functional.reset_net(module)
        return module(xs)

    return contestant(workload, module, run, xs)
