"""Driver of the sampling tree: every limit is checked before the hardware is touched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.driver import DEFAULT_TIMEOUT
from spynq.errors import SpynqError
from spynq.stm import image
from spynq.stm.driver_base import Held, fetch, whole, within, within_all
from spynq.stm.driver_tree import TreeCalls
from spynq.stm.golden import Operation, generator_states
from spynq.stm.golden_records import MISSING
from spynq.stm.params import CHUNK, MAX_GAIN_BITS, STREAMS
from spynq.stm.results import FlatResult, RecordsResult, WeightingResult

__all__ = ["FlatResult", "StmDriver", "WeightingResult"]

_SEED_BYTES = STREAMS * 16
_RESULT_BYTES = 1 << 24
"""Records of one start at most; a longer likelihood-weighting run is cut into several starts."""


def _evidences(
    cues: npt.ArrayLike, gains: npt.ArrayLike, terms: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    cue, gain = np.atleast_2d(whole("cues", cues)), np.atleast_2d(whole("gains", gains))
    if cue.shape != gain.shape or cue.ndim != 2 or cue.shape[1] != terms or not len(cue):
        raise ValueError(
            f"cues and gains must both have shape [{terms}] or [evidences, {terms}], "
            f"not {list(cue.shape)} and {list(gain.shape)}"
        )
    within("evidences", len(cue), 1, (1 << 24) - 1, "split the batch")
    within_all("cue", cue, -(1 << 15), (1 << 15) - 1, "rescale the grid")
    within_all("gain", gain, 0, (1 << MAX_GAIN_BITS) - 1, "an sd needs at least 28 grid steps")
    return cue, gain


class StmDriver(TreeCalls):
    """Gaussian cues on a resident population, likelihood weighting of a discrete network, and trees."""

    _population: Held | None = None
    _program: Held | None = None

    # Flat populations

    def load_population(
        self, columns: npt.ArrayLike, labels: npt.ArrayLike | None = None, bins: int | None = None
    ) -> None:
        """Set the population that the next :meth:`flat` loads and later ones find resident.

        Parameters
        ----------
        columns : array_like of int, shape [terms, samples]
            Samples on the grid, signed 16 bit. Term t reads row t; a coordinate with several cues
            comes several times.
        labels : array_like of int, shape [samples], optional
            Histogram bin of each sample.
        bins : int, optional
            Histogram bins; by default one more than the largest label.

        Raises
        ------
        ValueError
            A size or value is beyond this kernel; nothing has been touched.
        """
        limit = self.capabilities
        array = whole("samples", columns)
        if array.ndim != 2:
            raise ValueError(f"columns must have shape [terms, samples], not {array.shape}")
        if not limit["CAP_TERMS"]:
            raise SpynqError("this kernel has no flat front end; build it with terms of at least 1")
        within("columns (terms of an evidence)", array.shape[0], 1, limit["CAP_COLUMNS"])
        within("samples", array.shape[1], 1, limit["CAP_POPULATION"], "use fewer, or a larger population=")
        within_all("sample", array, -(1 << 15), (1 << 15) - 1, "rescale the grid")
        bins = self._check_labels(labels, bins, array.shape[1])
        words = image.population_image(array, labels)
        buffer = self._room("population", words.size)
        buffer[: words.size] = words
        buffer.sync_to_device()
        settings = {"TERMS": array.shape[0], "SAMPLES": array.shape[1]}
        self._population = Held(buffer, buffer.device_address, settings, bins)

    def _check_labels(self, labels: npt.ArrayLike | None, bins: int | None, samples: int) -> int:
        if labels is None:
            return 0
        array = whole("labels", labels)
        if array.shape != (samples,):
            raise ValueError(f"labels must have shape [{samples}], one per sample, not {list(array.shape)}")
        bins = int(array.max()) + 1 if bins is None else int(bins)
        within("bins", bins, 1, self.capabilities["CAP_BINS"], "use wider bins")
        within_all("label", array, 0, bins - 1)
        return bins

    def flat(
        self,
        cues: npt.ArrayLike,
        gains: npt.ArrayLike,
        *,
        histogram: bool = False,
        weights: bool = False,
        reload: bool = False,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> FlatResult:
        """Weigh the population under one evidence or a batch of them, in one start.

        One evidence without histogram goes through registers alone.

        Parameters
        ----------
        cues, gains : array_like of int, shape [terms] or [evidences, terms]
            Cue on the grid, signed 16 bit; gain 0 to 2**26 - 1, where 0 ignores the cue.
        histogram : bool
            Sum weights per label.
        weights : bool
            Bring every sample's weight.
        reload : bool
            Read the population from memory again though it is resident.
        timeout : float
            Seconds.
        """
        held = self._population
        if held is None:
            raise SpynqError("no population is loaded; call load_population() first")
        cue, gain = _evidences(cues, gains, held.settings["TERMS"])
        if histogram and not held.bins:
            raise ValueError("a histogram needs labels; pass them to load_population()")

        self._settle(timeout)
        samples = held.settings["SAMPLES"]
        load = reload or not self._holds(held)
        # The image holds the labels, so a run that loads them has to count them.
        counted = held.bins if histogram or (load and held.bins) else 0
        batch = np.ndim(cues) == 2
        records = batch or histogram
        self._give(cue, gain, batch)
        kind = image.record_dtype(counted)
        result = self._target("RESULT", len(cue) * kind.itemsize) if records else None
        padded = -(-samples // 4) * 4
        weight = self._target("WEIGHT", len(cue) * padded * 4) if weights else None
        mode = ("LOAD" * load, "BATCH" * batch, "HISTOGRAM" * bool(counted), "WEIGHTS" * weights)
        what = f"{len(cue)} evidence{'s' * (len(cue) > 1)} on {samples} samples"
        flags = self._perform(held, load, [*mode, "RECORDS" * records], counted, what, timeout)
        found = self._last_record() if result is None else fetch(result, len(cue) * kind.itemsize).view(kind)
        drawn = None
        if weight is not None:
            drawn = fetch(weight, len(cue) * padded * 4).view("<u4").reshape(-1, padded)[:, :samples]
        return FlatResult(found, drawn, flags, self.cycles())

    def _give(self, cue: npt.NDArray[np.int64], gain: npt.NDArray[np.int64], batch: bool) -> None:
        """Cues and gains to the kernel: a batch through memory, one evidence through registers."""
        if batch:
            self._place_batch(cue, gain)
            return
        for t in range(cue.shape[1]):
            self.set(f"CUE{t}", int(cue[0, t]) & 0xFFFF)
            self.set(f"GAIN{t}", int(gain[0, t]))

    def _place_batch(self, cue: npt.NDArray[np.int64], gain: npt.NDArray[np.int64]) -> None:
        words = image.batch_image(cue, gain)
        buffer = self._room("batch", words.size)
        buffer[: words.size] = words
        buffer.sync_to_device()
        self.set("EVIDENCES", len(cue))
        self.set_address("BATCH", buffer.device_address)

    def _last_record(self) -> npt.NDArray[Any]:
        """The record of the last evidence, from registers."""
        record = np.zeros(1, image.record_dtype())
        record["W"], record["S2"] = self.get_wide("W"), self.get_wide("S2")
        record["S1"] = np.array([self.get_wide("S1")], np.uint64).view(np.int64)
        record["L_MIN"], record["FLAGS"] = self.get("L_MIN"), self.get("STATUS") >> 8 & 3
        return record

    # Likelihood weighting

    def load_program(
        self,
        program: Sequence[Operation],
        targets: Sequence[tuple[int, int]],
        table: npt.ArrayLike,
        bins: int = 0,
    ) -> None:
        """Set the program that the next :meth:`weighting` loads and later ones find resident.

        Parameters
        ----------
        program : sequence of Operation
        targets : sequence of (int, int)
            State column and bin of its state 0.
        table : array_like of uint32
        bins : int
            Bins brought back per chunk; 0: none.

        Raises
        ------
        ValueError
            A size or value is beyond this kernel; nothing has been touched.
        """
        limit = self.capabilities
        if not limit["CAP_STATES"]:
            raise SpynqError("this kernel has no likelihood weighting; build it with states of at least 4")
        entries = np.asarray(table)
        words = image.program_words(program, limit["CAP_PARENTS"])
        within("program words", len(words), 1, limit["CAP_PROGRAM"], "use a larger program=")
        beats = -(-entries.size // 4)
        within("table entries", 4 * beats, 0, limit["CAP_TABLE"], "use a larger table=")
        within("targets", len(targets), 0, limit["CAP_TARGETS"], "query fewer nodes at a time")
        within("bins", bins, 1 if targets else 0, limit["CAP_BINS"], "query fewer nodes at a time")
        columns = [op.column for op in program] + [column for column, _ in targets]
        columns += [column for op in program for column, _ in op.parents]
        within("state column", max(columns), 0, limit["CAP_STATES"] - 1, "use a larger states=")
        within(
            "log2 of the states of a node",
            max(op.log2_states for op in program),
            0,
            limit["CAP_STATE_BITS"],
            "use a larger state_bits=",
        )
        body = image.weighting_image(program, targets, entries, limit["CAP_PARENTS"])
        start = _SEED_BYTES // 4
        buffer = self._room("program", start + body.size)
        buffer[start : start + body.size] = body
        settings = {"PROGRAM": len(words), "TARGETS": len(targets), "TABLE": beats}
        self._program = Held(buffer, buffer.device_address, settings, bins)

    def weighting(
        self, samples: int, seed: int | None = None, *, timeout: float = DEFAULT_TIMEOUT
    ) -> WeightingResult:
        """Draw and weigh samples with the loaded program.

        Parameters
        ----------
        samples : int
            Samples to draw and count; whole chunks of 1,024 are drawn.
        seed : int, optional
            Sets the generators first. Without it they go on from the last run.
        timeout : float
            Seconds, for each start; a long run is cut into several.
        """
        held = self._program
        if held is None:
            raise SpynqError("no program is loaded; call load_program() first")
        samples = self.kernel.limits[0].check(int(samples), "split the run")
        if seed is None and not self._holds(held):
            raise SpynqError("the generators have no state to go on from; pass a seed")
        if seed is not None and seed < 0:
            raise ValueError(f"seed must be at least 0, not {seed}")
        kind = image.record_dtype(held.bins)
        block = max(1, _RESULT_BYTES // kind.itemsize) * CHUNK
        parts, cycles = [], 0
        flags: dict[str, bool] = {}
        for first in range(0, samples, block):
            count = min(block, samples - first)
            found, now = self._weigh(held, count, seed if first == 0 else None, timeout)
            parts.append(found)
            cycles += self.cycles()
            flags = {name: value or flags.get(name, False) for name, value in now.items()}
        return WeightingResult(np.concatenate(parts), flags, cycles, samples)

    def _weigh(
        self, held: Held, samples: int, seed: int | None, timeout: float
    ) -> tuple[npt.NDArray[Any], dict[str, bool]]:
        self._settle(timeout)
        kind = image.record_dtype(held.bins)
        size = image.chunks(samples) * kind.itemsize
        result = self._target("RESULT", size)
        load = seed is not None
        if seed is not None:
            held.buffer[: _SEED_BYTES // 4] = generator_states(seed).ravel()
            held.buffer.sync_to_device()
        held.settings["SAMPLES"] = samples
        mode = [
            "WEIGHTING",
            "RECORDS",
            "LOAD" * load,
            "SEEDS" * load,
            "HISTOGRAM" * bool(held.bins),
        ]
        flags = self._perform(held, load, mode, held.bins, f"{samples} samples", timeout)
        return fetch(result, size).view(kind), flags

    def records(
        self, data: npt.ArrayLike, samples: int, counts: int, seed: int, *, timeout: float = DEFAULT_TIMEOUT
    ) -> RecordsResult:
        """Expected counts of a data set: the E step of EM, with the loaded program.

        The program has one drawing operation per node and the table both its halves; see
        :mod:`spynq.stm.golden_records`.

        Parameters
        ----------
        data : array_like of int, shape [records, columns]
            Observed state of each state column, 255 where it is missing.
        samples : int
            Samples drawn for each record, 1 to 1,024.
        counts : int
            Entries of counts brought back.
        seed : int
            Sets the generators.
        timeout : float
            Seconds.
        """
        limit, held = self.capabilities, self._program
        if not limit["CAP_COUNTS"]:
            raise SpynqError("this kernel does not count records; build it with counts=1")
        if held is None:
            raise SpynqError("no program is loaded; call load_program() first")
        array = whole("data", data)
        if array.ndim != 2:
            raise ValueError(f"data must have shape [records, columns], not {list(array.shape)}")
        within("records", len(array), 1, (1 << 24) - 1, "split the data")
        within("columns of data", array.shape[1], 1, limit["CAP_STATES"], "use a larger states=")
        within_all("state", array, 0, MISSING)
        within("samples of a record", samples, 1, CHUNK, "count the data again with another seed")
        within("counts", counts, 1, limit["CAP_COUNTS"], "use a larger table=")
        if seed < 0:
            raise ValueError(f"seed must be at least 0, not {seed}")
        self._settle(timeout)
        words = image.data_image(array)
        buffer = self._room("batch", words.size)
        buffer[: words.size] = words
        buffer.sync_to_device()
        self.set("EVIDENCES", len(array))
        self.set("COLUMNS", array.shape[1])
        self.set_address("BATCH", buffer.device_address)
        kind = image.record_dtype()
        result = self._target("RESULT", len(array) * kind.itemsize)
        weight = self._target("WEIGHT", -(-counts // 2) * 16)
        held.buffer[: _SEED_BYTES // 4] = generator_states(seed).ravel()
        held.buffer.sync_to_device()
        held.settings["SAMPLES"] = samples
        mode = ["WEIGHTING", "DATA", "RECORDS", "LOAD", "SEEDS"]
        what = f"{len(array)} records of {samples} samples"
        flags = self._perform(held, True, mode, counts, what, timeout)
        found = fetch(result, len(array) * kind.itemsize).view(kind)
        return RecordsResult(found, fetch(weight, counts * 8).view("<u8"), flags, self.cycles())

    def _forget(self) -> None:
        super()._forget()
        self._population = self._program = None
