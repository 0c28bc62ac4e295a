"""Compile the fused kernel of every elementwise cell for an H100, on a machine without a GPU. Not collected by pytest.

XLA's compiler for GPUs needs neither a GPU nor a driver, only a description of one. So what cannot be run here can
still be refused here: operations that a backend cannot compile, registers that spill into memory, and memory that
grows.

To install (JAX 0.12; 700 MB) and run:

    pip install -e ".[test]" "jax==0.12.0.1"
    pip install --no-deps jax-cuda13-plugin==0.12.0.1 jax-cuda13-pjrt==0.12.0.1
    pip install --no-deps "nvidia-cuda-nvcc>=13,<14" "nvidia-nvvm>=13,<14"    # unless a CUDA toolkit 13 is installed
    python -m tests.aot_h100                                  # all cells, both backends: some minutes
    python -m tests.aot_h100 --backend triton --segment 4 LIF ALIF

It prints, per cell, the seconds to compile one gradient (both kernels), the temporary memory for 500 steps of 16
examples of 512 neurons, and the registers per thread of the forward and the reverse kernel. The exit status is 1 if a
cell does not compile, spills more than a few registers into memory, or needs more memory than its saved states and the
cotangents of its outputs explain.
"""

import argparse
import contextlib
import math
import os
import re
import sys
import tempfile
import time

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_SKIP_CUDA_CONSTRAINTS_CHECK"] = "1"
# The assembler says how many registers a kernel takes.
os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "0", "TF_CPP_VMODULE": "subprocess_compilation=3"}

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.experimental import topologies
from jax.sharding import AbstractDevice, AbstractMesh, Mesh, NamedSharding, PartitionSpec

import snnjax as snn
from snnjax._kernel import _triton
from snnjax._kernel._elementwise import prepared
from snnjax._kernel._lane_step import LaneStep
from snnjax._kernel._trace import Loop

from .helpers import all_cells, make

T, BATCH, N = 500, 16, 512
SPILLED = 64  # bytes; the assembler sometimes puts a predicate or two aside, registers or no
_REPORT = r"entry function '\w*snn_fused\w*'.*?(\d+) bytes spill stores.*?Used (\d+) registers"

# From NVIDIA's data sheet and programming guide; nothing here was read from a card.
H100 = """
gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32 shared_memory_per_block: 49152 shared_memory_per_core: 233472
  threads_per_core_limit: 2048 core_count: 132 fpus_per_core: 128 block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535 block_dim_limit_z: 65535 memory_bandwidth: 3352320000000 l2_cache_size: 52428800
  clock_rate_ghz: 1.98 device_memory_size: 84978434048 shared_memory_per_block_optin: 232448
  cuda_compute_capability { major: 9 } registers_per_core_limit: 65536 registers_per_block_limit: 65536
}
platform_name: "CUDA" dnn_version_info { major: 9 minor: 8 } device_description_str: "NVIDIA H100 80GB HBM3"
"""
NAME = "NVIDIA H100 80GB HBM3"


@contextlib.contextmanager
def said():
    """What compilers print, which does not pass through Python; it can be read when the block has ended."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept, text = [os.dup(1), os.dup(2)], []
    with tempfile.TemporaryFile("w+") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            yield text
        finally:
            for number, original in enumerate(kept, start=1):
                os.dup2(original, number)
                os.close(original)
            file.seek(0)
            text.append(file.read())


def explained(model, segment):
    """The bytes that a gradient needs: saved states, parameters and their gradients, cotangents of the outputs."""
    model = snn.resolve(model)
    x = jnp.zeros(N)
    state = model.init_state(x)
    loop = Loop(lambda state, x: model(state, x), state, x, prepared, grown=True)
    saved = math.ceil(T / LaneStep(loop, _triton).segment(segment)) + segment
    return 1.1 * 4 * BATCH * N * (saved * len(jax.tree.leaves(state)) + 4 * len(loop.known) + 8 + T)


def compiled(model, kernel, key):
    """The gradient with respect to parameters and inputs, compiled for an H100."""
    parameters, constants = eqx.partition(model, eqx.is_inexact_array)

    def loss(parameters, xs):
        model = eqx.combine(parameters, constants)
        _, ys = jax.vmap(lambda x: snn.unroll(model, x, key=key, kernel=kernel), in_axes=1, out_axes=(0, 1))(xs)
        return jnp.sum(ys * jnp.cos(ys))

    device = topologies.get_topology_desc("topology", "cuda", topology="1x1x1", target_config=H100).devices[0]
    placed = NamedSharding(Mesh([device], ("device",)), PartitionSpec())
    shapes = jax.tree.map(
        lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=placed),
        (parameters, jax.ShapeDtypeStruct((T, BATCH, N), jnp.float32)),
    )
    abstract = AbstractMesh((), (), abstract_device=AbstractDevice(device_kind=NAME, num_cores=132, platform="gpu"))
    with jax.sharding.use_abstract_mesh(abstract):
        traced = jax.jit(jax.grad(loss, (0, 1)), out_shardings=placed).trace(*shapes)
        return traced.lower(lowering_platforms=("cuda",)).compile()


def main():
    parser = argparse.ArgumentParser(description="Compile the fused kernels of cells for an H100.")
    parser.add_argument("cells", nargs="*")
    parser.add_argument("--backend", action="append", choices=["mosaic", "triton"])
    parser.add_argument("--segment", type=int, default=8)
    options = parser.parse_args()
    failed = []
    for backend in options.backend or ["mosaic", "triton"]:
        kernel = snn.Fused(segment=options.segment, backend=backend)
        for name in options.cells or all_cells:
            started = time.perf_counter()
            model = make(all_cells[name], jnp.float32)
            if isinstance(model, snn.AbstractSequenceCell):
                continue  # has a way of its own through time, or is several cells
            key = jax.random.key(0) if "random" in name else None
            problem, result = "", ""
            with said() as text:
                try:
                    memory = compiled(model, kernel, key).memory_analysis().temp_size_in_bytes
                    result = f"{memory / 2**20:8.1f} MiB"
                    if memory > (most := explained(model, options.segment)):
                        problem = f"TOO MUCH MEMORY, expected {most / 2**20:.1f} MiB"
                except snn.NotElementwise as error:
                    result = f"not elementwise: {error.message[:100]}"
                except Exception as error:
                    problem = f"FAILED {type(error).__name__}: {str(error)[:500]}"
            kernels = re.findall(_REPORT, text[0], re.DOTALL)
            if any(int(spilled) > SPILLED for spilled, _ in kernels):
                problem = f"{problem} SPILLS REGISTERS"
            result = f"{result} registers {' '.join(used for _, used in kernels)}"
            failed += [name] if problem else []
            seconds = time.perf_counter() - started
            print(f"{backend:7} {name:32} {seconds:6.1f} s {result} {problem}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
