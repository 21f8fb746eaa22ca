"""Brain-inspired inference on a Zynq board: what the kernels mean and how to drive them."""

__version__ = "0.1.0"
