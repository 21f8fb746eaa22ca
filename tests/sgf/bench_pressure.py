"""Runs of the kernel whose results nobody takes for a while; started by test_pressure.py."""

from __future__ import annotations

from itertools import repeat
from typing import Any

import cocotb

from spynq.sgf.params import KERNEL
from spynq.sgf.words import event_words, pause, read_result
from spynq_sim.bus_models import Bench, LiteMaster, StreamSink, StreamSource
from spynq_sim.pauses import pauses

TRIALS = 40
EVENTS = 20
WAITS = 3000


@cocotb.test()
async def results_wait_in_a_queue_then_the_input_stalls_and_nothing_is_lost(dut: Any) -> None:
    bench = Bench(dut)
    control = LiteMaster(bench)
    source, sink = StreamSource(bench, "s_axis", "half", cocotb.RANDOM_SEED), StreamSink(bench, "m_axis")
    await bench.begin()
    registers = {"EVENTS": 4, "FRAMES": 4, "SCALE_X": 65536, "SCALE_Y": 65536}
    for name, value in registers.items():
        await control.write(KERNEL.offset(name), value)
    places = [i % 8 for i in range(EVENTS)]
    trial = event_words(range(EVENTS), places, places, [1] * EVENTS, end=True).tolist()  # type: ignore[arg-type]
    source.beats.extend((word, False) for word in [*(trial * TRIALS), pause()])
    sink._pause = repeat(True)
    await control.write(KERNEL.offset("CTRL"), 1)
    await bench.cycles(WAITS)
    left, done = len(source.beats), await control.read(KERNEL.offset("TRIALS"))
    assert not sink.beats and left, "the input ran on while nobody took a result"
    # Sixteen in the queue and two in the port; the next ones wait with their events.
    assert done == 18
    await bench.cycles(WAITS)
    assert len(source.beats) == left, "the input moved though no result could"
    assert await control.read(KERNEL.offset("STALLS")) > WAITS
    sink._pause = pauses("half", cocotb.RANDOM_SEED)
    await bench.until(lambda: len(sink.beats) > TRIALS, "the last word")
    results = [read_result(word) for word, _ in sink.beats[:-1]]
    assert [result.trial for result in results] == list(range(TRIALS))
    assert sink.beats[-1] == (0, True) and not any(last for _, last in sink.beats[:-1])
    assert await control.read(KERNEL.offset("EVENTS_IN")) == EVENTS * TRIALS
