"""Runs of the LIF engine for the self-test: random networks compiled for the build at hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.lif.assemble import assemble
from spynq.lif.builds import build_of
from spynq.lif.codes import Op, Output
from spynq.lif.descriptor import Descriptor
from spynq.lif.formats import COUNTERS
from spynq.lif.generator import random_case
from spynq.lif.golden import read_plan
from spynq.lif.lanes import positions
from spynq.model import Memory

__all__ = ["TIMED", "moved", "runs", "untold"]

Mask = npt.NDArray[np.bool_]

TIMED: frozenset[str] = frozenset()
"""Registers of its own that count clocks: none."""
_CLOCKS = ("CYCLES", "WAIT_INPUT", "WAIT_WEIGHTS", "WAIT_OUTPUT")
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


def untold(driver: Any, memory: Memory) -> Iterator[tuple[int, Mask]]:
    """Bytes of the last run that differ from device to device: clock counts, lanes that are no channel.

    Parameters
    ----------
    driver : LifDriver
    memory : Memory
        As the host sees it.

    Yields
    ------
    address : int
        Of the first byte.
    mask : ndarray of bool, shape (bytes,)
        True where nothing is told.
    """
    base, place = driver.get_wide("BASE"), driver.get("LIST")
    record = base + 16 * driver.get("RECORDS")
    clocked = np.zeros(COUNTERS.width // 8, bool)
    for field in COUNTERS.fields:
        if field.name in _CLOCKS:
            clocked[field.lsb // 8 : (field.lsb + field.width) // 8] = True
    for number in range(driver.get("EXECUTED")):
        d = Descriptor.unpack(memory.read(base + 16 * place, 64))
        place = d.next
        if driver.get("MODE"):
            yield record + number * clocked.size, clocked
        if d.op in (Op.END, Op.BARRIER):
            continue
        plan = read_plan(memory, base, d)
        lanes = np.ones(plan.out_channels, bool)
        lanes[positions(d.c_out, plan.out_lanes)] = False
        words = np.tile(np.repeat(lanes, 4), d.h_out * d.w_out)
        for n in range(d.samples):
            for t in _written(d):
                yield base + 16 * (d.result + n * plan.out_sample + t * plan.out_step), words
            if not d.last:
                yield base + 16 * (d.states + n * plan.state_sample), words


def _written(d: Descriptor) -> range:
    """Steps of a sample at which words with lanes that are no channel are written."""
    return range({Output.SUMS: d.steps, Output.MEMBRANE: 1}.get(Output(d.output), 0))
