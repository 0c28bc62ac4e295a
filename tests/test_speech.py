"""Features of speech against closed forms, and the reader of recordings against archives made here."""

import importlib
import io
import tarfile
import wave
from pathlib import Path

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn
from snnjax.data._speech import _filters

RATE = 8000


def _sine(hertz, seconds=0.2, amplitude=1.0):
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)


# --- bands ---------------------------------------------------------------------------------------


def test_mel_bands_are_equally_wide_on_the_mel_scale():
    corners = snn.data.mel_bands(10, lowest=100, highest=3000)
    mels = 1127.0104 * np.log1p(corners / 700)  # the same scale by natural logarithms: 2595 / ln(10)
    assert np.allclose(np.diff(mels), (mels[-1] - mels[0]) / 11, rtol=1e-9)
    assert np.allclose(corners[[0, -1]], [100, 3000], rtol=1e-12)


def test_the_middle_of_the_scale_is_where_it_should_be():
    # Halfway between mel(0) = 0 and mel(2100) = 2595 log10(4) is 2595 log10(2), at 700 Hz.
    assert np.allclose(snn.data.mel_bands(1, highest=2100), [0, 700, 2100], atol=1e-9)


def test_triangles_peak_at_one_and_add_up_to_one():
    corners = snn.data.mel_bands(20, lowest=50, highest=4000)
    assert np.allclose(_filters(corners, corners[1:-1]), np.eye(20), atol=1e-12)
    between = np.linspace(corners[1], corners[-2], 777)
    weights = _filters(corners, between)
    assert np.allclose(weights.sum(1), 1, atol=1e-12)
    assert ((weights > 0).sum(1) <= 2).all()  # a frequency is in two bands at most
    assert (_filters(corners, np.array([0.0, 49.9, 4000.1, 9000.0])) == 0).all()


@pytest.mark.parametrize(("bands", "lowest", "highest"), [(0, 0, 100), (4, 100, 100), (4, -1, 100), (4, 200, 100)])
def test_bands_that_cannot_be(bands, lowest, highest):
    with pytest.raises(snn.InputError, match="takes"):
        snn.data.mel_bands(bands, lowest=lowest, highest=highest)


# --- log_mel -------------------------------------------------------------------------------------


def test_log_mel_equals_sums_written_out():
    signal = np.random.default_rng(0).normal(size=100)
    window, hop, bands, floor = 40, 15, 5, 1e-3
    found = snn.data.log_mel(signal, 1000, bands=bands, window=0.04, hop=0.015, floor=floor)
    assert found.shape == (1 + (100 - window) // hop, bands)
    assert found.dtype == np.float32
    points = 256  # 4 * 40 rounded up to a power of two
    corners = snn.data.mel_bands(bands, highest=500)
    hann = [np.sin(np.pi * (n + 1) / (window + 1)) ** 2 for n in range(window)]
    for row in range(found.shape[0]):
        energies = np.zeros(bands)
        for k in range(points // 2 + 1):
            angle = -2j * np.pi * k * np.arange(window) / points
            power = abs(np.sum(hann * signal[row * hop : row * hop + window] * np.exp(angle))) ** 2
            hertz = 1000 * k / points
            for b in range(bands):
                left, centre, right = corners[b : b + 3]
                weight = (hertz - left) / (centre - left) if hertz < centre else (right - hertz) / (right - centre)
                energies[b] += max(0, weight) * power
        assert np.allclose(found[row], np.log(floor + energies), atol=1e-5)  # of float32


def test_an_impulse_is_heard_by_every_band():
    # Its spectrum is flat, so a band has the weight of the window there times the sum of its triangle.
    signal = np.zeros(255)
    signal[127] = 3.0
    energies = np.exp(snn.data.log_mel(signal, RATE, bands=80, window=255 / RATE, floor=1e-30)[0])
    corners = snn.data.mel_bands(80)
    points = 1024
    assert RATE / points < np.diff(corners)[0]  # fine enough for the narrowest
    assert np.allclose(energies, 9 * _filters(corners, np.arange(points // 2 + 1) * RATE / points).sum(0), rtol=1e-4)


def test_a_tone_is_loudest_in_its_band():
    corners = snn.data.mel_bands(64)
    for band in (10, 30, 60):
        features = snn.data.log_mel(_sine(corners[band + 1]), RATE)
        assert (features.argmax(1) == band).all()


def test_loudness_is_added_and_silence_is_the_floor():
    quiet, loud = (snn.data.log_mel(_sine(440, amplitude=a), RATE, floor=1e-30) for a in (0.01, 1.0))
    assert np.allclose(loud - quiet, 2 * np.log(100), atol=1e-3)
    silent = snn.data.log_mel(np.zeros(800), RATE, floor=1e-6)
    assert np.allclose(silent, np.log(1e-6), rtol=1e-6)


def test_a_hop_later_is_a_row_later():
    signal = np.random.default_rng(1).normal(size=4000)
    whole, later = snn.data.log_mel(signal, RATE), snn.data.log_mel(signal[80:], RATE)
    assert np.array_equal(whole[1:], later)


def test_whole_numbers_and_short_sounds():
    counts = np.array([0, 300, -200, 100], np.int16)
    features = snn.data.log_mel(counts, RATE)
    assert features.shape == (1, 64)
    assert np.array_equal(features, snn.data.log_mel(np.pad(counts.astype(np.float64), (0, 252)), RATE))


@pytest.mark.parametrize(
    ("signal", "options", "what"),
    [
        (np.zeros(0), {}, "samples"),
        (np.array([0.0, np.nan]), {}, "finite"),
        (np.ones(99), {"hop": 0.0}, "hop"),
        (np.ones(99), {"window": -1.0}, "window"),
        (np.ones(99), {"floor": 0.0}, "floor"),
        (np.ones(99), {"bands": 0}, "bands"),
        (np.ones(99), {"highest": 4001.0}, "half of the rate"),
    ],
)
def test_what_log_mel_refuses(signal, options, what):
    with pytest.raises(snn.InputError, match=what):
        snn.data.log_mel(signal, RATE, **options)


# --- the data of benchmarks/accuracy.py ----------------------------------------------------------


@pytest.fixture
def reader(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "benchmarks"))
    return importlib.import_module("_recordings")


@pytest.fixture
def warp(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "benchmarks"))
    return importlib.import_module("_warp")


def _wav(samples, channels=1, rate=8000):
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.asarray(samples, "<i2").tobytes())
    return buffer.getvalue()


def _archive(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_recordings_are_read(tmp_path, reader):
    files = {"a/7_theo_12.wav": _wav([16384, -32768]), "a/README.md": b"text", "a/0_lucas_3.wav": _wav([1])}
    found = reader.read(_archive(tmp_path / "a.tar.gz", files))
    assert found.rate == 8000
    assert found.label.tolist() == [0, 7]
    assert found.speaker.tolist() == ["lucas", "theo"]
    assert found.take.tolist() == [3, 12]
    assert found.sounds[1].tolist() == [0.5, -1.0]


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ({"README.md": b"text"}, "holds no file"),
        ({"1_a_1.wav": b"RIFF nothing"}, "no WAV file"),
        ({"1_a_1.wav": _wav([1, 2], channels=2)}, "mono"),
        ({"1_a_1.wav": _wav([])}, "not empty"),
        ({"1_a_1.wav": _wav([1]), "1_a_2.wav": _wav([1], rate=16000)}, "rates"),
    ],
)
def test_recordings_that_cannot_be_read(tmp_path, reader, files, what):
    with pytest.raises(ValueError, match=what):
        reader.read(_archive(tmp_path / "a.tar.gz", files))


def test_a_damaged_archive(tmp_path, reader):
    sound = np.random.default_rng(3).integers(-999, 999, 9000)
    content = _archive(tmp_path / "a.tar.gz", {"1_a_1.wav": _wav(sound)}).read_bytes()
    for damaged in (content[:2000], content[:2000] + bytes(99) + content[2099:], b"text", b""):
        (tmp_path / "b.tar.gz").write_bytes(damaged)
        with pytest.raises(ValueError, match="no whole archive"):
            reader.read(tmp_path / "b.tar.gz")


def test_steps_between_steps(warp):
    xs = np.random.default_rng(2).normal(size=(9, 3)).astype(np.float32)
    steps = np.array([-3.0, 0.0, 0.25, 4.5, 7.999, 8.0, 11.0], np.float32)
    expected = np.stack([np.interp(steps, np.arange(9), x) for x in xs.T], axis=1)
    assert np.allclose(warp.at(jnp.asarray(xs), jnp.asarray(steps)), expected, atol=1e-5)


def test_blanks_are_in_one_piece_no_longer_than_asked_and_anywhere(warp):
    zeros = np.stack([np.asarray(warp.blank(jnp.ones(20), 6.0, key)) == 0 for key in jr.split(jr.key(0), 300)])
    edges = np.abs(np.diff(np.pad(zeros.astype(int), ((0, 0), (1, 1))), axis=1)).sum(1)
    assert edges.max() == 2  # one piece or none
    assert zeros.sum(1).max() == 6
    assert zeros[:, 1:].any(0).all()  # a piece begins after 0, so that the first step always stays
