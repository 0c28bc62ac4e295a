"""What the PyTorch libraries share."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ._workload import LEARNING_RATE, Contestant, Workload


def linear(weight: Any, gain: float = 1.0) -> nn.Linear:
    """Of (inputs, outputs)."""
    layer = nn.Linear(*weight.shape, bias=False)
    layer.weight.data = torch.from_numpy(gain * weight.T.copy())
    return layer


def contestant(workload: Workload, module: nn.Module, run: Callable[[Any], Any], xs: Any) -> Contestant:
    """`run(xs)` puts out (steps, batch, n). On a GPU, where there is one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    module, xs, labels = module.to(device), xs.to(device), torch.from_numpy(workload.labels).to(device)

    def wait() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    def forward() -> Any:
        with torch.no_grad():
            outs = run(xs)
        wait()
        return outs

    if workload.is_layer:

        def backward() -> Any:
            module.zero_grad()
            run(xs).sum().backward()
            wait()

    else:
        optimiser = torch.optim.Adam(module.parameters(), LEARNING_RATE)

        def backward() -> Any:
            optimiser.zero_grad()
            nn.functional.cross_entropy(run(xs).amax(0), labels).backward()
            optimiser.step()
            wait()

    return Contestant(forward, backward, lambda: float(forward().float().mean()) if workload.is_layer else float("nan"))
