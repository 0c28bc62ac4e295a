"""What the compiler says of a program's memory, before anything is run."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PyTree


def _shapes(tree: PyTree) -> PyTree:
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct(jnp.shape(a), jax.dtypes.result_type(a)), tree)


def temporary_bytes(function: Callable, *args: PyTree) -> int:
    """Peak bytes that a compiled function takes beside its arguments and its results.

    **Arguments:**

    - `function`: of arrays; it is compiled, not run.
    - `*args`: arrays, or `jax.ShapeDtypeStruct`s.
    """
    analysis = jax.jit(function).lower(*args).compile().memory_analysis()
    if analysis is None:
        raise NotImplementedError(
            f"the compiler for {jax.default_backend()} does not say how much memory a program takes; those for CPUs, "
            f"GPUs and TPUs do. Choose a loop by hand: BPTT() or CheckpointedBPTT()."
        )
    return analysis.temp_size_in_bytes


def backward_bytes(run: Callable, params: PyTree, xs: PyTree) -> int:
    """Peak temporary bytes of a forward and a backward pass from every output of `run(params, xs)` to all parameters.

    **Arguments:**

    - `run`: of arrays, batched if there is a batch.
    - `params`: what the gradient is for; leaves that are no floating-point arrays are constants.
    - `xs`: all else.
    """
    leaves, structure = jax.tree.flatten(_shapes(params))

    def is_trained(leaf: Any) -> bool:
        return jnp.issubdtype(leaf.dtype, jnp.inexact)

    def forward(trained: list, fixed: list, xs: PyTree) -> list:
        left = {True: iter(trained), False: iter(fixed)}
        params = jax.tree.unflatten(structure, [next(left[is_trained(leaf)]) for leaf in leaves])
        return [out for out in jax.tree.leaves(run(params, xs)) if is_trained(out)]

    def backward(trained: list, fixed: list, xs: PyTree, gradients: list) -> tuple:
        return jax.vjp(lambda trained: forward(trained, fixed, xs), trained)[1](gradients)

    trained = [leaf for leaf in leaves if is_trained(leaf)]
    arguments = trained, [leaf for leaf in leaves if not is_trained(leaf)], _shapes(xs)
    return temporary_bytes(backward, *arguments, jax.eval_shape(forward, *arguments))
