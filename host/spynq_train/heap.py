"""Memory of the maps stays with the process between batches instead of going back to the system."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

__all__ = ["keep_freed_memory"]

# <malloc.h> of the GNU C library.
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Ask the GNU C library to keep what is freed; whether it does.

    By default every large map is mapped anew, page by page, and unmapped after use: with maps of tens of
    megabytes that takes longer than the arithmetic. Elsewhere (musl, macOS) nothing is changed.
    """
    if sys.platform != "linux":
        return False
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, _NEVER))
    return False
