"""The spike gating flow in gateware."""

from spynq_hw.sgf.top import Sgf

__all__ = ["Sgf"]
