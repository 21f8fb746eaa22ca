"""Networks in PyTorch, exported to kernel parameters (nothing is here yet)."""
