"""Whether arrays differ between the devices of a `jax.shard_map`."""

from typing import Any

import jax


def varies(*trees: Any) -> bool:
    """Whether any leaf does. JAX keeps account of that for its own operations, and adds sums over devices to gradients;
    the operations of this package leave such arrays to them."""
    leaves = (leaf for leaf in jax.tree.leaves(trees) if hasattr(leaf, "dtype"))
    return any(_devices(jax.typeof(leaf)) for leaf in leaves)


def _devices(aval: Any) -> Any:
    """The axes of devices along which an array varies; newer JAX has another name for them."""
    return aval.mat.varying if hasattr(aval, "mat") else getattr(aval, "vma", ())
