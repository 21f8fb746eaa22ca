"""Golden device of the sampling tree: one start, from registers and memory to registers and memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from spynq.contract import STATUS_FLAGS
from spynq.model import Memory, Streams
from spynq.stm import golden, image
from spynq.stm.generators import segmented_words
from spynq.stm.golden_records import MISSING, MOST_COUNTED, count, record_chunk
from spynq.stm.model_tree import Closed, TreeModel
from spynq.stm.params import CHUNK, IMPOSSIBLE, KERNEL, MAX_GAIN_BITS, STREAMS, StmConfig

__all__ = ["StmModel"]

_BEAT = 16
_BLOCK = 1 << 20
"""Sample evaluations done at once: bounds the memory of a large run."""
_REFUSED = next(flag.mask for flag in STATUS_FLAGS if flag.name == "REFUSED")
_FLAGS = {flag.name: flag.mask for flag in KERNEL.status_flags}
_RESULTS = tuple(r.name for r in KERNEL.registers if r.access == "ro")
_PAIRS = ("IMAGE", "BATCH", "RESULT", "WEIGHT")


@dataclass(frozen=True)
class _Output:
    """Where the back end writes records and weights, if anywhere, and how many bins."""

    records: int | None
    weights: int | None
    bins: int


class _Run:
    """Register values of one start by their names, fields of MODE as attributes in lower case."""

    def __init__(self, registers: Mapping[str, int]) -> None:
        self._values = {
            register.name: registers.get(register.name, register.reset) & ((1 << register.width) - 1)
            for register in KERNEL.registers
            if register.access == "rw"
        }
        mode = {f.name: bool(f.extract(self["MODE"])) for f in KERNEL.register("MODE").fields}
        self.tree = mode["TREE"]
        self.weighting, self.load = mode["WEIGHTING"], mode["LOAD"]
        self.data = mode["DATA"] and self.weighting
        self.records, self.histogram = mode["RECORDS"], mode["HISTOGRAM"] and not self.data
        self.batch = mode["BATCH"] and not self.weighting
        self.weights = mode["WEIGHTS"] and not self.weighting
        self.seeds = mode["SEEDS"] and self.weighting and self.load

    def __getitem__(self, name: str) -> int:
        return self._values[name]

    def address(self, name: str) -> int:
        return self[f"{name}_LO"] | self[f"{name}_HI"] << 32

    def output(self) -> _Output:
        """What the back end writes."""
        records = self.address("RESULT") if self.records else None
        weights = self.address("WEIGHT") if self.weights else None
        return _Output(records, weights, self["BINS"] if self.histogram else 0)

    def addresses(self) -> list[int]:
        """Those in use."""
        if self.tree:
            return [self.address("IMAGE")]
        used = (self.load, self.batch or self.data, self.records, self.weights or self.data)
        return [self.address(name) for name, use in zip(_PAIRS, used, strict=True) if use]


class StmModel:
    """Whole runs in integers; population, program, tables and generators stay resident.

    Parameters
    ----------
    config : StmConfig
        Build parameters. The lane count changes no result.
    """

    def __init__(self, config: StmConfig) -> None:
        self.config = config
        self.limits = config.capabilities()
        limit = self.limits
        self._columns = np.zeros((limit["CAP_COLUMNS"], limit["CAP_POPULATION"]), np.int16)
        self._labels = np.zeros(limit["CAP_POPULATION"], np.uint32)
        self._program = np.zeros((limit["CAP_PROGRAM"], 4), np.uint32)
        self._targets = np.zeros((limit["CAP_TARGETS"], 4), np.uint32)
        self._table = np.zeros(limit["CAP_TABLE"], np.uint32)
        self._generators = np.zeros((STREAMS, 4), np.uint32)
        self._tree = TreeModel(limit)
        self._results = dict.fromkeys(_RESULTS, 0)

    def start(
        self, registers: Mapping[str, int], memory: Memory, streams: Streams | None = None
    ) -> dict[str, int]:
        """Do one run; see :class:`spynq.model.Model`. A refused run leaves the results as they were."""
        run = _Run(registers)
        if self._refused(run):
            return {**self._results, "STATUS": _REFUSED}
        status = self._front_end(run)(run, memory)
        return {**self._results, "STATUS": status}

    def _front_end(self, run: _Run) -> Callable[[_Run, Memory], int]:
        if run.tree:
            return self._steps
        if run.data:
            return self._data
        return self._weighting if run.weighting else self._flat

    def _refused(self, run: _Run) -> bool:
        limit = self.limits
        if run.tree:
            return run["SAMPLES"] == 0 or bool(run.address("IMAGE") % _BEAT) or not limit["CAP_EDGE"]
        if run.data and self._data_refused(run):
            return True
        bins = limit["CAP_COUNTS" if run.data else "CAP_BINS"]
        if run["SAMPLES"] == 0 or run["BINS"] > bins or (run.histogram and run["BINS"] == 0):
            return True
        if any(address % _BEAT for address in run.addresses()):
            return True
        if run.weighting:
            return (
                not limit["CAP_STATES"]
                or not 1 <= run["PROGRAM"] <= limit["CAP_PROGRAM"]
                or run["TARGETS"] > limit["CAP_TARGETS"]
                or 4 * run["TABLE"] > limit["CAP_TABLE"]
            )
        return (
            not limit["CAP_TERMS"]
            or run["SAMPLES"] > limit["CAP_POPULATION"]
            or not 1 <= run["TERMS"] <= limit["CAP_COLUMNS"]
            or (run.batch and run["EVIDENCES"] == 0)
        )

    def _data_refused(self, run: _Run) -> bool:
        limit = self.limits
        columns = limit["CAP_STATES"]
        return (
            run["EVIDENCES"] == 0
            or run["SAMPLES"] > CHUNK
            or not limit["CAP_COUNTS"]
            or run["BINS"] == 0
            or not 1 <= run["COLUMNS"] <= columns
            or run["TARGETS"] > MOST_COUNTED
        )

    def _steps(self, run: _Run, memory: Memory) -> int:
        status = 0

        def close(closed: Closed) -> tuple[int, int]:
            nonlocal status
            step = closed.step
            output = _Output(
                step.target if step.records else None,
                step.weight if step.weights else None,
                step.bins if step.histogram else 0,
            )
            labels = closed.labels[None] if step.histogram else None
            status |= self._back_end(output, memory, 0, closed.nll[None], closed.samples, labels)
            return self._results["L_MIN"], self._results["W_LO"] | self._results["W_HI"] << 32

        tree = self._tree
        tree.run(memory, run.address("IMAGE"), run["SAMPLES"], close)
        self._results["LOST"] = tree.lost
        return status | tree.lost_any * _FLAGS["LOSTMASS"] | tree.skipped * _FLAGS["SKIPPED"]

    def _flat(self, run: _Run, memory: Memory) -> int:
        samples, terms = run["SAMPLES"], run["TERMS"]
        if run.load:
            self._load_population(run, memory)
        columns, labels = self._columns[:terms, :samples], self._labels[:samples]
        evidences = run["EVIDENCES"] if run.batch else 1
        beats = -(-terms // 2)
        block = max(1, _BLOCK // samples)
        status = 0
        for first in range(0, evidences, block):
            count = min(block, evidences - first)
            if run.batch:
                words = _read(memory, run.address("BATCH") + first * beats * _BEAT, count * beats)
                cues, gains = image.read_batch(words, terms, MAX_GAIN_BITS)
            else:
                cues = np.array([[_signed(run[f"CUE{t}"]) for t in range(terms)]])
                gains = np.array([[run[f"GAIN{t}"] for t in range(terms)]])
            nll = golden.log_likelihood(columns, cues, gains)
            here = labels[None] if run.histogram else None
            status |= self._back_end(run.output(), memory, first, nll, columns[0], here)
        return status

    def _load_population(self, run: _Run, memory: Memory) -> None:
        samples, terms = run["SAMPLES"], run["TERMS"]
        beats = -(-samples // 4) * (terms + run.histogram)
        words = _read(memory, run.address("IMAGE"), beats)
        columns, labels = image.read_population(words, terms, samples, run.histogram)
        self._columns[:terms, :samples] = columns
        if labels is not None:
            self._labels[:samples] = labels

    def _weighting(self, run: _Run, memory: Memory) -> int:
        if run.load:
            self._load_program(run, memory)
        program = image.read_program(self._program[: run["PROGRAM"]], self.config.parents)
        targets = image.read_targets(self._targets[: run["TARGETS"]])
        chunks = image.chunks(run["SAMPLES"])
        block = max(1, _BLOCK // CHUNK // max(1, len(program) // 32))
        status = 0
        for first in range(0, chunks, block):
            nll, states = golden.chunk(
                program,
                self._table,
                self._generators,
                self.config.states,
                min(block, chunks - first),
                self.config.state_bits,
                segmented_words,
            )
            # Whole chunks are drawn; the samples beyond SAMPLES do not count.
            beyond = first * CHUNK + np.arange(nll.size).reshape(nll.shape) >= run["SAMPLES"]
            nll = np.where(beyond, IMPOSSIBLE, nll)
            labels = np.array([states[column].astype(np.int64) + start for column, start in targets])
            here = labels if run.histogram and len(labels) else None
            status |= self._back_end(run.output(), memory, first, nll, np.zeros(CHUNK, np.int64), here)
        return status

    def _data(self, run: _Run, memory: Memory) -> int:
        if run.load:
            self._load_program(run, memory)
        program = image.read_program(self._program[: run["PROGRAM"]], self.config.parents)
        targets = [column for column, _ in image.read_targets(self._targets[: run["TARGETS"]])]
        records, stride = run["EVIDENCES"], -(-run["COLUMNS"] // _BEAT) * _BEAT
        totals = np.zeros(self.limits["CAP_COUNTS"], np.int64)
        block = max(1, _BLOCK // CHUNK // max(1, len(program) // 32))
        status = 0
        for first in range(0, records, block):
            rows = min(block, records - first)
            raw = memory.read(run.address("BATCH") + first * stride, rows * stride)
            data = np.full((rows, self.config.states), MISSING, np.uint8)
            seen = np.frombuffer(raw, np.uint8).reshape(rows, stride)[:, : run["COLUMNS"]]
            data[:, : run["COLUMNS"]] = seen
            nll, places = record_chunk(
                program, self._table, self._generators, data, self.config.state_bits, segmented_words
            )
            nll = np.where(np.arange(CHUNK) >= run["SAMPLES"], IMPOSSIBLE, nll)
            status |= self._back_end(run.output(), memory, first, nll, np.zeros(CHUNK, np.int64), None)
            count(totals, golden.weights(nll, golden.minimum(nll)), places, targets)
        padded = np.zeros(-(-run["BINS"] // 2) * 2, "<u8")
        padded[: run["BINS"]] = totals[: run["BINS"]]
        memory.write(run.address("WEIGHT"), padded.tobytes())
        return status

    def _load_program(self, run: _Run, memory: Memory) -> None:
        parts = (STREAMS * run.seeds, run["PROGRAM"], run["TARGETS"], run["TABLE"])
        words = _read(memory, run.address("IMAGE"), sum(parts)).reshape(-1, 4)
        seeds, program, targets, table = np.split(words, np.cumsum(parts)[:-1])
        if run.seeds:
            self._generators[:] = seeds
        self._program[: len(program)] = program
        self._targets[: len(targets)] = targets
        self._table[: table.size] = table.ravel()

    def _back_end(
        self,
        output: _Output,
        memory: Memory,
        first: int,
        nll: golden.Integers,
        samples: np.ndarray,  # type: ignore[type-arg]
        labels: np.ndarray | None,  # type: ignore[type-arg]
    ) -> int:
        """Weigh, sum, count and write a block of evidences or chunks; ``nll`` is [rows, samples]."""
        smallest = golden.minimum(nll)
        w = golden.weights(nll, smallest)
        total, moment, squares = golden.sums(w, samples)
        records = np.zeros(len(nll), image.record_dtype(output.bins))
        records["W"], records["S1"], records["S2"], records["L_MIN"] = total, moment, squares, smallest
        for row, value in enumerate(smallest.tolist()):
            zero, satz = golden.flags(value)
            records["FLAGS"][row] = zero | satz << 1
        if labels is not None:
            self._count(records, w, labels)
        if output.records is not None:
            memory.write(output.records + first * records.itemsize, records.tobytes())
        if output.weights is not None:
            words = np.zeros((len(w), -(-w.shape[1] // 4) * 4), "<u4")
            words[:, : w.shape[1]] = w
            memory.write(output.weights + first * words[0].nbytes, words.tobytes())
        self._keep(records[-1])
        return int(np.bitwise_or.reduce(records["FLAGS"])) << 8

    def _count(self, records: np.ndarray, w: golden.Integers, labels: np.ndarray) -> None:  # type: ignore[type-arg]
        """Fill the bins; ``labels`` is [targets, rows, samples] or [1, samples] for all rows."""
        for row in range(len(w)):
            here = labels[:, row] if labels.ndim == 3 else labels
            h, q = golden.histogram(np.broadcast_to(w[row], here.shape), here, self.config.bins)
            bins = records["BINS"].shape[1]
            records["BINS"]["H"][row], records["BINS"]["Q"][row] = h[:bins], q[:bins]

    def _keep(self, record: np.void) -> None:
        for name in ("W", "S1", "S2"):
            value = int(record[name]) & ((1 << 64) - 1)
            self._results[f"{name}_LO"], self._results[f"{name}_HI"] = value & 0xFFFF_FFFF, value >> 32
        self._results["L_MIN"] = int(record["L_MIN"])


def _signed(cue: int) -> int:
    return cue - ((cue & 0x8000) << 1)


def _read(memory: Memory, address: int, beats: int) -> golden.Words:
    return np.frombuffer(memory.read(address, beats * _BEAT), "<u4").astype(np.uint32)
