"""Runs of a twin beside the integer model: everything they leave behind must be the same."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from spynq.kernels import get
from spynq_sim.hls.twin import compile_twin

__all__ = ["Played", "Streams", "cases", "compare", "small"]

MEMORY = 1 << 18
"""Bytes of memory from address 0."""
Streams = dict[str, deque[tuple[int, bool]]]


@dataclass(frozen=True)
class Played:
    """One run of the model: what it started from, what it left, and how many beats of data it moved."""

    name: str
    registers: dict[str, int]
    before: bytes
    after: bytes
    streams: Streams
    left: Streams
    results: dict[str, int]
    beats: int


def _module(name: str) -> Any:
    return import_module(f"spynq.{name}.twin")


def small(name: str) -> Any:
    """Build that is compared."""
    return _module(name).SMALL


class _Memory:
    """Memory from address 0 for the model; counts beats of 128 bits."""

    def __init__(self) -> None:
        self.data, self.beats = bytearray(MEMORY), 0

    def read(self, address: int, nbytes: int) -> bytes:
        self.beats += -(-nbytes // 16)
        return bytes(self.data[address : address + nbytes])

    def write(self, address: int, data: bytes) -> None:
        self.beats += -(-len(data) // 16)
        self.data[address : address + len(data)] = data


def cases(name: str, seed: int) -> Iterator[Played]:
    """Runs of a kernel's model, one after the other on one model, without an end."""
    model = get(name).model_class(small(name))
    memory = _Memory()
    for start in _module(name).cases(np.random.default_rng(seed)):
        for address, words in start.blocks.items():
            data = words.astype("<u4").tobytes()
            memory.data[address : address + len(data)] = data
        given: Streams = {s.name: deque() for s in get(name).kernel.streams}
        for port, beats in getattr(start, "streams", {}).items():
            given[port].extend(beats)
        kept = {port: deque(beats) for port, beats in given.items()}
        before, memory.beats = bytes(memory.data), 0
        results = model.start(start.registers, memory, given)
        moved = memory.beats + sum(abs(len(given[p]) - len(kept[p])) for p in given)
        yield Played(start.name, start.registers, before, bytes(memory.data), kept, given, results, moved)


def compare(name: str, seed: int, beats: int) -> int:
    """Compare until so many beats have been moved; returns the number of runs.

    Raises
    ------
    AssertionError
        Something differs; the message names the run and what.
    """
    twin, runs = compile_twin(name, small(name)), 0
    for played in cases(name, seed):
        runs += 1
        memory = np.frombuffer(bytearray(played.before), np.uint8)
        streams = {port: deque(given) for port, given in played.streams.items()}
        results = twin.start(played.registers, memory, streams)
        wrong = {k: (results[k], v) for k, v in played.results.items() if results[k] != v}
        assert not wrong, f"run {runs}, {played.name}: registers (twin, model) {wrong}"
        differ = np.flatnonzero(memory != np.frombuffer(played.after, np.uint8))
        assert not differ.size, f"run {runs}, {played.name}: memory differs from {differ[0]:#x} on"
        assert streams == played.left, f"run {runs}, {played.name}: streams differ"
        beats -= played.beats
        if beats <= 0:
            break
    return runs
