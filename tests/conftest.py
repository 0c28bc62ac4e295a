"""Settings that every test runs under; they must be made before JAX starts."""

import importlib.metadata
import os
import sys

# Two CPU devices, so that sharding is really tested. Compiling takes most of the time of these tests, and programs that
# run once need no optimised machine code. The compiler of JAX 0.11 has no older emitters, which take half the time.
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "")
    + " --xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0"
    + (
        " --xla_cpu_use_fusion_emitters=false"
        if importlib.metadata.version("jax").startswith(("0.8.", "0.9.", "0.10."))
        else ""
    )
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")

import jax
import jax.random as jr
import jaxtyping
import pytest

# Shapes and dtypes of every annotated function of the library are checked while the tests run.
jaxtyping.install_import_hook("snnjax", "beartype.beartype")

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_enable_x64", True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What shares compiled programs runs in one process: the laws of a model, and the tests of most other files."""
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        if item.path.stem == "test_goldens":  # nothing is shared
            continue
        is_law = item.path.stem == "test_laws"
        item.add_marker(pytest.mark.xdist_group(str(parameters.get("name", "laws")) if is_law else item.path.stem))


_tests_run = 0


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown():
    """Drop compiled programs now and then: each holds memory mappings, of which Linux gives a process 65,530.

    A process that runs out of them dies in the compiler with a segmentation fault.
    """
    global _tests_run
    _tests_run += 1
    if _tests_run % 200 == 0:
        jax.clear_caches()


@pytest.fixture
def getkey(request):
    """A function that gives a fresh key per call; the seed is the test's own name."""
    key = jr.key(sum(map(ord, request.node.nodeid)))

    def next_key():
        nonlocal key
        key, subkey = jr.split(key)
        return subkey

    return next_key


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    """Both precisions; float64 is on in all tests, so that dtypes must be kept, not assumed."""
    return jax.numpy.dtype(request.param)


@pytest.fixture
def standard_promotion():
    """For tests of training: optax itself does not run under strict dtype promotion."""
    with jax.numpy_dtype_promotion("standard"):
        yield


@pytest.fixture
def unchecked():
    """Without the run-time type checker, which would refuse wrong arguments before our own messages do."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(autouse=True)
def close_figures():
    """No test sees the figures of another."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
