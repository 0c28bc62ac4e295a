"""Confusion matrices."""

from collections.abc import Sequence

import numpy as np

from ._axes import AnyArray, Axes, add_title, finite, prepare


def confusion_matrix(matrix: AnyArray, *, class_names: Sequence[str] | None = None, ax: Axes | None = None) -> Axes:
    """Draws a confusion matrix: rows are true classes, columns predicted ones.

    Cells hold counts (left out beyond 25 classes); their colour is the share of the row, so that rare classes
    are seen too. The title is the accuracy, the sum of the diagonal over the sum of all.

    **Arguments:**

    - `matrix`: shape `(classes, classes)`; `matrix[i, j]` examples of class `i` were taken for class `j`.
    - `class_names`: one name per class; their numbers by default.

    **Returns:** the axes: `ax`, or those of a new figure. Raises a `ValueError` if the
    matrix is not square or holds NaN, negative or no counts.

    ```python
    import numpy as np, snnjax as snn
    ax = snn.plot.confusion_matrix(np.array([[9, 1], [2, 8]]), class_names=["left", "right"])
    ```
    """
    counts = finite("matrix", matrix)
    classes = len(np.atleast_1d(counts))
    if counts.shape != (classes, classes) or counts.min(initial=0) < 0 or counts.sum() == 0:
        raise ValueError(
            f"matrix has shape {counts.shape}, minimum {counts.min(initial=0):g} and sum {counts.sum():g}, but counts "
            ">= 0 of shape (classes, classes) are needed. Count at least one example: [true class, predicted class]."
        )
    names = [str(i) for i in range(classes)] if class_names is None else list(class_names)
    side = min(3 + 0.3 * classes, 9.0)
    ax = prepare(ax, height=side, width=side)
    of_row = counts.sum(axis=1, keepdims=True)
    shares = counts / np.where(of_row > 0, of_row, 1)
    ax.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    size = "small" if classes <= 12 else "xx-small"
    for (i, j), count in np.ndenumerate(counts) if classes <= 25 else ():
        # Zeros step back, so that the mistakes stand out.
        colour = "white" if shares[i, j] > 0.55 else "0.1" if count else "0.7"
        ax.text(j, i, f"{count:g}", ha="center", va="center", fontsize=size, color=colour)

    rotation = 90 if max(map(len, names)) > 3 else 0
    ax.set_xticks(range(classes), names, fontsize=size, rotation=rotation)
    ax.set_yticks(range(classes), names, fontsize=size)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    add_title(ax, None, f"accuracy {100 * np.trace(counts) / counts.sum():.1f} %")
    return ax
