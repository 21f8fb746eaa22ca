"""Runs of the LIF engine for the self-test: random networks compiled for the build at hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from spynq.lif.assemble import assemble
from spynq.lif.builds import build_of
from spynq.lif.generator import random_case

__all__ = ["TIMED", "moved", "runs"]

TIMED: frozenset[str] = frozenset()
"""Registers of its own that count clocks: none."""
_CASES = 3
_WORK = 20_000
"""Additions of a dense sample at most: milliseconds in a simulator."""


def runs(driver: Any, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """What must be equal on every device, by name."""
    config = build_of(driver.capabilities)
    for number in range(_CASES):
        case = random_case(seed + number, work=_WORK, config=config)
        image = assemble(case.network, config, samples=len(case.values), chunk=case.chunk)
        done = driver.run(image, case.values)
        maps = {name: area.get(done.memory, done.samples) for name, area in image.maps.items()}
        yield f"random network {number + 1}, {len(case.network.layers)} layers", {**maps, **done.totals}


def moved(driver: Any) -> int:
    """Bytes of an image and its maps, written and read by one run of a random network."""
    config = build_of(driver.capabilities)
    case = random_case(1, work=_WORK, config=config)
    image = assemble(case.network, config, samples=len(case.values), chunk=case.chunk)
    driver.run(image, np.asarray(case.values))
    return image.beats * 16
