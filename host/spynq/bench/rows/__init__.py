"""Rows that need nothing but the host."""
