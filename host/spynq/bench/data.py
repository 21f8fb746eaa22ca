"""Where the data sets of others lie that rows are measured on; none of them is part of this project."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["data_root"]


def data_root() -> Path:
    """``SPYNQ_DATA``, else ``shared/data`` beside the checkout."""
    checkout = Path(__file__).resolve().parents[3]
    return Path(os.environ.get("SPYNQ_DATA") or checkout.parent / "shared" / "data")
