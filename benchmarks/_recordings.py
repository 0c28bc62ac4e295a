"""Reads the Free Spoken Digit Dataset from its archive; nothing is unpacked to disk, nothing unpickled."""

import gzip
import io
import re
import tarfile
import wave
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

_NAME = re.compile(r"(?:.*/)?(\d)_([a-z]+)_(\d+)\.wav")
_LONGEST = 10_000_000  # bytes: no recording of a word is longer


class Recordings(NamedTuple):
    """The sounds, from -1 to 1, and for each of them what was said, by whom, and for which time (`take`)."""

    sounds: list[np.ndarray]
    rate: int
    label: np.ndarray
    speaker: np.ndarray
    take: np.ndarray


def read(path: Path) -> Recordings:
    """All recordings `{digit}_{speaker}_{index}.wav` of an archive, in the order of their names.

    Raises a `ValueError` for a damaged archive, one without recordings, and sounds not mono, of 16 bits and one rate.
    """
    try:
        found = dict(_members(path))
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{path} is no whole archive .tar.gz ({error}). Fetch it again.") from error
    if not found:
        raise ValueError(
            f"{path} holds no file of the name DIGIT_SPEAKER_INDEX.wav. Give the archive of the recordings of "
            f"https://github.com/Jakobovski/free-spoken-digit-dataset."
        )
    rates = {rate for _, rate in found.values()}
    if len(rates) > 1:
        raise ValueError(f"{path} holds recordings of the rates {sorted(rates)}; all must have one.")
    keys = sorted(found)
    digits, speakers, takes = zip(*keys, strict=True)
    sounds = [found[key][0] for key in keys]
    return Recordings(
        sounds, rates.pop(), np.asarray(digits, np.int32), np.asarray(speakers), np.asarray(takes, np.int32)
    )


def _members(path: Path) -> Iterator[tuple[tuple[int, str, int], tuple[np.ndarray, int]]]:
    with gzip.open(path) as file:
        with tarfile.open(fileobj=file, mode="r|") as archive:
            for member in archive:
                name = _NAME.fullmatch(member.name)
                if name is None or not member.isfile() or member.size > _LONGEST:
                    continue
                sound = archive.extractfile(member)
                assert sound is not None  # a regular file
                digit, speaker, take = name.groups()
                yield (int(digit), speaker, int(take)), _sound(member.name, sound.read())
        while file.read(1 << 20):  # to the end, where the checksum is compared
            pass


def _sound(name: str, content: bytes) -> tuple[np.ndarray, int]:
    try:
        with wave.open(io.BytesIO(content)) as file:
            form = file.getnchannels(), file.getsampwidth()
            rate, samples = file.getframerate(), file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{name} is no WAV file ({error}). Fetch the archive again.") from error
    if form != (1, 2) or not samples:
        raise ValueError(
            f"{name} has {form[0]} channels of {form[1]} bytes and {len(samples)} bytes of sound; it must be mono, 2 "
            f"bytes a sample, and not empty."
        )
    return np.frombuffer(samples, "<i2").astype(np.float32) / 32768, rate
