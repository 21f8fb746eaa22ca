"""Folder of built models: keyed by content, safe for two processes, never in the checkout."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from spynq.cache import folder

__all__ = ["digest", "folder", "locked"]


def digest(*parts: str | bytes) -> str:
    """20 hexadecimal digits of a hash over the parts, whose borders count."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little"))
        state.update(data)
    return state.hexdigest()[:20]


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold a lock of the cache folder; a second process waits, and a killed one leaves no lock behind."""
    locks = folder() / "locks"
    locks.mkdir(exist_ok=True)
    with (locks / name).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
