"""Runs of the echo kernel for the self-test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["moved", "runs"]


def runs(driver: Any, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Copies of random words; what must be equal on every device, by name."""
    rng = np.random.default_rng(seed)
    for words in (1, 7, 4096):
        values = rng.integers(0, 1 << 32, words, dtype=np.uint32)
        add = int(rng.integers(1 << 32))
        yield f"copy of {words} words", {"words": driver.copy(values, add), "SUM": driver.get("SUM")}


def moved(driver: Any) -> int:
    """Bytes read and written by one copy of 1 MiB."""
    words = np.zeros(1 << 18, dtype=np.uint32)
    driver.copy(words)
    return 2 * words.nbytes
