"""The loss of a classifier."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.random as jr
from jaxtyping import Array, Float, PyTree

from .. import decode
from .._loop import BPTT, AbstractLoop
from .._probe import observations, probe
from .._statistics import held, updated_by
from .._unroll import unroll
from ..losses import cross_entropy
from ..metrics import firing_rate, is_correct


def _outputs_and_spikes(state: Any, out: Any) -> tuple[Any, dict[str, Array]]:
    return out, {name: seen.out for name, seen in observations(state).items() if seen.spiking}


class Classify(eqx.Module):
    """The loss of a classifier: unroll, read out one score per class, cross-entropy.

    Called as `value, metrics = loss(model, example, key)`. The metrics are `accuracy` and, under `rates`, the
    mean firing rate of every spiking layer; and for a model with its statistics inside, under `statistics`, what these
    are after the example.

    **Arguments:**

    - `readout`: a decoder from `snnjax.decode`, called as `readout(ys, mask)`.
    - `encode`: a function `(x, key) -> xs` that makes the input sequence of one example; None takes the
        example as it is.
    - `loop`: how the backward pass goes through time.
    - `smoothing`: label smoothing, from 0 to below 1.
    - `penalty`: a function `(zs, mask) -> scalar` of the spikes of one layer, `(time, *neurons)`, such as
        `losses.rate_bounds` with its bounds and a weight, or None. Its sum over all spiking layers is added to the
        loss, and is in the metrics under `penalty`.

    An example is `(x, label)` or `(x, label, mask)`.

    ```python
    import equinox as eqx
    import jax
    import snnjax as snn

    key = jax.random.key(0)
    model = snn.Sequential(eqx.nn.Linear(8, 3, key=key), snn.LI())
    loss = snn.train.Classify(encode=lambda x, key: snn.encode.direct(x, 16))
    value, metrics = loss(model, (jax.random.uniform(key, (8,)), 2), key)
    ```
    """

    readout: Callable = decode.max_membrane
    encode: Callable | None = None
    loop: AbstractLoop = BPTT()
    smoothing: float = 0.0
    penalty: Callable | None = None

    def logits(self, model: PyTree, example: Any, key: Array) -> tuple[Float[Array, " classes"], dict[str, Array]]:
        """The scores of the classes for one example, and the firing rate of every spiking layer."""
        scores, spikes, mask, _ = self._run(model, example, key)
        return scores, {n: firing_rate(zs, mask) for n, zs in spikes.items()}

    def _run(self, model: PyTree, example: Any, key: Array) -> tuple[Array, dict[str, Array], Any, Any]:
        """The scores, the spikes of every spiking layer, the mask, and the final state."""
        x, _, *rest = example
        mask = rest[0] if rest else None
        encode_key, model_key = jr.split(key)
        xs = x if self.encode is None else self.encode(x, encode_key)
        final, (ys, spikes) = unroll(probe(model), xs, key=model_key, loop=self.loop, record=_outputs_and_spikes)
        return self.readout(ys, mask), spikes, mask, final

    def __call__(self, model: PyTree, example: Any, key: Array) -> tuple[Float[Array, ""], dict]:
        scores, spikes, mask, final = self._run(model, example, key)
        label = example[1]
        rates = {n: firing_rate(zs, mask) for n, zs in spikes.items()}
        metrics = {"accuracy": is_correct(scores, label), "rates": rates}
        statistics = held(model)
        if statistics is not None:
            metrics["statistics"] = updated_by(statistics, final)
        value = cross_entropy(scores, label, smoothing=self.smoothing)
        if self.penalty is not None and spikes:
            metrics["penalty"] = sum(self.penalty(zs, mask) for zs in spikes.values())
            value = value + metrics["penalty"]
        return value, metrics
