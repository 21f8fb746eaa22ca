"""Imports pynq once, without the warnings it gives off a board; import this before anything of pynq."""

from __future__ import annotations

import warnings

__all__ = ["pynq"]

with warnings.catch_warnings():
    # pynq.gpio reports the processor as unsupported, and pkg_resources its own end.
    warnings.simplefilter("ignore")
    import pynq
