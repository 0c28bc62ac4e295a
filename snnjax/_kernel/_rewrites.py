"""Elementary functions put together from others, for the compilers of kernels that lack them.

Each agrees with JAX's own to a few units in the last place, also at zero and at infinity, unless it says otherwise. They
are called inside of kernels, so they may use only what the backends that need them have.
"""

from typing import Any

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array


def expm1(x: Array, accuracy: Any = None) -> Array:
    """`exp(x) - 1`; what rounding `exp(x)` loses near zero is divided out again (W. Kahan's identity)."""
    del accuracy
    u = jnp.exp(x)
    far = (u == 1) | (u == 0) | (u == jnp.inf)
    near = (u - 1) * (x / jnp.log(jnp.where(far, 2.0, u)))
    return jnp.where(u == 1, x, jnp.where(far, u - 1, near))


def log1p(x: Array, accuracy: Any = None) -> Array:
    """`log(1 + x)`; near zero as `2 artanh(x / (2 + x))`, by its series."""
    del accuracy
    near = jnp.abs(x) < 0.25
    s = jnp.where(near, x, 0.0) / (2 + jnp.where(near, x, 0.0))
    series = jnp.zeros_like(x)
    for odd in range(19, 0, -2):
        series = series * (s * s) + 1 / odd
    return jnp.where(near, 2 * s * series, jnp.log(1 + x))


def integer_pow(x: Array, y: int) -> Array:
    """`x ** y` for a whole number, by repeated squaring."""
    if y < 0:
        return 1 / integer_pow(x, -y)
    result, power = None, x
    while y:
        if y & 1:
            result = power if result is None else result * power
        y >>= 1
        power = power * power if y else power
    return jnp.ones_like(x) if result is None else result


def power(x: Array, y: Array) -> Array:
    """`x ** y`; the relative error is that of `exp(y * log(abs(x)))`, so many roundings as its exponent is large."""
    y = y.astype(x.dtype)
    size = jnp.exp(y * jnp.log(jnp.abs(x)))
    half = y / 2
    is_whole, is_odd = jnp.round(y) == y, (jnp.round(y) == y) & (jnp.round(half) != half)
    negative = jnp.where(is_odd, -size, jnp.where(is_whole | (x == 0) | (x == -jnp.inf), size, jnp.nan))
    return jnp.where((y == 0) | (x == 1), 1.0, jnp.where(x < 0, negative, size))


def round_to_even(x: Array, rounding_method: Any = lax.RoundingMethod.TO_NEAREST_EVEN) -> Array:
    """The nearest whole number; halves go to the even one, or away from zero."""
    below = jnp.floor(x)
    rest = x - below
    if rounding_method == lax.RoundingMethod.TO_NEAREST_EVEN:
        up = below - 2 * jnp.floor(below / 2) == 1
    else:
        up = x > 0
    return jnp.where((rest > 0.5) | ((rest == 0.5) & up), below + 1, below)


def floor(x: Array) -> Array:
    """The next whole number below, by rounding."""
    nearest = jnp.round(x)
    return jnp.where(nearest > x, nearest - 1, nearest)


def ceil(x: Array) -> Array:
    """The next whole number above, by rounding."""
    return -floor(-x)


def sqrt(x: Array, accuracy: Any = None) -> Array:
    """The square root, by its reciprocal."""
    del accuracy
    return jnp.where((x == 0) | (x == jnp.inf), x, x * lax.rsqrt(x))


def is_finite(x: Array) -> Array:
    """Neither infinite nor NaN."""
    return jnp.abs(x) < jnp.inf


def logistic(x: Array, accuracy: Any = None) -> Array:
    """`1 / (1 + exp(-x))`."""
    del accuracy
    return 1 / (1 + jnp.exp(-x))


def arctan(x: Array, accuracy: Any = None) -> Array:
    """By the polynomial of Cephes below `tan(pi / 8)`, to which other angles are turned."""
    del accuracy
    size = jnp.abs(x)
    steep, middling = size > 2.414213562373095, size > 0.4142135623730950
    turned = jnp.where(steep, -1 / jnp.where(steep, size, 1.0), jnp.where(middling, (size - 1) / (size + 1), size))
    z = turned * turned
    series = ((8.05374449538e-2 * z - 1.38776856032e-1) * z + 1.99777106478e-1) * z - 3.33329491539e-1
    rest = series * z * turned + turned
    if x.dtype.itemsize > 4:  # a step of Newton's: the polynomial is one for 32 bits
        sine, cosine = jnp.sin(rest), jnp.cos(rest)
        rest = rest + (turned * cosine - sine) / (cosine + turned * sine)
    angle = rest + jnp.where(steep, jnp.pi / 2, jnp.where(middling, jnp.pi / 4, 0.0)).astype(x.dtype)
    return jnp.where(x < 0, -angle, jnp.where(x == 0, x, angle))


def arctan2(y: Array, x: Array) -> Array:
    """The angle of the point `(x, y)`; takes minus zero for zero, and knows no angle of two infinities."""
    angle = arctan(jnp.abs(y) / jnp.where(x == 0, 1.0, jnp.abs(x)))
    angle = jnp.where(x == 0, jnp.where(y == 0, 0.0, jnp.pi / 2).astype(x.dtype), angle)
    angle = jnp.where(x < 0, jnp.pi - angle, angle)
    return jnp.where(y < 0, -angle, angle)


def remainder(x: Array, y: Array) -> Array:
    """What a division that rounds towards zero leaves over; that of floats has the rounding error of `x`."""
    quotient = lax.div(x, y)
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return x - quotient * y
    size = jnp.abs(y)
    rest = jnp.abs(x) - floor(jnp.abs(quotient)) * size
    rest = jnp.where(rest < 0, rest + size, jnp.where(rest >= size, rest - size, rest))
    return jnp.where(x < 0, -rest, rest)


def invert(x: Array) -> Array:
    """`not x`."""
    return x ^ jnp.full(x.shape, True if x.dtype == jnp.bool_ else -1, x.dtype)


def polynomial(x: Array, *coefficients: Array, **shape: Any) -> Array:
    """By Horner's rule; the constant term comes first."""
    del shape
    *rest, result = coefficients
    for coefficient in reversed(rest):
        result = result * x + coefficient
    return result


def tan(x: Array, accuracy: Any = None) -> Array:
    """`sin(x) / cos(x)`."""
    del accuracy
    return jnp.sin(x) / jnp.cos(x)


def sinh(x: Array) -> Array:
    """`(exp(x) - exp(-x)) / 2` without cancellation near zero; infinite a little before its time."""
    u = expm1(jnp.abs(x))
    size = jnp.where(u == jnp.inf, u, (u + u / (u + 1)) / 2)
    return jnp.where(x < 0, -size, size)


def cosh(x: Array) -> Array:
    """`(exp(x) + exp(-x)) / 2`; infinite a little before its time."""
    u = jnp.exp(jnp.abs(x))
    return (u + 1 / u) / 2
