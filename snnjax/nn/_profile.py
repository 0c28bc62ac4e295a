"""How the probability of a synapse falls with the distance."""

import equinox as eqx
import numpy as np


def _check(profile: "GaussianProfile | ExponentialProfile | DiscProfile", scale: float, peak: float) -> None:
    if not (scale > 0 and 0 < peak <= 1):
        raise ValueError(
            f"{type(profile).__name__} was given a width of {scale} and a peak of {peak}; it takes a width above 0, in "
            f"the unit of the positions, and a peak above 0 and up to 1."
        )


class GaussianProfile(eqx.Module):
    """`peak * exp(-distance^2 / (2 scale^2))`, for `distance_dependent`.

    **Arguments:**

    - `scale`: the standard deviation, in the unit of the positions.
    - `peak`: the probability at distance 0.

    Raises a `ValueError` for values out of range.

    ```python
    import numpy as np
    import snnjax as snn

    assert snn.nn.GaussianProfile(scale=2.0, peak=0.5)(np.array([0.0])) == 0.5
    ```
    """

    scale: float
    peak: float = 1.0

    def __check_init__(self) -> None:
        _check(self, self.scale, self.peak)

    def __call__(self, distance: np.ndarray) -> np.ndarray:
        return self.peak * np.exp(-np.square(distance / self.scale) / 2)


class ExponentialProfile(eqx.Module):
    """`peak * exp(-distance / scale)`, for `distance_dependent`.

    **Arguments:**

    - `scale`: the length over which the probability falls to 37 %, in the unit of the positions.
    - `peak`: the probability at distance 0.

    Raises a `ValueError` for values out of range.

    ```python
    import numpy as np
    import snnjax as snn

    assert snn.nn.ExponentialProfile(scale=2.0)(np.array([2.0])) == np.exp(-1)
    ```
    """

    scale: float
    peak: float = 1.0

    def __check_init__(self) -> None:
        _check(self, self.scale, self.peak)

    def __call__(self, distance: np.ndarray) -> np.ndarray:
        return self.peak * np.exp(-distance / self.scale)


class DiscProfile(eqx.Module):
    """`peak` up to `radius`, 0 beyond, for `distance_dependent`: with `peak=1` all that is near, and nothing else.

    **Arguments:**

    - `radius`: in the unit of the positions.
    - `peak`: the probability inside.

    Raises a `ValueError` for values out of range.

    ```python
    import numpy as np
    import snnjax as snn

    assert snn.nn.DiscProfile(radius=1.5)(np.array([0.0, 1.5, 2.0])).tolist() == [1, 1, 0]
    ```
    """

    radius: float
    peak: float = 1.0

    def __check_init__(self) -> None:
        _check(self, self.radius, self.peak)

    def __call__(self, distance: np.ndarray) -> np.ndarray:
        return np.where(distance <= self.radius, self.peak, 0.0)
