"""Rows of ``spynq bench train``: what trained networks and their calculators are held to."""
