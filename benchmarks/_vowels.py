"""Utterances of a vowel as sequences of 32 steps, and their augmentation.

The 12 cepstrum coefficients are standardised by mean and deviation of the training split, and an utterance of 7 to 29
steps is resampled to 32. For training, up to 15 % are cut off at both ends, and noise is added.
"""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from _warp import at
from jaxtyping import Array

import snnjax as snn

STEPS = 32


def utterances(split: snn.data.Split, train: snn.data.Split) -> snn.data.Split:
    """The utterances of a split, `(example, step, coefficient)`."""
    assert split.mask is not None
    assert train.mask is not None
    frames = train.x[train.mask]
    xs = [_resampled((x[mask] - frames.mean(0)) / frames.std(0)) for x, mask in zip(split.x, split.mask, strict=True)]
    return snn.data.Split(np.stack(xs), split.label, None)


def _resampled(x: np.ndarray) -> np.ndarray:
    steps = np.linspace(0, len(x) - 1, STEPS)
    return np.stack([np.interp(steps, np.arange(len(x)), c) for c in x.T], axis=1).astype(np.float32)


def heard(xs: Array, key: Array) -> Array:
    """The input of a network for one utterance."""
    del key
    return xs


def varied(xs: Array, key: Array) -> Array:
    """A part of it, in noise."""
    k1, k2 = jr.split(key)
    first, last = 0.15 * (STEPS - 1) * jnp.maximum(0, jr.uniform(k1, (2,), minval=-1.0, maxval=1.0))
    part = at(xs, jnp.linspace(first, STEPS - 1 - last, STEPS))
    return part + 0.6 * jr.normal(k2, xs.shape)
