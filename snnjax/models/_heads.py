"""How a network puts out its classes."""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._cell import AbstractCell
from .._container import Sequential
from .._errors import InputError
from .._neuron import LI, LIF


class AbstractHead(eqx.Module):
    """Makes the last layers of a network: from a vector of features to one score per class, in every step.

    A sequence of scores is then read out by `snnjax.decode`, or by the losses.
    """

    @abc.abstractmethod
    def __call__(self, features: int, classes: int, *, key: Array) -> Any:
        """A layer or cell from `(features,)` to `(classes,)`."""


class LinearHead(AbstractHead):
    """A linear layer: the scores of a step. Their mean over time is the score of the sequence."""

    def __call__(self, features: int, classes: int, *, key: Array) -> eqx.nn.Linear:
        return eqx.nn.Linear(features, classes, key=key)


class LeakyHead(AbstractHead):
    """A linear layer and a leaky integrator of each class: the scores of a step remember those before.

    **Arguments:**

    - `neuron`: the integrator.
    """

    neuron: AbstractCell = LI()

    def __call__(self, features: int, classes: int, *, key: Array) -> Sequential:
        return Sequential(eqx.nn.Linear(features, classes, key=key), self.neuron)


class PopulationMean(eqx.Module):
    """The mean of every population: from `(classes * size,)`, those of a class side by side, to `(classes,)`.

    **Arguments:**

    - `size`: neurons of a population.

    Raises an `InputError` (a `ValueError`) for another number of neurons.
    """

    size: int = eqx.field(static=True)

    def __call__(self, x: Float[Array, " neurons"]) -> Float[Array, " classes"]:
        if x.shape[0] % self.size:
            raise InputError(
                f"PopulationMean was given {x.shape[0]} neurons for populations of {self.size}; it takes a "
                f"multiple of it."
            )
        return jnp.mean(x.reshape(-1, self.size), axis=1)


class PopulationHead(AbstractHead):
    """Population coding: several spiking neurons for each class; their mean is the score of a step.

    The rate of one neuron takes only as many values as there are steps; the mean of a population takes more, and a
    single silent neuron does not cost a class its gradient.

    **Arguments:**

    - `size`: neurons for each class.
    - `neuron`: any cell.

    ```python
    import jax
    import snnjax as snn

    k1, k2 = jax.random.split(jax.random.key(0))
    head = snn.models.PopulationHead(5, snn.LIF(tau=2.0))
    model = snn.models.recurrent_snn(8, (16,), 3, head=head, key=k1)
    final, rates = snn.unroll(model, jax.random.normal(k2, (20, 8)))
    assert rates.shape == (20, 3)
    ```

    Source: the voting layer of W. Fang, Z. Yu, Y. Chen, T. Masquelier, T. Huang and Y. Tian, Incorporating learnable
    membrane time constant to enhance learning of spiking neural networks, 2021.
    """

    size: int = 10
    neuron: AbstractCell = LIF(decay=0.5, normalise_input=True)

    def __check_init__(self) -> None:
        if self.size < 1:
            raise InputError(f"PopulationHead.size was given {self.size}; it takes at least one neuron for each class.")

    def __call__(self, features: int, classes: int, *, key: Array) -> Sequential:
        linear = eqx.nn.Linear(features, classes * self.size, key=key)
        return Sequential(linear, self.neuron, PopulationMean(self.size))
