"""What deep networks must do: every layer fires, from the first step on, and they learn."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax

import snnjax as snn


class Step(NamedTuple):
    """What was measured on one batch, before the update made with it."""

    loss: float
    accuracy: float
    rates: dict[str, float]


def prepare(model: Any, xs: Any, labels: Any, readout: Any, **options: Any) -> Any:
    """What users are told to do with a deep network, without any number chosen by hand."""
    model = snn.init.match_rates(model, xs, **options)

    def loss(ys, label):
        return snn.losses.cross_entropy(readout(ys), label)

    return snn.train.with_slope(model, snn.train.choose_slope(model, loss, xs, labels))


def train(model: Any, loss: Any, data: Any, *, steps: int, learning_rate: float, key: Any) -> list[Step]:
    """Some steps of Adam, and what was seen at each; the first is that of the initial weights."""
    optimiser = optax.adam(learning_rate)
    opt_state = optimiser.init(eqx.filter(model, snn.trainable(model)))
    step, seen = snn.train.make_step(optimiser, loss), []
    while len(seen) < steps:
        key, order_key = jr.split(key)
        for batch in snn.data.batches(data, 64, key=order_key):
            model, opt_state, metrics = step(model, opt_state, batch, key)
            rates = {name: float(rate) for name, rate in metrics["rates"].items()}
            seen.append(Step(float(metrics["loss"]), float(metrics["accuracy"]), rates))
            if len(seen) == steps:
                break
    return seen


def assert_every_layer_fires(seen: list[Step], layers: int, lower: float = 0.01, upper: float = 0.6) -> None:
    for number, step in enumerate(seen):
        assert len(step.rates) == layers
        out = {name: rate for name, rate in step.rates.items() if not lower <= rate <= upper}
        assert not out, f"step {number}: {out}"


def assert_learns(seen: list[Step], classes: int, last: int = 10) -> None:
    """The mean over the last steps against that over as many at the beginning, and against chance."""
    first, final = seen[:last], seen[-last:]
    assert sum(s.loss for s in final) < 0.7 * sum(s.loss for s in first)
    assert sum(s.accuracy for s in final) / last > 3 / classes


def direct(data: Any, count: int, steps: int) -> tuple[Any, Any]:
    """Some examples of a data set as constant currents, and their labels."""
    xs = jax.vmap(lambda x: snn.encode.direct(x, steps))(jnp.asarray(data.x[:count]))
    return xs, jnp.asarray(data.label[:count])
