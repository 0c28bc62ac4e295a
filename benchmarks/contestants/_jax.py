"""What the JAX libraries share: a compiled forward pass, a gradient or an Adam step, and a loss."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from ._workload import LEARNING_RATE, Contestant, Workload


def loss_of(workload: Workload, outs: Any) -> Any:
    """The sum of the spikes, or the cross entropy of the readout's highest membranes; outs: (steps, batch, n)."""
    if workload.is_layer:
        return outs.sum()
    labels = jnp.asarray(workload.labels)
    return optax.softmax_cross_entropy_with_integer_labels(outs.max(0), labels).mean()


def contestant(
    workload: Workload, params: Any, run: Callable[[Any, Any], Any], xs: Any, rate: Callable[[], float] | None = None
) -> Contestant:
    """`run(params, xs)` puts out (steps, batch, n)."""
    forward = jax.jit(run)

    def loss(params: Any, xs: Any) -> Any:
        return loss_of(workload, run(params, xs))

    if workload.is_layer:
        gradient = jax.jit(jax.grad(loss))
        programs = {"forward": lambda: forward.lower(params, xs), "backward": lambda: gradient.lower(params, xs)}

        def backward() -> Any:
            return jax.block_until_ready(gradient(params, xs))

    else:
        optimiser = optax.adam(LEARNING_RATE)
        held = {"params": params, "state": optimiser.init(params)}

        @jax.jit
        def train(params: Any, state: Any, xs: Any) -> tuple[Any, Any, Any]:
            value, gradient = jax.value_and_grad(loss)(params, xs)
            updates, state = optimiser.update(gradient, state)
            return optax.apply_updates(params, updates), state, value

        programs = {
            "forward": lambda: forward.lower(params, xs),
            "backward": lambda: train.lower(params, held["state"], xs),
        }

        def backward() -> Any:
            held["params"], held["state"], value = train(held["params"], held["state"], xs)
            return jax.block_until_ready((held, value))

    return Contestant(
        forward=lambda: jax.block_until_ready(forward(params, xs)),
        backward=backward,
        rate=rate or (lambda: float(forward(params, xs).mean()) if workload.is_layer else float("nan")),
        lower=lambda what: programs[what](),
    )
