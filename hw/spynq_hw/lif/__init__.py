"""The LIF convolution engine in gateware.

Files follow the way of a spike: ``walker`` (windows to words), ``feeder`` (words to spikes, two a
cycle), ``adders`` (spikes to sums), ``neuron`` (sums to spikes), ``drain`` (spikes to memory).
"""

from spynq_hw.lif.top import Lif

__all__ = ["Lif"]
