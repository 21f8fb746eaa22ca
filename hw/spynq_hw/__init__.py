"""The kernels in Amaranth, and their export as Verilog and IP."""
