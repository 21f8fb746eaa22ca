"""Rows that need gateware or the simulator."""
