"""Running a cell over a golden input: states, outputs, the loss, and the gradient of everything."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

import snnjax as snn

from ._case import Case

Arrays = dict[str, Any]


def trace(
    case: Case,
    build: Callable[[Arrays], Any],
    states: Callable[[Any, Any], Arrays],
    parameters: Arrays | None = None,
    scale: float = 1.0,
    base: float = 0.0,
    output: str = "spikes",
) -> Arrays:
    """Everything that a file of a single cell behind a matrix product `cur = base + scale * x @ W` holds.

    - `build(parameters)` makes the cell for one example from the trained parameters; the names are those after
      `grad_` in the file. `parameters` are their values.
    - `states(state, out)` names what is recorded in a step: the file's `state_*` entries.
    - `output`: the name of the output in the file.

    The batch is on axis 1 of the file's arrays. `loss` is `sum(loss_w * output)`; `grad_cur` is the gradient with
    respect to the drive alone.
    """
    xs, weights = jnp.asarray(case.arrays["x"]), jnp.asarray(case.arrays["W"])
    arguments = {"x": xs, "W": weights, "cur": jnp.zeros(xs.shape[:-1] + weights.shape[1:]), **(parameters or {})}
    loss_weights = jnp.asarray(case.arrays.get("loss_w", 0.0))

    def run(arguments: Arrays) -> tuple[Any, Arrays]:
        drive = base + scale * (arguments["x"] @ arguments["W"])
        cell = build({name: arguments[name] for name in parameters or {}})

        def record(state: Any, out: Any) -> Arrays:
            return {**states(state, out), output: out}

        def one(xs: Any) -> Arrays:
            return snn.unroll(cell, xs, record=record)[1]

        seen = jax.vmap(one, in_axes=1, out_axes=1)(drive + arguments["cur"])
        return jnp.sum(loss_weights * seen[output]), {"cur": drive, **seen}

    (loss, seen), gradient = jax.jit(jax.value_and_grad(run, has_aux=True))(arguments)
    return {"loss": loss, **seen, **{f"grad_{name}": value for name, value in gradient.items()}}


def curve(case: Case, spike: Callable[[Any], Any], primitive: Callable[[Any], Any] | None = None) -> Arrays:
    """Everything that a file of a surrogate holds: values and slopes on a grid, and the smooth primitive."""
    xs = jnp.asarray(case.arrays["x"])
    found = {"value": spike(xs), "grad": jax.vmap(jax.grad(spike))(xs)}
    if primitive is not None:
        found |= {"primitive": primitive(xs), "surrogate_fun": primitive(xs)}
    return {**found, "surrogate_grad": found["grad"]}
