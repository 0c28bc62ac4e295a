"""sinabs, whose layers take the whole sequence, batch first."""

import sinabs
import sinabs.layers as sl
import torch
from torch import nn

from ._torch import contestant, linear
from ._workload import TAU, Contestant, Workload


def make(workload: Workload) -> Contestant:
    def hidden(i):
        if workload.recurrent:
            return sl.LIFRecurrent(TAU, rec_connect=linear(workload.feedback[i]), norm_input=False)
        return sl.LIF(TAU, norm_input=False)

    weights = [linear(w) for w in workload.weights]
    if workload.is_layer:
        module = nn.Sequential(weights[0], hidden(0))
    else:
        readout = sl.ExpLeak(TAU, norm_input=False)
        module = nn.Sequential(weights[0], hidden(0), weights[1], hidden(1), weights[2], readout)
    xs = torch.from_numpy(workload.inputs).transpose(0, 1).contiguous()

    def run(xs):
        sinabs.reset_states(module)
        return module(xs).transpose(0, 1)

    run(xs)
    return contestant(workload, module, run, xs)
