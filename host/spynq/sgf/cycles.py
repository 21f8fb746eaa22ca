"""Level 2: when the input waits, from the lateness of a frame and the place it needs.

A frame that closes is read while the next one fills the other buffer: ``size`` clocks, one to hand it
over and one to be seen free. An event that closes a frame before that waits, and all behind it.
"""

from __future__ import annotations

from collections.abc import Sequence

from spynq.sgf.params import SgfConfig

__all__ = ["LATENESS", "run_clocks", "shortest_frame", "taken"]

LATENESS = 5
"""Clocks of a run beside its words: into the kernel, understood, the pause handed on, done."""
_HAND_OVER = 2


def shortest_frame(config: SgfConfig) -> int:
    """Events of a frame from which on nothing waits inside a trial."""
    return config.size + _HAND_OVER


def taken(arrivals: Sequence[int], config: SgfConfig, events: int) -> list[int]:
    """Clock at which each event of a trial is placed.

    Parameters
    ----------
    arrivals : sequence of int
        Clock at which each event could be placed at the earliest, rising.
    config : SgfConfig
        Uses ``size``.
    events : int
        Events of a frame.

    Returns
    -------
    list of int
        No event is placed before it came, before the one ahead of it, or, where it closes a frame,
        before the frame ahead has been read.
    """
    found: list[int] = []
    free = 0
    for number, arrival in enumerate(arrivals, 1):
        clock = max(arrival, found[-1] + 1 if found else arrival)
        if number % events == 0:
            clock = max(clock, free)
            free = clock + shortest_frame(config)
        found.append(clock)
    return found


def run_clocks(config: SgfConfig, count: int, events: int) -> int:
    """Clocks of a run of ``count`` events without a gap, of a trial that does not end in it."""
    clocks = taken(range(count), config, events)
    return (clocks[-1] + 1 if clocks else 0) + LATENESS
