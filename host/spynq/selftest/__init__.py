"""Self-test: what a board, or a device in its place, can be asked to prove before it is trusted."""

from spynq.selftest.report import Check, KernelReport, Report
from spynq.selftest.run import examine

__all__ = ["Check", "KernelReport", "Report", "examine"]
