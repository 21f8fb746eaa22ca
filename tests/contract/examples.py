"""One real run of each kernel, from random numbers: registers, memory and stream beats."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spynq.contract import Beat
from spynq.lif.assemble import assemble
from spynq.lif.codes import Leak
from spynq.lif.layers import Layer, MapShape, Network, Neuron
from spynq.stm.params import OP, TARGET

SIZE = 1 << 15
"""Bytes of the memory around a kernel."""
IMAGE, RESULT, WEIGHT = 0x1000, 0x4000, 0x6000


@dataclass
class Run:
    """What a run starts from."""

    registers: dict[str, int]
    memory: bytearray = field(default_factory=lambda: bytearray(SIZE))
    streams: dict[str, list[int]] = field(default_factory=dict)

    def put(self, address: int, data: bytes) -> int:
        """Store bytes; returns the address behind them."""
        self.memory[address : address + len(data)] = data
        return address + len(data)


def pack(beat: Beat, **values: int) -> bytes:
    """A memory record from its fields."""
    fields = {item.name: item for item in beat.fields}
    word = sum(fields[name].insert(value) for name, value in values.items())
    return word.to_bytes(beat.width // 8, "little")


def words(values: list[int]) -> bytes:
    """32-bit words, padded to whole beats of 128 bits."""
    padded = values + [0] * (-len(values) % 4)
    return b"".join((value & 0xFFFF_FFFF).to_bytes(4, "little") for value in padded)


def echo_memory(rng: random.Random, config: Any) -> Run:
    count = rng.randrange(1, 100) * (config.bus // 32)
    run = Run(
        {"MODE": 1, "ADD": rng.getrandbits(32), "WORDS": count, "SOURCE_LO": IMAGE, "TARGET_LO": RESULT}
    )
    run.put(IMAGE, rng.randbytes(4 * count))
    return run


def echo_stream(rng: random.Random, config: Any) -> Run:
    count = rng.randrange(1, 200)
    beats = [rng.getrandbits(32) for _ in range(count)]
    return Run({"MODE": 0, "ADD": rng.getrandbits(32), "WORDS": count}, streams={"s_axis": beats})


def stm_flat(rng: random.Random, config: Any) -> Run:
    samples, terms, bins = rng.randrange(5, config.population), config.columns, 4
    run = Run(
        {
            "MODE": 0b111010, "SAMPLES": samples, "TERMS": terms, "BINS": bins,
            "IMAGE_LO": IMAGE, "RESULT_LO": RESULT, "WEIGHT_LO": WEIGHT,
        }
    )  # fmt: skip
    at = IMAGE
    for term in range(terms):
        at = run.put(at, words([rng.randrange(-400, 400) for _ in range(samples)]))
        run.registers[f"CUE{term}"] = rng.randrange(-300, 300) & 0xFFFF
        run.registers[f"GAIN{term}"] = rng.randrange(1 << 21, 1 << 23)
    run.put(at, words([rng.randrange(bins) for _ in range(samples)]))
    return run


def stm_weighting(rng: random.Random, config: Any) -> Run:
    run = Run(
        {
            "MODE": 0b1011011, "SAMPLES": rng.randrange(1000, 2500), "PROGRAM": 2, "TABLE": 2,
            "TARGETS": 1, "BINS": 2, "IMAGE_LO": IMAGE, "RESULT_LO": RESULT,
        }
    )  # fmt: skip
    draw = pack(OP, BASE=0, LOG2_STATES=1, FIRST=1, LAST=1, FRESH=1, COLUMN=0)
    weigh = pack(OP, BASE=4, WEIGH=1, FIRST=1, LAST=1, PUSH=1, PARENT0=0, STRIDE0=1)
    table = [
        rng.getrandbits(24) | (1 << 24),
        rng.getrandbits(24),
        0,
        0,
        rng.randrange(4096),
        rng.randrange(4096),
    ]
    at = run.put(IMAGE, rng.randbytes(64 * 16))
    for part in (draw, weigh, pack(TARGET, COLUMN=0, BIN=0), words(table)):
        at = run.put(at, part)
    return run


def lif_layer(rng: random.Random, config: Any) -> Run:
    """A small convolution, whose image lies at IMAGE; MODE 0, as the counters hold clock cycles."""
    weights = np.array([rng.randrange(-7, 8) for _ in range(5 * 2 * 3 * 2)]).reshape(5, 2, 3, 2)
    neuron = Neuron(
        np.array([rng.randrange(1, 12) for _ in range(5)]), leak=Leak.MULTIPLY, decay=np.full(5, 3000)
    )
    layer = Layer("layer", "conv", weights=weights, padding=(1, 0), neuron=neuron)
    image = assemble(Network("example", MapShape(2, 2, 4), 3, (layer,)), config)
    run = Run({"LIMIT": 5, "BASE_LO": IMAGE, "LIST": image.start})
    memory = np.zeros(image.beats * 16, np.uint8)
    memory[: len(image.content)] = np.frombuffer(image.content, np.uint8)
    values = [rng.randrange(2) for _ in range(3 * 2 * 2 * 4)]
    image.input.put(memory, np.array(values).reshape(1, 3, 2, 2, 4))
    run.put(IMAGE, memory.tobytes())
    return run


EXAMPLES: dict[str, tuple[Callable[[random.Random, Any], Run], ...]] = {
    "echo": (echo_memory, echo_stream),
    "stm": (stm_flat, stm_weighting),
    "lif": (lif_layer,),
}
"""Runs by kernel; a kernel without any is held to the rest of the contract alone."""

SMALL: dict[str, dict[str, int]] = {
    "stm": {
        "lanes": 2, "terms": 1, "population": 64, "columns": 2, "bins": 8, "states": 4,
        "state_bits": 2, "parents": 1, "program": 8, "table": 16, "targets": 2,
    },
    "lif": {"columns": 1, "weights": 64, "banks": 2, "maps": 16, "units": 8, "rounds": 2, "dsp": False},
}  # fmt: skip
"""Build parameters of the runs, small for the four-state simulator; the default build if absent."""
