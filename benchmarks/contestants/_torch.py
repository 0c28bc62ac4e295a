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


def contestant(workload: Workload, module: nn.Module, run: Callable[[], Any]) -> Contestant:
    """`run()` puts out (steps, batch, n)."""
    labels = torch.from_numpy(workload.labels)

    def forward() -> Any:
        with torch.no_grad():
            return run()

    if workload.is_layer:

        def backward() -> Any:
            module.zero_grad()
            run().sum().backward()

    else:
        optimiser = torch.optim.Adam(module.parameters(), LEARNING_RATE)

        def backward() -> Any:
            optimiser.zero_grad()
            nn.functional.cross_entropy(run().amax(0), labels).backward()
            optimiser.step()

    return Contestant(forward, backward, lambda: float(forward().float().mean()) if workload.is_layer else float("nan"))
