"""``python -m spynq_sim.hls KERNEL FOLDER [RUNS]``: header and recorded runs for the vendor's simulator."""

import sys
from pathlib import Path

from spynq_sim.hls.vectors import write_bench

if len(sys.argv) not in (3, 4) or not (sys.argv[3:] or ["1"])[0].isdecimal():
    sys.exit("usage: python -m spynq_sim.hls KERNEL FOLDER [RUNS]")
write_bench(sys.argv[1], Path(sys.argv[2]), runs=int((sys.argv[3:] or ["50"])[0]))
