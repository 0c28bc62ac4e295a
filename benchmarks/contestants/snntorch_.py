"""snnTorch, stepped in Python, which is its documented way."""

import snntorch
import torch
from torch import nn

from ._torch import contestant, linear
from ._workload import DECAY, Contestant, Workload


def make(workload: Workload) -> Contestant:
    weights = [linear(w) for w in workload.weights]
    if workload.is_layer:
        neurons = [snntorch.Leaky(beta=DECAY)]
    else:
        neurons = [
            snntorch.RLeaky(beta=DECAY, linear_features=128) if workload.recurrent else snntorch.Leaky(beta=DECAY)
            for _ in range(2)
        ]
        neurons.append(snntorch.Leaky(beta=DECAY, reset_mechanism="none"))
    module = nn.ModuleList([*weights, *neurons])
    xs = torch.from_numpy(workload.inputs)

    def run(xs):
        states = [n.init_rleaky() if isinstance(n, snntorch.RLeaky) else (n.init_leaky(),) for n in neurons]
        outs = []
        for x in xs:
            for i, (weight, neuron) in enumerate(zip(weights, neurons, strict=True)):
                after = neuron(weight(x), *states[i])
                x = after[0]
                states[i] = after if isinstance(neuron, snntorch.RLeaky) else after[1:]
            outs.append(x if workload.is_layer else states[-1][-1])
        return torch.stack(outs)

    return contestant(workload, module, run, xs)
