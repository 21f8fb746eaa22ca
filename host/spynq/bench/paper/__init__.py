"""The source paper's Tables 1 to 4 and Figures 9B, 10B and 11 beside ours: ``spynq bench paper``.

Every row says where its number is from: the paper, this machine in this run, or the cycle counter of
the simulated kernel. Software of every row does the same work on the same data, and what it answers is
compared with NumPy in float64 before its time counts.
"""
