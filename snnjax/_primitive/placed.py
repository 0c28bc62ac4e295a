"""Whether the types of arrays say where they are."""

from typing import Any

import jax
from jax.sharding import AxisType


def placed(*trees: Any) -> bool:
    """Whether any leaf differs between the devices of a `jax.shard_map`, or lies on a mesh with explicit axes.

    JAX keeps account of that for its own operations, and adds sums over devices to gradients; the operations of this
    package leave such arrays to them.
    """
    types = [jax.typeof(leaf) for leaf in jax.tree.leaves(trees) if hasattr(leaf, "dtype")]
    return any(_varies(aval) or AxisType.Explicit in aval.sharding.mesh.axis_types for aval in types)


def _varies(aval: Any) -> bool:
    """Along any axis of devices; newer JAX has another name for these."""
    return bool(aval.mat.varying if hasattr(aval, "mat") else getattr(aval, "vma", ()))
