"""Overlay descriptions, hand-off files and bitstreams."""
