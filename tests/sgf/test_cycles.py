"""Level 2 against the RTL: every clock of a run is foreseen; from 130 events per frame on none is lost."""

from __future__ import annotations

import numpy as np
import pytest

from spynq.devices import open_kernel
from spynq.sgf.cycles import run_clocks, shortest_frame, taken
from spynq.sgf.frames import Cut
from spynq.sgf.params import Kind, SgfConfig
from spynq.sgf.samples import SMALL
from spynq.sgf.setting import Bit, flat
from spynq.sgf.words import command, event_words


def test_130_events_per_frame_hide_the_scan() -> None:
    assert shortest_frame(SgfConfig()) == 130
    for events, waits in ((130, 0), (256, 0), (129, 1), (1, 129)):
        count = 10 * events
        # The first frame finds both buffers free.
        assert run_clocks(SgfConfig(), count, events) - run_clocks(SgfConfig(), 0, 1) == count + 9 * waits


def test_gaps_make_up_for_short_frames() -> None:
    config = SgfConfig(size=8)
    slow = [11 * i for i in range(20)]
    assert taken(slow, config, 1) == slow
    assert taken(range(4), config, 2) == [0, 1, 2, 11]


def test_a_run_takes_the_clocks_foreseen(fresh_seed: int) -> None:
    pytest.importorskip("spynq_sim.open", reason="device rtl needs spynq[sim]")
    rng = np.random.default_rng(fresh_seed)
    with open_kernel("sgf", "rtl", SMALL) as driver:
        for events in (1, 3, 8, 9, 10, 11, 40):
            driver.configure(flat([Bit(0, 0)], [0]), cut=Cut(8, events, 6))
            driver.run([command(Kind.DROP)])
            count = int(rng.integers(events, 6 * events + 20))
            count = min(count, 6 * events)
            places = rng.integers(0, 8, (2, count))
            driver.run(event_words(np.arange(count), *places, np.ones(count, int)))
            assert driver.cycles() == run_clocks(SMALL, count, events), (events, count)
            driver.run([command(Kind.DROP)])
