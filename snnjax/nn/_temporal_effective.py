"""Batch norm over time and batch, and a trained factor for each step."""

from typing import Any

from .._container import Sequential
from ._batch_norm import ThresholdBatchNorm
from ._moments import AxisName
from ._steps import StepScale


def temporal_effective_batch_norm(
    size: int,
    num_steps: int,
    *,
    axis_name: AxisName = "batch",
    momentum: float = 0.9,
    eps: float = 1e-5,
    dtype: Any = None,
) -> Sequential:
    """Batch norm with one set of statistics for all steps, and a trained factor for each: TEBN.

    ```
    out[t] = p[t] * (weight * (x[t] - m) / sqrt(s + eps) + bias)          m, s: see `ThresholdBatchNorm`
    ```

    **Arguments:**

    - `size`: number of channels, axis 0 of a step's input.
    - `num_steps`: steps of the longest sequence.
    - `axis_name`, `momentum`, `eps`, `dtype`: see `ThresholdBatchNorm`.

    **Returns:** a cell: `ThresholdBatchNorm` with a threshold of 1, and `StepScale` for `p`.

    ```python
    import equinox as eqx
    import snnjax as snn

    norm, statistics = eqx.nn.make_with_state(snn.nn.temporal_effective_batch_norm)(5, num_steps=20)
    ```

    Source: C. Duan, J. Ding, S. Chen, Z. Yu and T. Huang, Temporal effective batch normalization in spiking neural
    networks, 2022, equations 7 and 8.
    """
    norm = ThresholdBatchNorm(size, axis_name=axis_name, momentum=momentum, eps=eps, dtype=dtype)
    return Sequential(norm, StepScale(num_steps, dtype=dtype))
