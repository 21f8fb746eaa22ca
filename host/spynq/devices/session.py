"""What calls that use a device share: the name of an open one, a progress bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["label", "progress_bar"]


def label(driver: Any) -> str:
    """Name of the device an open driver is on, as :func:`spynq.devices.open_kernel` would be told it."""
    if type(driver).__module__ == "spynq.devices.golden":
        return "golden"
    # Behind pynq the simulated device is called after its kernel, a board after its platform.
    board = getattr(driver, "device", None)
    if board is None:
        return type(driver).__name__
    return "rtl" if type(board).__module__.startswith("spynq_sim.") else "board"


@contextmanager
def progress_bar(wanted: bool | None, total: int, unit: str = "sample") -> Iterator[Callable[[int], object]]:
    """A bar that is advanced by calling it; by default only in a notebook, and after two seconds."""
    if wanted is None:
        wanted = "ipykernel" in sys.modules
    if not wanted:
        yield lambda count: None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit=unit, unit_scale=True, delay=2, leave=False) as bar:
        yield bar.update
