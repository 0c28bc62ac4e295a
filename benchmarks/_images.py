"""Images of 8 x 8 pixels as constant currents over 6 steps, and their augmentation.

For training, an image is turned, stretched and sheared a little, and moved by up to about a pixel.
"""

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array

import snnjax as snn

STEPS, SIZE = 6, 8


def images(split: snn.data.Split, train: snn.data.Split) -> snn.data.Split:
    """The images of a split, `(example, 1, height, width)`."""
    del train
    return snn.data.Split(split.x.reshape(-1, 1, SIZE, SIZE), split.label, None)


def seen(image: Array, key: Array) -> Array:
    """The input of a network for one image, `(step, 1, height, width)`."""
    del key
    return snn.encode.direct(image, STEPS)


def varied(image: Array, key: Array) -> Array:
    """The same as another hand might have written it."""
    k1, k2 = jr.split(key)
    middle = (SIZE - 1) / 2
    grid = jnp.stack(jnp.meshgrid(jnp.arange(SIZE), jnp.arange(SIZE), indexing="ij")).reshape(2, -1) - middle
    change = jnp.eye(2) + 0.12 * jr.uniform(k1, (2, 2), minval=-1.0, maxval=1.0)
    moved = change @ grid + middle + 0.8 * jr.uniform(k2, (2, 1), minval=-1.0, maxval=1.0)
    pixels = jax.scipy.ndimage.map_coordinates(image[0], list(moved), order=1)
    return seen(pixels.reshape(image.shape), k2)
