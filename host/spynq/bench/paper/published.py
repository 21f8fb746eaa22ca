"""Figures of the source paper (Li et al. 2023, 10.3389/fnins.2023.1291051); none of them is ours."""

from __future__ import annotations

__all__ = ["NEURONS", "RESOURCES", "TIMES"]

NEURONS = 4000
"""Sampled neurons of Tables 2 to 4; times are divided by it."""

_CPU = ("Intel i7-10700", "Intel i5-12500")

TIMES: dict[int, list[tuple[str, float]]] = {
    2: [
        (f"{_CPU[0]}, loops", 8.556),
        (f"{_CPU[1]}, loops", 4.315),
        ("ARM of the ZCU104, loops", 53.814),
        (f"{_CPU[1]}, 2 threads", 6.091),
        (f"{_CPU[1]}, 10 threads", 7.578),
        (f"{_CPU[1]}, 2 processes", 250.88),
        (f"{_CPU[0]}, vectorised", 3.662),
        (f"{_CPU[1]}, vectorised", 2.993),
        ("FPGA, 100 MHz", 0.389),
    ],
    3: [
        (f"{_CPU[0]}, loops", 1.103),
        (f"{_CPU[1]}, loops", 0.635),
        ("ARM of the ZCU104, loops", 12.75),
        (f"{_CPU[1]}, 2 threads", 0.622),
        (f"{_CPU[1]}, 10 threads", 0.617),
        (f"{_CPU[1]}, 2 processes", 0.749),
        (f"{_CPU[0]}, vectorised", 0.569),
        (f"{_CPU[1]}, vectorised", 0.403),
        ("FPGA, 100 MHz", 0.024),
    ],
    4: [
        (f"{_CPU[0]}, loops", 7.632),
        (f"{_CPU[1]}, loops", 5.169),
        ("ARM of the ZCU104, loops", 94.608),
        (f"{_CPU[0]}, vectorised", 3.882),
        (f"{_CPU[1]}, vectorised", 2.160),
        ("FPGA, 100 MHz", 0.328),
    ],
}
"""Milliseconds per neuron, as Tables 2 to 4 print them."""

RESOURCES: dict[str, dict[str, int]] = {
    "FPGA, normal": {"BRAM": 14, "DSP": 172, "FF": 25934, "LUT": 38817, "cycles": 11170},
    "FPGA, array division": {"BRAM": 14, "DSP": 179, "FF": 28142, "LUT": 43849, "cycles": 6698},
}
"""Table 1: 1,000 neurons per node, in the paper's own words latency."""
