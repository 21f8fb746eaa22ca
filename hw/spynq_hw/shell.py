"""The shell around every kernel."""

from spynq_hw.core import Request, core_signature

__all__ = ["Request", "core_signature"]
