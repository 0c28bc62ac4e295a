"""Spoken words as sequences of 40 steps and 64 mel bands, and their augmentation.

A word is cut out of its recording where the energy is within e^4.5 of the loudest window, with a margin, and resampled
to 40 steps: speech rate and silence are gone. Energies are relative to the loudest, and end at e^-9 of it, below which
there is the noise of rooms. Their first and second slopes in time are further channels.

For training, a word is heard with another length of the vocal tract (frequencies times 0.89 to 1.13), through another
microphone (a smooth change of up to some e-folds over the bands), in noise, at another rate with another beginning and
end, and with stripes of time and frequency blanked. All is drawn anew for each example and epoch, in the training step.
"""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from _recordings import Recordings
from _warp import at, blank
from jaxtyping import Array

import snnjax as snn

STEPS, BANDS, LOWEST, HIGHEST = 40, 64, 50.0, 4000.0
DEPTH = 9.0  # in nepers of energy below the loudest
_LOUD, _MARGIN = 4.5, 0.1
_CENTRES = snn.data.mel_bands(BANDS, lowest=LOWEST, highest=HIGHEST)[1:-1]


def words(recordings: Recordings) -> np.ndarray:
    """The features of all recordings, `(example, step, band)`."""
    return np.stack([_word(sound, recordings.rate) for sound in recordings.sounds])


def _word(sound: np.ndarray, rate: int) -> np.ndarray:
    energy = snn.data.log_mel(sound, rate, bands=BANDS, hop=0.008, lowest=LOWEST, highest=HIGHEST, floor=1e-6)
    loudness = np.log(np.exp(energy).sum(1))
    loud = np.flatnonzero(loudness > loudness.max() - _LOUD)
    margin = 2 + _MARGIN * (loud[-1] + 1 - loud[0])
    steps = np.linspace(loud[0] - margin, loud[-1] + margin, STEPS)
    resampled = np.stack([np.interp(steps, np.arange(len(energy)), band) for band in energy.T], axis=1)
    return (resampled - np.quantile(resampled.max(1), 0.9)).astype(np.float32)


def _scaled(energy: Array) -> Array:
    """Relative to the loudest steps, from -0.6 to about 1.4."""
    loudest = jnp.sort(energy.max(1))[int(0.9 * STEPS)]
    return (jnp.maximum(energy - loudest, -DEPTH) + DEPTH) * (2 / DEPTH) - 0.6


def _slope(xs: Array) -> Array:
    """How fast it rises, by a line through five steps."""
    padded = jnp.pad(xs, ((2, 2), (0, 0)), mode="edge")
    return (2 * (padded[4:] - padded[:-4]) + padded[3:-1] - padded[1:-3]) / 5


def _channels(xs: Array) -> Array:
    slope = _slope(xs)
    return jnp.concatenate([xs, 2 * slope, 4 * _slope(slope)], axis=1)


def heard(energy: Array, key: Array) -> Array:
    """The input of a network for one word, `(step, 3 bands)`."""
    del key
    return _channels(_scaled(energy))


def varied(energy: Array, key: Array) -> Array:
    """The same as another speaker in another room might have said it."""
    k1, k2, k3, k4, k5 = jr.split(key, 5)
    other = _other_end(_noisy(_other_microphone(_other_tract(energy, k1), k2), k3), k4)
    return _channels(_blanked(_scaled(other), k5))


def _other_tract(energy: Array, key: Array) -> Array:
    stretch = jnp.exp(jr.uniform(key, (), minval=-0.12, maxval=0.12))
    bands = jnp.interp(jnp.asarray(_CENTRES, energy.dtype) * stretch, _CENTRES, jnp.arange(BANDS, dtype=energy.dtype))
    return at(energy.T, bands).T


def _other_microphone(energy: Array, key: Array) -> Array:
    band = jnp.linspace(-1, 1, BANDS)
    shapes = jnp.stack([band, 0.7 * jnp.cos(jnp.pi * band), 0.7 * jnp.sin(jnp.pi * band)])
    return energy + (jr.normal(key, (3,)) @ shapes)[None]


def _noisy(energy: Array, key: Array) -> Array:
    k1, k2, k3 = jr.split(key, 3)
    level, tilt = jr.uniform(k1, (), minval=-12.0, maxval=-4.0), 1.5 * jr.normal(k2)
    power = 0.3 + 0.7 * jr.exponential(k3, energy.shape)
    return jnp.logaddexp(energy, level + tilt * jnp.linspace(-1, 1, BANDS)[None] + jnp.log(power))


def _other_end(energy: Array, key: Array) -> Array:
    k1, k2 = jr.split(key)
    first, last = jr.uniform(k1, (2,), minval=-4.0, maxval=4.0)
    bend = jr.uniform(k2, (), minval=-0.12, maxval=0.12)
    time = jnp.linspace(0, 1, STEPS)
    return at(energy, first + (STEPS - 1 + last - first) * (time + bend * jnp.sin(jnp.pi * time)))


def _blanked(xs: Array, key: Array) -> Array:
    k1, k2, k3 = jr.split(key, 3)
    return blank(blank(blank(xs.T, 10.0, k1), 10.0, k2).T, 6.0, k3)
