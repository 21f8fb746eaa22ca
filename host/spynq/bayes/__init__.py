"""Discrete Bayesian networks: files in and out, evidence by name, exact answers for what is small.

Nothing here knows of a kernel; ``spynq.stm`` compiles a :class:`~spynq.bayes.network.Network`
for the hardware.
"""
