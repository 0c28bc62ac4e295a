"""Features of speech: the energies of a sound in bands of the mel scale."""

import math

import numpy as np
from jaxtyping import Float, Float32, Real

from .._errors import InputError


def _mel(hertz: float | int) -> float:
    return 2595 * math.log10(1 + hertz / 700)


def mel_bands(bands: int, *, lowest: float | int = 0.0, highest: float | int = 4000.0) -> Float[np.ndarray, " corners"]:
    """The corners of overlapping bands that are equally wide on the mel scale, in Hz.

    `mel(f) = 2595 log10(1 + f / 700)`. Band `b` begins at corner `b`, peaks at `b + 1` and ends at `b + 2`.

    **Arguments:**

    - `bands`: how many, at least 1.
    - `lowest`, `highest`: where the first begins and the last ends, in Hz.

    **Returns:** the `bands + 2` corners in Hz, rising.

    Raises an `InputError` for no bands, or an empty range.

    ```python
    import snnjax as snn

    corners = snn.data.mel_bands(64, highest=4000.0)
    assert corners.shape == (66,) and abs(corners[-1] - 4000.0) < 1e-9
    ```

    Source of the scale: D. O'Shaughnessy, Speech communication: human and machine, 1987.
    """
    if bands < 1:
        raise InputError(f"mel_bands.bands was given {bands}; it takes a number of at least 1.")
    if not 0 <= lowest < highest:
        raise InputError(
            f"mel_bands was given lowest={lowest} and highest={highest}; it takes 0 <= lowest < highest, in Hz."
        )
    mels = np.linspace(_mel(lowest), _mel(highest), bands + 2)
    return 700 * (10 ** (mels / 2595) - 1)


def _filters(
    corners: Float[np.ndarray, " corners"], hertz: Float[np.ndarray, " bins"]
) -> Float[np.ndarray, "bins bands"]:
    """Triangles of height 1, at the frequencies of a spectrum."""
    left, centre, right = corners[:-2], corners[1:-1], corners[2:]
    rising = (hertz[:, None] - left) / (centre - left)
    falling = (right - hertz[:, None]) / (right - centre)
    return np.maximum(0, np.minimum(rising, falling))


def log_mel(
    signal: Real[np.ndarray, " samples"],
    rate: float | int,
    *,
    bands: int = 64,
    window: float = 0.032,
    hop: float = 0.01,
    lowest: float | int = 0.0,
    highest: float | int | None = None,
    floor: float = 1e-10,
) -> Float32[np.ndarray, "time bands"]:
    """The logarithms of a sound's energies in bands of the mel scale, one row per `hop` seconds.

    A row is a window of the sound, weighted by a Hann window, its power spectrum, summed under triangles
    (see `mel_bands`), and `log(floor + energy)`. Windows lie inside the sound: a sound of `s` seconds has
    `1 + floor((s - window) / hop)` rows, and one that is shorter than a window is filled up with zeros.

    A spectrum has at least four times as many points as a window, and at least two for every half of a band.

    **Arguments:**

    - `signal`: the sound, shape `(samples,)`; integers are taken as they are.
    - `rate`: samples per second.
    - `bands`: the number of bands.
    - `window`, `hop`: length of a window, and the time from one to the next, in seconds.
    - `lowest`, `highest`: the range of the bands in Hz; None is half of `rate`.
    - `floor`: an energy that is added everywhere, so that silence is finite.

    **Returns:** the features, shape `(time, bands)`.

    Raises an `InputError` for a signal that is empty, not of one axis or not finite, and for values out of range.

    ```python
    import numpy as np
    import snnjax as snn

    time = np.arange(8000) / 8000
    features = snn.data.log_mel(np.sin(2 * np.pi * 1000 * time), 8000.0)
    assert features.shape == (97, 64)
    corners = snn.data.mel_bands(64, highest=4000.0)
    assert corners[features[0].argmax()] < 1000 < corners[features[0].argmax() + 2]
    ```

    Source: S. Davis and P. Mermelstein, Comparison of parametric representations for monosyllabic word recognition in
    continuously spoken sentences, 1980 (bands of the mel scale; without their cosine transform).
    """
    _check(signal, rate, window, hop, floor)
    highest = rate / 2 if highest is None else highest
    if highest > rate / 2:
        raise InputError(
            f"log_mel was given highest={highest} for {rate} samples per second; it takes at most {rate / 2}, half of "
            f"the rate."
        )
    corners = mel_bands(bands, lowest=lowest, highest=highest)
    size, step = max(1, round(window * rate)), max(1, round(hop * rate))
    sound = np.asarray(signal, np.float64)
    sound = np.pad(sound, (0, max(0, size - sound.size)))
    frames = np.lib.stride_tricks.sliding_window_view(sound, size)[::step]
    # A triangle that falls between two points of the spectrum would hear nothing.
    points = max(4 * size, math.ceil(2 * rate / np.min(np.diff(corners))))
    points = 1 << (points - 1).bit_length()
    spectrum = np.fft.rfft(frames * np.hanning(size + 2)[1:-1], points)
    energy = np.abs(spectrum) ** 2 @ _filters(corners, np.fft.rfftfreq(points, 1 / rate))
    return np.log(floor + energy).astype(np.float32)


def _check(signal: np.ndarray, rate: float | int, window: float, hop: float, floor: float) -> None:
    if signal.ndim != 1 or not signal.size or not np.all(np.isfinite(signal)):
        raise InputError(
            f"log_mel was given a signal of shape {signal.shape}; it takes one of shape (samples,), with at least one "
            f"sample, all of them finite. Give the channels one by one."
        )
    for name, value in {"rate": rate, "window": window, "hop": hop, "floor": floor}.items():
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"log_mel.{name} was given {value}; it takes a finite number above 0.")
