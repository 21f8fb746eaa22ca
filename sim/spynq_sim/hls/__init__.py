"""C simulation of the HLS twins: compiled with a plain compiler, called from Python."""

from spynq_sim.hls.twin import Twin, compile_twin

__all__ = ["Twin", "compile_twin"]
