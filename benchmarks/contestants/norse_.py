"""Norse, with its box cells, which have no synaptic current, stepped in Python; the recurrent cell has a current."""

import norse.torch as norse
import torch

from ._torch import contestant, linear
from ._workload import Contestant, Workload

STEP = 1e-3  # 1 - decay = STEP * 100 per second
GAIN = 10.0


def make(workload: Workload) -> Contestant:
    weights = [linear(w, GAIN) for w in workload.weights]
    p = norse.LIFBoxParameters(tau_mem_inv=torch.tensor(100.0), reset_method=norse.functional.reset.reset_subtract)

    def hidden():
        return norse.LIFRecurrentCell(128, 128, dt=STEP) if workload.recurrent else norse.LIFBoxCell(p, dt=STEP)

    if workload.is_layer:
        module = norse.SequentialState(weights[0], hidden())
    else:
        readout = norse.LIBoxCell(dt=STEP)
        module = norse.SequentialState(weights[0], hidden(), weights[1], hidden(), weights[2], readout)
    xs = torch.from_numpy(workload.inputs)

    def run(xs):
        state, outs = None, []
        for x in xs:
            out, state = module(x, state)
            outs.append(out)
        return torch.stack(outs)

    return contestant(workload, module, run, xs)
