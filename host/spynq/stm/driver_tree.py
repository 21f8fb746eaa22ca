"""Tree runs of the driver: a list of steps in one start, pools resident between starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.driver import DEFAULT_TIMEOUT
from spynq.errors import SpynqError
from spynq.stm import image
from spynq.stm.driver_base import Held, StmBase, fetch, within
from spynq.stm.golden import Words
from spynq.stm.model_tree import fits
from spynq.stm.results import TreeResult
from spynq.stm.step import STEP_BEATS, Op, Step, step_words

__all__ = ["Task", "TreeCalls"]

_ALIGN = 16
_READERS = (Op.COLUMN, Op.LABELS, Op.COUNTS, Op.CODES)


@dataclass(frozen=True)
class Task:
    """A step and the words it reads; the driver gives it its addresses.

    Parameters
    ----------
    step : Step
    data : ndarray of uint32, optional
        For COLUMN, LABELS, COUNTS and CODES one word per sample; for EDGE with ``table`` the rows of
        :func:`spynq.stm.image.code_rows`. The same array in several tasks is placed once.
    """

    step: Step
    data: npt.NDArray[Any] | None = None

    def words(self) -> int:
        """Words the step reads."""
        if self.step.op in _READERS:
            return self.step.samples
        if self.step.op == Op.EDGE and self.step.table:
            return self.step.rows * -(-self.step.samples // 4) * 4
        return 0

    def output(self) -> tuple[int, int]:
        """Bytes the step writes to its target, and as weights."""
        step, words = self.step, -(-self.step.samples // 4) * 16
        if step.op == Op.SPIKES:
            return words, 0
        if step.op != Op.CLOSE:
            return 0, 0
        bins = step.bins if step.histogram else 0
        record = image.record_dtype(bins).itemsize if step.records else 0
        return record, words if step.weights else 0


class TreeCalls(StmBase):
    """Calls of the tree front end."""

    _setup: Held | None = None
    _setup_tasks: Sequence[Task] = ()

    def load_tree(self, tasks: Sequence[Task]) -> None:
        """Set what the next :meth:`tree` does first, and later ones find resident: the pools.

        Parameters
        ----------
        tasks : sequence of Task
            Loads of columns, labels and multiplicities.

        Raises
        ------
        ValueError
            A size or value is beyond this kernel; nothing has been touched.
        """
        self._check_tasks(tasks)
        self._setup_tasks = tuple(tasks)
        self._setup = Held(None, 0, {})

    def tree(self, tasks: Sequence[Task], *, timeout: float = DEFAULT_TIMEOUT) -> TreeResult:
        """Run steps in one start.

        Parameters
        ----------
        tasks : sequence of Task
        timeout : float
            Seconds.

        Raises
        ------
        ValueError
            A size or value is beyond this kernel; nothing has been touched.
        """
        self._check_tasks(tasks)
        self._settle(timeout)
        held = self._setup or Held(None, 0, {})
        load = held.mark == 0 or not self._holds(held)
        before = self._setup_tasks if load else ()
        placed, outputs = self._place([*before, *tasks])
        held.address, held.settings = placed, {"SAMPLES": len(before) + len(tasks)}
        what = f"{len(tasks)} steps of a tree"
        self.set_address("IMAGE", placed)
        flags = self._perform(held, load, ["TREE"], 0, what, timeout)
        buffer = (self._buffers or {})["tree output"]
        found = fetch(buffer, max((end for _, end in outputs.values()), default=0))
        return self._result(tasks, len(before), outputs, found, flags)

    def _check_tasks(self, tasks: Sequence[Task]) -> None:
        limit = self.capabilities
        if not limit["CAP_EDGE"]:
            raise SpynqError("this kernel has no tree front end; build it with edge of at least 4")
        within("steps", len(tasks), 1, (1 << 20), "split the run")
        for index, task in enumerate(tasks):
            step = task.step
            what = f"step {index} ({getattr(step.op, 'name', step.op)})"
            given = 0 if task.data is None else task.data.size
            if given != task.words():
                raise ValueError(f"{what} reads {task.words()} words, not {given}")
            if step.op == Op.SPIKES and step.seed == 0:
                raise ValueError(f"{what} needs a seed above 0; draw 128 random bits")
            if not fits(replace(step, source=0, target=0, weight=0), limit):
                raise ValueError(
                    f"{what} does not fit this kernel ({step}); pools start at multiples of "
                    f"{limit['CAP_EDGE']} and end before {limit['CAP_POPULATION']}, columns are "
                    f"0 to {limit['CAP_COLUMNS'] - 1}, bins at most {limit['CAP_BINS']}"
                )

    def _place(self, tasks: Sequence[Task]) -> tuple[int, dict[tuple[int, str], tuple[int, int]]]:
        """Put list and data into memory; returns the list's address, and where outputs begin and end."""
        sizes = {id(t.data): -(-t.data.size // 4) * _ALIGN for t in tasks if t.data is not None}
        offsets, end = {}, len(tasks) * STEP_BEATS * _ALIGN
        for key, size in sizes.items():
            offsets[key], end = end, end + size
        outputs: dict[tuple[int, str], tuple[int, int]] = {}
        size = 0
        for index, task in enumerate(tasks):
            for kind, nbytes in zip(("target", "weight"), task.output(), strict=True):
                if nbytes:
                    outputs[index, kind] = (size, size + nbytes)
                    size += nbytes
        source = self._room("tree input", end // 4)
        target = self._room("tree output", size // 4)
        for task in tasks:
            if task.data is not None:
                start = offsets[id(task.data)] // 4
                source[start : start + task.data.size] = task.data.astype(np.int64) & 0xFFFF_FFFF
        steps = []
        for index, task in enumerate(tasks):
            addresses = {
                kind: target.device_address + outputs[index, kind][0]
                for kind in ("target", "weight")
                if (index, kind) in outputs
            }
            if task.data is not None:
                addresses["source"] = source.device_address + offsets[id(task.data)]
            steps.append(replace(task.step, **addresses))
        words = step_words(steps).ravel()
        source[: words.size] = words
        source.sync_to_device()
        return int(source.device_address), outputs

    def _result(
        self,
        tasks: Sequence[Task],
        skip: int,
        outputs: dict[tuple[int, str], tuple[int, int]],
        found: npt.NDArray[Any],
        flags: dict[str, bool],
    ) -> TreeResult:
        records: dict[int, npt.NDArray[Any]] = {}
        weights: dict[int, Words] = {}
        spikes: dict[int, Words] = {}
        for (place, kind), (start, end) in outputs.items():
            if place < skip:
                continue
            index, part = place - skip, found[start:end]
            step = tasks[index].step
            if kind == "weight":
                weights[index] = part.view("<u4")[: step.samples]
            elif step.op == Op.SPIKES:
                spikes[index] = part.view("<u4")[: step.samples]
            else:
                records[index] = part.view(image.record_dtype(step.bins if step.histogram else 0))
        return TreeResult(records, weights, spikes, self.get("LOST") / (1 << 16), flags, self.cycles())

    def _forget(self) -> None:
        super()._forget()
        self._setup, self._setup_tasks = None, ()
