"""The simulated device, bus models, proofs and simulator runs."""
