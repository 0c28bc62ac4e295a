"""A state-space model whose layers talk in spikes."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from .._cell import AbstractCell
from .._container import Residual, Sequential
from .._errors import InputError
from .._misc import as_current, cast, resting, state_dtype
from .._neuron import LIF
from .._parameter import Param, Positive
from .._types import Key
from ._heads import AbstractHead, LinearHead
from ._parts import Norm, check_sizes, group_norm


class DiagonalStateSpaceState(eqx.Module):
    """State of a `DiagonalStateSpace`: the real and the imaginary parts of its modes."""

    u: Float[Array, "channels modes"]
    v: Float[Array, "channels modes"]


class DiagonalStateSpace(AbstractCell[DiagonalStateSpaceState]):
    """Every channel drives damped oscillations of its own, and puts out a weighted sum of them.

    ```
    a = -damping + i frequency                        of every mode, in the inverse unit of dt
    s = exp(dt a) s + (exp(dt a) - 1) / a * x         the exact solution for an x that is constant in a step
    out = sum over the modes of 2 Re(c s) + skip * x
    ```

    It is linear in its state: `unroll(..., kernel=snn.ParallelInTime())` computes all steps at once.

    **Arguments:**

    - `channels`: the number of inputs and of outputs, which do not mix.
    - `modes`: oscillations for each of them.
    - `shortest`, `longest`: the steps `dt` of the channels, relative to the time of the modes, are drawn between these,
        uniformly on a logarithmic scale: how long a channel remembers is about `2 / dt` steps.
    - `key`: a PRNG key.

    **Attributes:** `dt` `(channels, 1)` and `damping` `(channels, modes)`, both `Positive`; `frequency`, `c_real` and
    `c_imag` `(channels, modes)`; `skip` `(channels,)`. At first `damping = 1 / 2` and `frequency = pi n` for the modes
    n = 0, 1, ...

    Raises an `InputError` (a `ValueError`) for sizes below 1, and for inputs of another size.

    ```python
    import jax
    import snnjax as snn

    k1, k2 = jax.random.split(jax.random.key(0))
    cell, xs = snn.models.DiagonalStateSpace(4, 8, key=k1), jax.random.normal(k2, (50, 4))
    final, ys = snn.unroll(cell, xs, kernel=snn.ParallelInTime())
    ```

    Source: A. Gu, A. Gupta, K. Goel and C. Re, On the parameterization and initialization of diagonal state space
    models, 2022: S4D-Lin, with complex numbers as pairs.
    """

    dt: Param
    damping: Param
    frequency: Param
    c_real: Param
    c_imag: Param
    skip: Param

    def __init__(self, channels: int, modes: int = 16, shortest: float = 1e-3, longest: float = 1e-1, *, key: Array):
        check_sizes("DiagonalStateSpace", channels=channels, modes=modes)
        k1, k2, k3, k4 = jr.split(key, 4)
        low, high = math.log(shortest), math.log(longest)
        self.dt = Positive(jnp.exp(jr.uniform(k1, (channels, 1), minval=low, maxval=high)))
        self.damping = Positive(jnp.full((channels, modes), 0.5))
        self.frequency = jnp.broadcast_to(math.pi * jnp.arange(modes)[None].astype(float), (channels, modes))
        self.c_real, self.c_imag = jr.normal(k2, (channels, modes)), jr.normal(k3, (channels, modes))
        self.skip = jr.normal(k4, (channels,))

    def init_state(self, x: Any, *, key: Key = None) -> DiagonalStateSpaceState:
        del key
        channels, modes = cast(self.frequency, state_dtype(x)).shape
        if jnp.shape(x) != (channels,):
            raise InputError(
                f"DiagonalStateSpace was given one step of shape {jnp.shape(x)}; it takes ({channels},). Time is "
                f"axis 0 of the sequence, a batch is `jax.vmap` over `unroll`."
            )
        zeros = jnp.broadcast_to(resting(x)[:, None], (channels, modes))
        return DiagonalStateSpaceState(u=zeros, v=zeros)

    def __call__(
        self, state: DiagonalStateSpaceState, x: Float[Array, " channels"], *, key: Key = None
    ) -> tuple[DiagonalStateSpaceState, Float[Array, " channels"]]:
        del key
        dtype = state.u.dtype
        given = as_current(x, state.u)
        dt, damping, frequency = (cast(p, dtype) for p in (self.dt, self.damping, self.frequency))
        with jax.named_scope("snn.DiagonalStateSpace"):
            size, angle = jnp.exp(-dt * damping), dt * frequency
            real, imag = size * jnp.cos(angle), size * jnp.sin(angle)
            # (exp(dt a) - 1) / a, by the conjugate of a.
            square = jnp.square(damping) + jnp.square(frequency)
            b_real = (imag * frequency - (real - 1) * damping) / square
            b_imag = (-imag * damping - (real - 1) * frequency) / square
            drive = given[:, None]
            u = real * state.u - imag * state.v + b_real * drive
            v = imag * state.u + real * state.v + b_imag * drive
            out = 2 * jnp.sum(cast(self.c_real, dtype) * u - cast(self.c_imag, dtype) * v, axis=1)
            out = out + cast(self.skip, dtype) * given
            return DiagonalStateSpaceState(u=u, v=v), out.astype(x.dtype)


def state_space_network(
    in_features: int,
    classes: int,
    width: int = 128,
    depth: int = 4,
    modes: int = 16,
    neuron: AbstractCell = LIF(decay=0.5, normalise_input=True),
    norm: Norm = group_norm,
    head: AbstractHead = LinearHead(),
    *,
    key: Array,
) -> Sequential:
    """A spiking state-space model for long sequences: linear memory inside of the layers, spikes between them.

    `x = x + W neuron(state_space(norm(x)))` in each of `depth` blocks, behind a linear layer and in front of a norm and
    a head. What is multiplied by the matrices `W` are spikes.

    With a neuron that is never reset, such as `ParallelLIF`, nothing in it is sequential: with
    `unroll(..., kernel=snn.ParallelInTime())` all steps are computed at once.

    **Arguments:**

    - `in_features`, `classes`: numbers of inputs and outputs.
    - `width`: channels of a block.
    - `depth`: number of blocks.
    - `modes`: of every channel, see `DiagonalStateSpace`.
    - `neuron`: any elementwise cell; every layer gets parameters of its own.
    - `norm`: makes a layer from the number of channels.
    - `head`: `LinearHead()`, `LeakyHead()`, `PopulationHead()`.
    - `key`: a PRNG key for the weights.

    **Returns:** a cell from `(in_features,)` to `(classes,)`.

    Raises an `InputError` (a `ValueError`) for sizes below 1.

    ```python
    import jax
    import snnjax as snn

    k1, k2 = jax.random.split(jax.random.key(0))
    model = snn.models.state_space_network(2, 10, 16, 2, 4, snn.ParallelLIF(tau=2.0), key=k1)
    final, scores = snn.unroll(model, jax.random.normal(k2, (100, 2)), kernel=snn.ParallelInTime())
    assert scores.shape == (100, 10)
    ```

    Source: M. Stan and O. Rhodes, Learning long sequences in spiking neural networks, 2024, for spikes between layers
    of S4D.
    """
    sizes = {"in_features": in_features, "classes": classes, "width": width, "depth": depth, "modes": modes}
    check_sizes("state_space_network", **sizes)
    k1, k2, *keys = jr.split(key, 2 + depth)
    blocks = []
    for block_key in keys:
        k3, k4 = jr.split(block_key)
        memory, mix = DiagonalStateSpace(width, modes, key=k3), eqx.nn.Linear(width, width, key=k4)
        blocks.append(Residual(Sequential(norm(width), memory, neuron, mix)))
    first = eqx.nn.Linear(in_features, width, key=k1)
    return Sequential(first, *blocks, norm(width), head(width, classes, key=k2))
