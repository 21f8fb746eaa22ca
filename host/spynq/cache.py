"""Where things are kept that take long to make: never in the checkout."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["folder"]


def folder() -> Path:
    """``SPYNQ_CACHE``, else ``spynq`` in the user's cache folder; made if absent."""
    chosen = os.environ.get("SPYNQ_CACHE")
    if chosen:
        place = Path(chosen)
    else:
        place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spynq"
    place.mkdir(parents=True, exist_ok=True)
    return place
