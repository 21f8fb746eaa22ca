"""Learning the tables of a network from data with missing values: expectation maximisation.

``data`` reads records, ``expected`` has the kernel count what they imply (E step), ``em`` makes tables
of the counts (M step) and repeats.
"""
