"""What the options of a run stand for: data, model, losses, optimiser."""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from jaxtyping import Array, Float, PyTree

from .. import data, decode, encode
from .._container import Recurrent, Sequential
from .._neuron import ALIF, IF, LI, LIF, CubaLIF
from ..data import Dataset
from ..init import match_rates
from ..train import Classify
from ._config import Config


class Task(NamedTuple):
    """All that training needs. `training_loss` may see distorted inputs, `loss` never does."""

    dataset: Dataset
    model: PyTree
    optimiser: optax.GradientTransformation
    training_loss: Callable
    loss: Classify
    encode: Callable
    key: Array


class Distorted(eqx.Module):
    """A loss that sees every example through a random distortion."""

    loss: Classify
    distort: Callable

    def __call__(self, model: PyTree, example: Any, key: Array) -> tuple[Float[Array, ""], dict]:
        distort_key, loss_key = jr.split(key)
        x, *rest = example
        return self.loss(model, (self.distort(x, distort_key), *rest), loss_key)


def shift_image(x: Float[Array, "64"], key: Array) -> Float[Array, "64"]:
    """The 8x8 image moved by up to 0.7 pixels along each axis."""
    by = jr.uniform(key, (2,), x.dtype, minval=-0.7, maxval=0.7)
    image = x.reshape(8, 8)
    one = jnp.ones_like(by)
    moved = jax.image.scale_and_translate(image, (8, 8), (0, 1), one, by, "linear", antialias=False)
    return jnp.clip(moved, 0, 1).reshape(64)


def add_noise(x: Float[Array, "time channels"], key: Array) -> Float[Array, "time channels"]:
    """The sequence with a third of a standard deviation of noise on every value."""
    return x + 0.3 * jr.normal(key, x.shape, x.dtype)


def _neuron(name: str) -> Any:
    return {
        "if": lambda: IF(),
        "lif": lambda: LIF(tau=4.0),
        "cubalif": lambda: CubaLIF(tau=4.0, tau_i=2.0),
        "alif": lambda: ALIF(tau=4.0, tau_a=20.0),
    }[name]()


def _digits(config: Config, keys: Iterator[Array]) -> tuple[Dataset, list, Callable]:
    """Feed-forward: every image is shown for some steps."""
    steps = config.steps
    encoder = {
        "direct": lambda x, key: encode.direct(x, steps),
        "rate": lambda x, key: encode.rate(x, steps, key=key),
        "latency": lambda x, key: encode.latency(x, steps),
    }[config.encoding]
    layers, width = [], 64
    for hidden in config.hidden:
        layers += [eqx.nn.Linear(width, hidden, key=next(keys)), _neuron(config.neuron)]
        width = hidden
    return data.load("digits"), layers, encoder


def _vowels(config: Config, keys: Iterator[Array]) -> tuple[Dataset, list, Callable]:
    """Recurrent: every frame is shown for some steps, its channels scaled by the training data."""
    dataset = _standardised(data.load("vowels"), config.steps)
    steps, delta = config.steps, config.encoding == "delta"
    layers, width = [], 24 if delta else 12

    def encoder(x: Array, key: Array) -> Array:
        frames = encode.delta(x, 0.1).reshape(x.shape[0], -1) if delta else x
        return jnp.repeat(frames, steps, axis=0)

    for hidden in config.hidden:
        feedback = eqx.nn.Linear(hidden, hidden, use_bias=False, key=next(keys))
        layers += [
            eqx.nn.Linear(width, hidden, key=next(keys)),
            Recurrent(_neuron(config.neuron), feedback),
            eqx.nn.Dropout(0.3),
        ]
        width = hidden
    return dataset, layers, encoder


def _standardised(dataset: Dataset, steps: int) -> Dataset:
    """Channels with mean 0 and deviation 1 over the training frames; masks for `steps` steps a frame."""
    frames = dataset.train.x[np.asarray(dataset.train.mask)]
    mean, deviation = frames.mean(axis=0), frames.std(axis=0)

    def scale(split: data.Split) -> data.Split:
        mask = np.asarray(split.mask)
        x = np.where(mask[..., None], (split.x - mean) / deviation, 0).astype(np.float32)
        return split._replace(x=x, mask=np.repeat(mask, steps, axis=1))

    return dataset._replace(train=scale(dataset.train), test=scale(dataset.test))


def build(config: Config) -> Task:
    """Data, initial model, losses and optimiser of a run, all decided by its options."""
    model_key, sample_key, train_key = jr.split(jr.key(config.seed), 3)
    keys = iter(jr.split(model_key, 2 * len(config.hidden) + 1))
    dataset, layers, encoder = (_digits if config.task == "digits" else _vowels)(config, keys)
    readout = eqx.nn.Linear(config.hidden[-1], dataset.num_classes, key=next(keys))
    model = Sequential(*layers, readout, LI(tau=8.0))

    sample = dataset.train.x[:64]
    sample_keys = jr.split(sample_key, len(sample))
    model = match_rates(model, jax.vmap(encoder)(jnp.asarray(sample), sample_keys), key=sample_key)

    steps = config.epochs * math.ceil(len(dataset.train.label) / config.batch_size)
    schedule = optax.cosine_decay_schedule(config.learning_rate, steps)
    loss = Classify(readout=decode.mean_membrane, encode=encoder)
    smoothed = Classify(readout=decode.mean_membrane, encode=encoder, smoothing=0.1)
    distort = {"digits": shift_image, "vowels": add_noise}[config.task]
    training_loss = Distorted(smoothed, distort)
    return Task(dataset, model, optax.adamw(schedule), training_loss, loss, encoder, train_key)
