"""Tree front end of the sampling tree: pools, and the messages between them."""

from spynq_hw.stm.tree.front import Tree

__all__ = ["Tree"]
