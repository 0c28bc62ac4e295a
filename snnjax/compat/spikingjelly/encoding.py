"""SpikingJelly's encoders: those without parameters as functions, the populations as modules.

The functions take an input of any shape in [0, 1] and put out spikes with time on axis 0. The populations hold trained
receptive fields, and take one observation of any values.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from ..._errors import InputError
from ..._types import Key
from ..._unroll import unroll
from .neurons import IFNode
from .surrogate import DeterministicPass, PoissonPass


def latency(x: Float[Array, "*shape"], T: int, enc_function: str = "linear") -> Float[Array, "time *shape"]:
    """One spike per value, the earlier the larger it is: `LatencyEncoder`.

    At `round((T - 1) (1 - x))`, or at `round(T - 1 - log(alpha x + 1))`, `alpha = exp(T - 1) - 1`, with 'log'.
    """
    if enc_function == "linear":
        times = (T - 1.0) * (1.0 - x)
    elif enc_function == "log":
        times = T - 1.0 - jnp.log(jnp.expm1(jnp.asarray(T - 1.0, x.dtype)) * x + 1.0)
    else:
        raise ValueError(f"latency was given enc_function={enc_function!r}; it takes 'linear' or 'log'.")
    return jax.nn.one_hot(jnp.round(times).astype(jnp.int32), T, axis=0, dtype=x.dtype)


def weighted_phase(x: Float[Array, "*shape"], K: int) -> Float[Array, "time *shape"]:
    """The binary digits of every value, the highest first: `WeightedPhaseEncoder`, for values up to `1 - 2^-K`."""
    rest, digits = x, []
    for i in range(K):
        weight = 0.5 ** (i + 1)
        digits.append((rest >= weight).astype(x.dtype))
        rest = rest - weight * digits[-1]
    return jnp.stack(digits)


def periodic(spike: Float[Array, "period *shape"], T: int) -> Float[Array, "time *shape"]:
    """A spike train again and again: `PeriodicEncoder`."""
    return spike[jnp.arange(T) % len(spike)]


def poisson(x: Float[Array, "*shape"], T: int, *, key: Key) -> Float[Array, "time *shape"]:
    """A spike with probability `x` in every step: `PoissonEncoder`."""
    if key is None:
        raise InputError("poisson draws random spikes and was given no key; it takes a PRNG key.")
    drawn = jr.uniform(key, (T, *x.shape), x.dtype)
    return (drawn <= jnp.broadcast_to(x, drawn.shape)).astype(x.dtype)


class _Population(eqx.Module):
    """Gaussian receptive fields, `pop_dim` for each of `obs_dim` numbers, with trained centres and widths."""

    mean: Float[Array, "numbers fields"]
    std: Float[Array, "numbers fields"]

    def __init__(self, obs_dim: int, pop_dim: int, mean_range: tuple[float, float], std: float):
        if not std > 0 or obs_dim < 1 or pop_dim < 1:
            raise ValueError(
                f"a population was given obs_dim={obs_dim}, pop_dim={pop_dim} and std={std}; it takes whole numbers of "
                f"at least 1, and a width above 0. A narrow field has a small width."
            )
        centres = jnp.linspace(float(mean_range[0]), float(mean_range[1]), pop_dim)
        self.mean = jnp.broadcast_to(centres, (obs_dim, pop_dim))
        self.std = jnp.full((obs_dim, pop_dim), float(std))

    def activity(self, obs: Float[Array, " numbers"]) -> Float[Array, " neurons"]:
        if obs.shape != self.mean.shape[:1]:
            raise InputError(
                f"a population was given an observation of shape {obs.shape}; it takes one example, "
                f"{self.mean.shape[:1]}. A batch is `jax.vmap`."
            )
        distance = (obs[:, None] - self.mean.astype(obs.dtype)) / self.std.astype(obs.dtype)
        return jnp.exp(-0.5 * distance**2).reshape(-1)


class PopEncoder(eqx.Module):
    """Population code: the activity of receptive fields, as a constant current.

    ```
    activity = exp(-1/2 * ((obs - mean) / std)^2)     for each number of the observation, and each of its fields
    ```

    **Arguments:**

    - `obs_dim`: numbers in an observation.
    - `pop_dim`: receptive fields of each of them.
    - `spike_ts`: how many steps.
    - `mean_range`: the first and the last centre; the others lie evenly between them.
    - `std`: the width at first. Centres and widths are trained, one for each field of each number.

    Called with one observation `(obs_dim,)`, it puts out `(spike_ts, obs_dim * pop_dim)`. Raises a `ValueError` for
    values out of range, and an `InputError` for other shapes.

    ```python
    import jax.numpy as jnp
    from snnjax.compat.spikingjelly import encoding

    encode = encoding.PopEncoder(obs_dim=1, pop_dim=3, spike_ts=2, mean_range=(-1.0, 1.0), std=0.1)
    assert encode(jnp.zeros(1))[:, 1].tolist() == [1.0, 1.0]
    ```

    Source: G. Tang et al., Deep reinforcement learning with population-coded spiking neural network for continuous
    control, 2020.
    """

    population: _Population
    spike_ts: int = eqx.field(static=True)

    def __init__(self, obs_dim: int, pop_dim: int, spike_ts: int, mean_range: tuple[float, float], std: float):
        self.population, self.spike_ts = _Population(obs_dim, pop_dim, mean_range, std), spike_ts

    def __call__(self, obs: Float[Array, " numbers"]) -> Float[Array, "time neurons"]:
        activity = self.population.activity(obs)
        return jnp.broadcast_to(activity, (self.spike_ts, *activity.shape))


class PopSpikeEncoderDeterministic(eqx.Module):
    """Population code in spikes: each activity of a `PopEncoder` drives an `IFNode` with the threshold 0.999.

    The derivative of a spike is 1, and nothing flows through the reset. Arguments, output and errors are those of
    `PopEncoder`.

    ```python
    import jax.numpy as jnp
    from snnjax.compat.spikingjelly import encoding

    encode = encoding.PopSpikeEncoderDeterministic(1, 3, 2, (-1.0, 1.0), 0.1)
    assert encode(jnp.zeros(1)).tolist() == [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]
    ```

    Source: G. Tang et al., Deep reinforcement learning with population-coded spiking neural network for continuous
    control, 2020.
    """

    encoder: PopEncoder

    def __init__(self, obs_dim: int, pop_dim: int, spike_ts: int, mean_range: tuple[float, float], std: float):
        self.encoder = PopEncoder(obs_dim, pop_dim, spike_ts, mean_range, std)

    def __call__(self, obs: Float[Array, " numbers"]) -> Float[Array, "time neurons"]:
        return unroll(IFNode(0.999, None, DeterministicPass(), True), self.encoder(obs))[1]


class PopSpikeEncoderRandom(eqx.Module):
    """Population code in random spikes: each activity of a `PopEncoder` is the probability of a spike.

    The derivative of a spike is 1. Arguments, output and errors are those of `PopEncoder`; a call without a key raises
    an `InputError` too.

    ```python
    import jax
    import jax.numpy as jnp
    from snnjax.compat.spikingjelly import encoding

    encode = encoding.PopSpikeEncoderRandom(1, 3, 2, (-1.0, 1.0), 0.1)
    assert encode(jnp.zeros(1), key=jax.random.key(0))[:, 1].tolist() == [1.0, 1.0]
    ```

    Source: G. Tang et al., Deep reinforcement learning with population-coded spiking neural network for continuous
    control, 2020.
    """

    encoder: PopEncoder

    def __init__(self, obs_dim: int, pop_dim: int, spike_ts: int, mean_range: tuple[float, float], std: float):
        self.encoder = PopEncoder(obs_dim, pop_dim, spike_ts, mean_range, std)

    def __call__(self, obs: Float[Array, " numbers"], *, key: Key = None) -> Float[Array, "time neurons"]:
        return PoissonPass()(self.encoder(obs), key=key)
