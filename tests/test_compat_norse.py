"""Norse's cells and encoders, against its equations written out by hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn
from snnjax.compat import norse

DT, N = 0.001, 3
P = {"v_leak": -0.1, "v_th": 0.5, "v_reset": -0.2}
RATES = {"tau_mem_inv": 150.0}
SYNAPSE = {"tau_syn_inv": 250.0}


def drive(steps=30, size=N):
    return np.asarray(0.5 + jr.normal(jr.key(1), (steps, size)))


def fired(v, v_th, v_reset):
    z = (v > v_th) * 1.0
    return (1 - z) * v + z * v_reset, z


# The equations of the library: generators of (membrane, output) per step.


def box(xs, v_leak, v_th, v_reset, subtract=False):
    v = np.full(N, v_leak)
    for x in xs:
        v = v + DT * 150.0 * (v_leak - v + x)
        if subtract:
            z = (v > v_th) * 1.0
            v = v - z * v_th
        else:
            v, z = fired(v, v_th, v_reset)
        yield v, z


def lif(xs, v_leak, v_th, v_reset, delta_T=None, adaptation=None):
    v, i, a = np.full(N, v_leak), np.zeros(N), np.zeros(N)
    for x in xs:
        j = i + x
        upstroke = 0.0 if delta_T is None else delta_T * np.exp((v - v_th) / delta_T)
        v, before = v + DT * 150.0 * (v_leak - v + upstroke + j - a), v
        i = j - DT * 250.0 * j
        v, z = fired(v, v_th, v_reset)
        if adaptation is not None:
            a = a + DT * 40.0 * (adaptation * (before - v_leak) - a) + 0.3 * z
        yield v, z


def refractory(xs, v_leak, v_th, v_reset, hold):
    v, i, rho = np.full(N, v_leak), np.zeros(N), np.zeros(N)
    for x in xs:
        j = i + x
        new, z = fired(v + DT * 150.0 * (v_leak - v + j), v_th, v_reset)
        i = j - DT * 250.0 * j
        held = (rho > 0) * 1.0
        v, z = (1 - held) * new + held * v, (1 - held) * z
        rho = (1 - z) * np.maximum(rho - held, 0) + z * hold
        yield v, z


def lsnn(xs, v_leak, v_th, v_reset, beta):
    v, i, b = np.full(N, v_leak), np.zeros(N), np.full(N, v_th)
    for x in xs:
        v = v + DT * 150.0 * (v_leak - v + i)
        i = i - DT * 250.0 * i + x
        b = b + DT * 20.0 * (v_th - b)
        z = (v > b) * 1.0
        v, b = (1 - z) * v + z * v_reset, b + beta * z
        yield v, z


def coba(xs):
    v, e, i = np.zeros(N), np.zeros(N), np.zeros(N)
    for x in xs:
        e = (e + np.maximum(x, 0)) * (1 - DT * 200.0)
        i = (i + np.maximum(-x, 0)) * (1 - DT * 100.0)
        v = v + DT * 5.0 * (0.25 * (-20.0 - v) + e * (60.0 - v) + i * (-100.0 - v))
        v, z = fired(v, 1.0, -7.0)
        yield v, z


_COBA = {"tau_syn_exc_inv": 200.0, "tau_syn_inh_inv": 100.0, "v_thresh": 1.0, "v_reset": -7.0}
CASES = {
    "LIFBox": (lambda: norse.LIFBoxCell(norse.LIFBoxParameters(**RATES, **P)), lambda xs: box(xs, **P), 3.0),
    "LIFBox-subtract": (
        lambda: norse.LIFBox(norse.LIFBoxParameters(**RATES, **P, reset_method="subtract")),
        lambda xs: box(xs, **P, subtract=True),
        3.0,
    ),
    "LIF": (lambda: norse.LIFCell(norse.LIFParameters(**SYNAPSE, **RATES, **P)), lambda xs: lif(xs, **P), 1.0),
    "LIFEx": (
        lambda: norse.LIFExCell(norse.LIFExParameters(delta_T=0.3, **SYNAPSE, **RATES, **P)),
        lambda xs: lif(xs, **P, delta_T=0.3),
        1.0,
    ),
    "LIFAdEx": (
        lambda: norse.LIFAdExCell(norse.LIFAdExParameters(2.0, 0.3, 0.3, 40.0, **SYNAPSE, **RATES, **P)),
        lambda xs: lif(xs, **P, delta_T=0.3, adaptation=2.0),
        1.0,
    ),
    "LIFRefrac": (
        lambda: norse.LIFRefracCell(norse.LIFRefracParameters(norse.LIFParameters(**SYNAPSE, **RATES, **P), 2.0)),
        lambda xs: refractory(xs, **P, hold=2.0),
        1.0,
    ),
    "LSNN": (
        lambda: norse.LSNNCell(norse.LSNNParameters(tau_adapt_inv=20.0, beta=0.7, **SYNAPSE, **RATES, **P)),
        lambda xs: lsnn(xs, **P, beta=0.7),
        1.0,
    ),
    "CobaLIF": (lambda: norse.CobaLIFCell(norse.CobaLIFParameters(g_l=0.25, **_COBA)), coba, 2.0),
}


def membrane(state):
    return next(part.v for part in jax.tree.leaves(state, is_leaf=lambda s: hasattr(s, "v")) if hasattr(part, "v"))


@pytest.mark.parametrize("name", CASES)
def test_equations(name):
    make, equations, scale = CASES[name]
    xs = scale * drive()
    _, (vs, zs) = snn.unroll(make(), jnp.asarray(xs), record=lambda state, out: (membrane(state), out))
    wanted_vs, wanted_zs = map(np.stack, zip(*equations(xs), strict=True))
    assert 0 < wanted_zs.sum() < wanted_zs.size
    np.testing.assert_array_equal(zs, wanted_zs)
    np.testing.assert_allclose(vs, wanted_vs, rtol=1e-12, atol=1e-12)


def test_leaky_integrators_put_out_the_membrane():
    xs = drive(5)
    v, wanted = np.full(N, 0.2), []
    for x in xs:
        v = v + DT * 100.0 * (0.2 - v + x)
        wanted.append(v)
    ys = snn.unroll(norse.LIBoxCell(norse.LIBoxParameters(100.0, 0.2)), jnp.asarray(xs))[1]
    np.testing.assert_allclose(ys, wanted, rtol=1e-12)
    # A synapse of one step is the box: 1 - dt / 0.001 is nothing.
    np.testing.assert_allclose(snn.unroll(norse.LICell(norse.LIParameters(1000.0, 100.0, 0.2)), xs)[1], wanted)


def test_iaf_starts_at_its_reset():
    cell = norse.IAFCell(norse.IAFParameters(v_th=1.0, v_reset=-0.5))
    _, zs = snn.unroll(cell, jnp.array([1.25, 0.5, 1.25]))
    assert zs.tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize("name", norse.behaviors)
def test_izhikevich_behaviours_move_by_forward_euler(name):
    behavior = norse.behaviors[name]
    p, v, u = behavior.p, behavior.v, behavior.u
    cell = norse.IzhikevichCell(behavior)
    state, z = cell(cell.init_state(jnp.zeros(1)), jnp.array([4.0]))
    step = DT * p.tau_inv
    assert len(norse.behaviors) == 20
    assert z.item() == 0
    assert state.v.item() == pytest.approx(v + step * (p.sq * v**2 + p.mn * v + p.bias - u + 4.0))
    assert state.u.item() == pytest.approx(u + step * p.a * (p.b * v - u))


def test_an_izhikevich_behaviour_of_ones_own():
    behavior = norse.create_izhikevich_spiking_behavior(0.02, 0.2, -65.0, 6.0, -70.0, -60.0)
    assert (behavior.v, behavior.u, behavior.p.tau_inv) == (-70.0, -12.0, 250.0)
    _, (zs, vs) = snn.unroll(norse.Izhikevich(behavior), jnp.full((200, 1), 14.0), record=lambda s, z: (z, s.v))
    assert zs.sum() > 1
    np.testing.assert_allclose(vs[zs > 0], -65.0)


RECURRENT = {
    "LIFRecurrentCell": (norse.LIFCell, norse.LIFParameters, {"detach_reset": True}),
    "LIFExRecurrentCell": (norse.LIFExCell, norse.LIFExParameters, {}),
    "LIFAdExRecurrentCell": (norse.LIFAdExCell, norse.LIFAdExParameters, {}),
    "LSNNRecurrentCell": (norse.LSNNCell, norse.LSNNParameters, {"detach_reset": True}),
}


@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_cells_equal_a_loop(name):
    """With the spike detached in the reset where the library detaches it."""
    make, kind, options = RECURRENT[name]
    p = kind(**SYNAPSE, **RATES, v_th=0.3, alpha=100.0)
    k1, k2 = jr.split(jr.key(0))
    w_in, w_rec = jr.normal(k1, (N, 2)), jr.normal(k2, (N, N))
    xs = jnp.asarray(drive(12, 2))
    weights = {"input_weights": w_in, "recurrent_weights": w_rec, "autapses": True}
    cell = getattr(norse, name)(2, N, p, **weights)
    inner = make(p, **options)

    def loop(xs):
        def step(carry, x):
            state, z = carry
            carry = inner(state, w_in @ x + w_rec @ z)
            return carry, carry[1]

        return jax.lax.scan(step, (inner.init_state(jnp.zeros(N)), jnp.zeros(N)), xs)[1]

    assert loop(xs).sum() > 0
    np.testing.assert_array_equal(snn.unroll(cell, xs)[1], loop(xs))
    grads = [
        eqx.filter_jit(jax.grad(lambda xs, f=f: f(xs).sum()))(xs) for f in (loop, lambda x: snn.unroll(cell, x)[1])
    ]
    np.testing.assert_allclose(*grads, rtol=1e-9, atol=1e-12)


def test_autapses():
    weights = {"input_weights": jnp.eye(1), "recurrent_weights": jnp.array([[9.0]])}
    p = norse.LIFParameters(tau_syn_inv=1000.0, tau_mem_inv=1000.0, v_th=0.5)  # forgets everything in a step
    xs = jnp.array([[1.0], [0.0], [0.0]])
    assert snn.unroll(norse.LIFRecurrentCell(1, 1, p, **weights), xs)[1].ravel().tolist() == [1.0, 0.0, 0.0]
    hears_itself = norse.LIFRecurrentCell(1, 1, p, **weights, autapses=True)
    assert snn.unroll(hears_itself, xs)[1].ravel().tolist() == [1.0, 1.0, 1.0]
    drawn = norse.LIFRefracRecurrentCell(2, 3, key=jr.key(0))
    assert drawn[0].weight.shape == (3, 2)
    with pytest.raises(ValueError, match="neither weights nor a key"):
        norse.LIFRecurrentCell(2, 3)


def test_only_recurrent_cells_detach_the_reset():
    p = norse.LIFParameters(**RATES, **P)
    grads = []
    for detach in (False, True):
        cell = norse.LIFCell(p, detach_reset=detach)
        grads.append(jax.grad(lambda x, c=cell: snn.unroll(c, x)[1].sum())(jnp.asarray(drive(20))))
    assert not np.allclose(*grads)


def test_the_constants_are_trained():
    @jax.grad
    def gradient(p):
        cell = norse.LIFCell(norse.LIFParameters(*(p[name] for name in sorted(p))))
        return snn.unroll(cell, jnp.asarray(drive()))[1].sum()

    constants = dict(zip("abcde", (250.0, 150.0, -0.1, 0.5, -0.2), strict=True))
    assert all(g != 0 for g in gradient({name: jnp.array(value) for name, value in constants.items()}).values())


SLOPES = {
    "super": (100.0, lambda x, a: 1 / (1 + np.abs(x)) ** 2),
    "triangle": (0.3, lambda x, a: a * np.maximum(0, 1 - np.abs(x))),
    "tanh": (1.5, lambda x, a: 1 - np.tanh(a * x) ** 2),
    "heavi_erfc": (2.0, lambda x, a: 2 / np.sqrt(np.pi) * np.exp(-((a * x) ** 2))),
    "heaviside": (1.0, lambda x, a: 0 * x),
}


@pytest.mark.parametrize("method", SLOPES)
def test_thresholds(method):
    alpha, slope = SLOPES[method]
    xs = jnp.array([-1.3, -0.2, 0.0, 0.1, 0.8])
    assert norse.threshold(xs, method, alpha).tolist() == [0, 0, 0, 1, 1]
    found = jax.grad(lambda x: norse.threshold(x, method, alpha).sum())(xs)
    np.testing.assert_allclose(found, slope(np.asarray(xs), alpha), rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: norse.surrogate("cosine", 1.0), "given as 'cosine'.*takes one of heaviside.*EscapeNoise"),
        (lambda: norse.poisson_encode(jnp.ones(2), 3, key=None), "given no key;.*takes a PRNG key"),
        (lambda: norse.LIFBoxCell(norse.LIFBoxParameters(reset_method="none")), "given 'none'.*'value' or 'subtract'"),
    ],
)
def test_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_latency():
    xs = jnp.array([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
    assert norse.spike_latency_encode(xs).tolist() == [[0, 1], [1, 0], [0, 0]]
    p = norse.LIFParameters(tau_mem_inv=500.0)  # v = 1/2, 3/4, 7/8 of the current
    assert norse.constant_current_lif_encode(jnp.array([1.25, 3.0]), 4, p).tolist() == [[0, 1], [0, 1], [1, 1], [0, 1]]
    assert norse.spike_latency_lif_encode(jnp.array([1.25, 3.0]), 4, p).tolist() == [[0, 1], [0, 0], [1, 0], [0, 0]]


def test_population():
    """The numbers in the library's documentation."""
    wanted = [[1.0, 0.8825, 0.6065], [0.8825, 1.0, 0.8825], [0.6065, 0.8825, 1.0]]
    np.testing.assert_allclose(norse.population_encode(jnp.array([0.0, 0.5, 1.0]), 3), wanted, atol=5e-5)
    found = norse.population_encode(jnp.array([1.0]), 2, scale=2.0)
    np.testing.assert_allclose(found, [[np.exp(-1.0), np.exp(-1.0)]])
    linear = norse.population_encode(jnp.array([1.0]), 2, scale=2.0, kernel=lambda distance: distance)
    np.testing.assert_allclose(linear, [[2.0, 2.0]])


def test_poisson():
    x = jnp.array([0.0, 1.0, -1.0])
    assert norse.poisson_encode(x, 50, f_max=1000.0, key=jr.key(0)).mean(0).tolist() == [0.0, 1.0, 0.0]
    assert norse.signed_poisson_encode(x, 50, f_max=1000.0, key=jr.key(0)).mean(0).tolist() == [0.0, 1.0, -1.0]
    rate = norse.poisson_encode(jnp.full(4000, 0.5), 5, f_max=400.0, key=jr.key(0)).mean()
    assert rate == pytest.approx(0.2, abs=0.02)
