"""Sequences of many lengths: a few programs, and the results of the sequences alone."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

import snnjax as snn
from snnjax import data

from .helpers import assert_close

K1, K2, K3 = jr.split(jr.key(0), 3)
CHANNELS, CLASSES = 5, 3


def make_model():
    return snn.Sequential(
        eqx.nn.Linear(CHANNELS, 8, key=K1),
        snn.Recurrent(snn.ALIF(tau=jnp.array(5.0)), eqx.nn.Linear(8, 8, key=K2)),
        eqx.nn.Linear(8, CLASSES, key=K3),
        snn.LI(tau=5.0),
    )


def sequence(steps):
    return np.random.default_rng(steps).normal(1.0, 1.0, (steps, CHANNELS))


@pytest.mark.parametrize(("lengths", "traces"), [(None, 5), ([20, 60], 2)], ids=["powers of two", "given"])
def test_fifty_lengths_take_a_few_programs(lengths, traces):
    """Lengths of 10 to 59: 16, 32 and 64 steps by powers of two, or those that are given."""
    shapes = []

    @jax.jit
    def score(xs, mask):
        shapes.append(xs.shape)
        return snn.decode.max_membrane(snn.unroll(snn.LI(), xs)[1], mask)

    for steps in range(10, 60):
        xs, mask = data.pad(sequence(steps), lengths)
        assert mask.sum() == steps
        assert_close(score(xs, mask)[0], jnp.asarray(by_hand(sequence(steps)[:, 0])), rtol=1e-12)
    assert len(shapes) == len(set(shapes)) <= traces
    assert {shape[0] for shape in shapes} == ({16, 32, 64} if lengths is None else {20, 60})


def by_hand(xs):
    v = best = -np.inf
    v = 0.0
    for x in xs:
        v = np.exp(-1 / 20) * v + x
        best = max(best, v)
    return best


def test_a_padded_sequence_gives_what_it_gives_alone():
    """Outputs, last output, final state, loss and gradients."""
    model = make_model()
    params, rest = eqx.partition(model, eqx.is_array)

    def run(params, xs, mask):
        model = eqx.combine(params, rest)
        _, (states, ys) = snn.unroll(model, xs, record=lambda state, out: (state, out))
        final = jax.tree.map(lambda a: a[mask.sum() - 1], states)
        return snn.losses.cross_entropy_sum_membrane(ys, 1, mask), (final, snn.decode.last(ys, mask))

    both = jax.jit(jax.value_and_grad(run, has_aux=True))
    xs, mask = data.pad(sequence(21))
    assert xs.shape == (32, CHANNELS)
    padded = both(params, xs, mask)
    alone = both(params, xs[:21], mask[:21])
    assert_close(padded, alone, rtol=1e-12)
    final, ys = snn.unroll(model, sequence(21))
    assert_close(padded[0][1], (final, ys[-1]), rtol=1e-12)
    assert jnp.any(ys[-1] != snn.unroll(model, xs)[1][-1])  # where the padded sequence ends


def test_a_pytree_of_other_dtypes():
    (events, times), mask = data.pad((np.ones((3, 2), bool), jnp.arange(3)), [3, 7])
    assert (events.shape, events.dtype, times.tolist(), mask.tolist()) == ((3, 2), bool, [0, 1, 2], [True] * 3)
    (events, times), mask = data.pad((events, times), [4])
    assert (events.sum(), times.tolist(), mask.tolist()) == (6, [0, 1, 2, 0], [True] * 3 + [False])
    for steps, length in ((1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (1025, 2048)):
        assert data.pad(np.zeros(steps))[0].size == length


def make_buckets(lengths=None):
    steps = [7, 29, 8, 12, 20, 3]
    return steps, data.bucket([sequence(n) for n in steps], np.arange(6) % CLASSES, lengths)


def test_buckets_hold_every_sequence_once():
    steps, buckets = make_buckets()
    assert [split.x.shape for split in buckets.splits] == [(1, 4, 5), (2, 8, 5), (1, 16, 5), (2, 32, 5)]
    assert [split.label.tolist() for split in buckets.splits] == [[2], [0, 2], [0], [1, 1]]
    found = [
        (int(mask.sum()), x[mask]) for split in buckets.splits for x, mask in zip(split.x, split.mask, strict=True)
    ]
    assert sorted(n for n, _ in found) == sorted(steps)
    for n, xs in found:
        np.testing.assert_array_equal(xs, sequence(n))
    for split in buckets.splits:
        assert np.all(split.x[~split.mask] == 0)
        assert split.label.dtype == np.int32
    (whole,) = make_buckets([29])[1].splits
    assert whole.x.shape == (6, 29, 5)


def test_batches_of_buckets():
    _, buckets = make_buckets()
    plain = [(len(b.example.label), int(b.weight.sum()), b.example.x.shape[1]) for b in data.batches(buckets, 2)]
    assert plain == [(2, 1, 4), (2, 2, 8), (2, 1, 16), (2, 2, 32)]
    orders = set()
    for seed in range(8):
        shuffled = list(data.batches(buckets, 1, key=jr.key(seed)))
        assert sorted(int(b.example.mask.sum()) for b in shuffled) == sorted([7, 29, 8, 12, 20, 3])
        orders.add(tuple(int(b.example.mask.sum()) for b in shuffled))
        again = data.batches(buckets, 1, key=jr.key(seed))
        assert [int(b.example.mask.sum()) for b in again] == [int(b.example.mask.sum()) for b in shuffled]
    assert len(orders) > 4  # batches of different lengths are mixed


@pytest.mark.usefixtures("standard_promotion")
def test_fit_takes_buckets():
    """A full batch of every sequence gives the same step as all of them padded to one length."""
    loss = snn.train.Classify(readout=snn.decode.mean_membrane)
    model, results = snn.Sequential(make_model().layers[0], snn.LI()), []
    for lengths in ([29], [8, 29]):
        buckets = make_buckets(lengths)[1]
        fitted = snn.train.fit(
            model,
            optax.sgd(0.0),
            loss,
            buckets,
            epochs=1,
            key=K1,
            batch_size=3,
            validation=buckets,
            progress=False,
        )
        results.append(fitted.history[0])
    for name in ("train_loss", "validation_loss", "validation_accuracy"):
        assert results[0][name] == pytest.approx(results[1][name], rel=1e-12)


@pytest.mark.usefixtures("unchecked")
def test_wrong_sequences():
    with pytest.raises(ValueError, match="A sequence has 9 steps, and the longest of the lengths is 8"):
        data.pad(np.zeros((9, 2)), [4, 8])
    for lengths in ([], [4, 4], [8, 4], [0, 4]):
        with pytest.raises(ValueError, match="each larger than the one before"):
            data.pad(np.zeros(3), lengths)
    for wrong in (np.zeros((0, 2)), 1.0, (np.zeros(3), np.zeros(4)), ()):
        with pytest.raises(ValueError, match="time on axis 0"):
            data.pad(wrong)
    with pytest.raises(ValueError, match=r"2 sequences and labels of shape \(3,\)"):
        data.bucket([np.zeros(3)] * 2, [0, 1, 2])
    with pytest.raises(ValueError, match="one or more"):
        data.bucket([], [])
    with pytest.raises(ValueError, match=r"steps of shapes \[\(2,\), \(3,\)\]"):
        data.bucket([np.zeros((4, 2)), np.zeros((4, 3))], [0, 1])
