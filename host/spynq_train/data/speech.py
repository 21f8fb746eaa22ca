"""Spoken digits by cochlea-like coding: bands of a filter bank, each the drive of one spiking channel."""

from __future__ import annotations

import re
import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spynq.errors import FormatError
from spynq_train.data.dataset import DataSet
from spynq_train.data.places import find, hint

__all__ = ["band_energies", "cochlea_spikes", "spoken_digits"]

_BANDS, _STEPS = 40, 20
_NAME = re.compile(r"(\d)_(\w+)_(\d+)")
_TEST_TAKES = 5


def spoken_digits(folder: Path | None) -> DataSet:
    """Free Spoken Digit Dataset: a folder with ``fsdd.npz``, or with ``0_george_0.wav`` and so on.

    Takes 0 to 4 are its official test part, which shares the speakers with the training part.
    """
    packed = find(folder, ("fsdd.npz", "audio/fsdd.npz"))
    if packed is not None:
        with np.load(packed) as stored:
            a = {key: stored[key] for key in stored.files}
        ends = a["offsets"]
        sounds = [a["audio"][b:e] for b, e in pairwise(ends.tolist())]
        labels, takes, rate = a["label"].astype(np.int64), a["take"], int(a["rate"])
        source = packed.name
    else:
        first = find(folder, ("[0-9]_*_*.wav", "recordings/[0-9]_*_*.wav", "*/recordings/[0-9]_*_*.wav"))
        if first is None:
            raise hint("spoken-digits", "fsdd.npz, or recordings such as 0_george_0.wav", folder)
        sounds, labels, takes, rate = _waves(first.parent)
        source = str(first.parent)
    spikes = np.stack([cochlea_spikes(sound, rate) for sound in sounds])[:, :, None, None]
    held = takes < _TEST_TAKES
    return DataSet(
        "spoken-digits", "events", spikes[~held], labels[~held], spikes[held], labels[held], 10, source
    )


def _waves(folder: Path) -> tuple[list[NDArray[np.int16]], NDArray[np.int64], NDArray[np.int64], int]:
    sounds, labels, takes, rates = [], [], [], set()
    for path in sorted(folder.glob("*.wav")):
        match = _NAME.fullmatch(path.stem)
        if match is None:
            raise FormatError(f"{path}: the name must be digit, speaker and take, such as 0_george_0.wav")
        try:
            with wave.open(str(path), "rb") as file:
                if file.getsampwidth() != 2 or file.getnchannels() != 1:
                    raise FormatError(
                        f"{path}: {file.getnchannels()} channels of {file.getsampwidth()} bytes; "
                        "mono of 16 bits is read"
                    )
                sounds.append(np.frombuffer(file.readframes(file.getnframes()), np.int16))
                rates.add(file.getframerate())
        except (wave.Error, EOFError) as error:
            raise FormatError(f"{path}: no sound could be read ({error}); copy it again") from error
        labels.append(int(match[1]))
        takes.append(int(match[3]))
    if len(rates) > 1:
        raise FormatError(f"{folder}: sample rates {sorted(rates)} are mixed; convert them to one")
    return sounds, np.array(labels), np.array(takes), rates.pop()


def band_energies(
    sound: NDArray[np.int16], rate: int, bands: int = _BANDS, steps: int = _STEPS
) -> NDArray[np.float64]:
    """Loudness of every band and step, ``[steps, bands]`` in 0 to 1.

    Triangular bands, evenly spaced on the mel scale from 50 Hz to half the sample rate, over ``steps``
    windows of equal length that overlap by half; the logarithm, over the 40 dB below the recording's peak.
    """
    length = max(2 * (len(sound) // (steps + 1)), 64)
    hop = max((len(sound) - length) // max(steps - 1, 1), 1)
    padded = np.pad(sound.astype(np.float64), (0, max(0, length + hop * (steps - 1) - len(sound))))
    windows = np.stack([padded[step * hop : step * hop + length] for step in range(steps)])
    power = np.abs(np.fft.rfft(windows * np.hanning(length), max(length, 512))) ** 2
    energies = power @ _filter_bank(power.shape[1], rate, bands)
    loud = 10 * np.log10(energies / max(energies.max(), 1e-12) + 1e-12)
    scaled: NDArray[np.float64] = np.clip(1 + loud / 40, 0, 1)
    return scaled


def _filter_bank(bins: int, rate: int, bands: int) -> NDArray[np.float64]:
    mel = np.linspace(_mel(50.0), _mel(rate / 2), bands + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    hertz = np.linspace(0, rate / 2, bins)[:, None]
    rising = (hertz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hertz) / (edges[2:] - edges[1:-1])
    bank: NDArray[np.float64] = np.clip(np.minimum(rising, falling), 0, None)
    return bank


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


def cochlea_spikes(sound: NDArray[np.int16], rate: int) -> NDArray[np.uint8]:
    """Spikes of every band, ``[steps, bands]``: its loudness drives a neuron that sums it up to 1."""
    drive = band_energies(sound, rate)
    spikes, membrane = np.zeros(drive.shape, np.uint8), np.zeros(drive.shape[1])
    for step, loudness in enumerate(drive):
        membrane += loudness
        spikes[step] = membrane >= 1
        membrane -= spikes[step]
    return spikes
