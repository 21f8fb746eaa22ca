"""The sampling tree kernel in Amaranth."""

from spynq_hw.stm.top import Stm

__all__ = ["Stm"]
