"""Golden device of the spike gating flow: a run from the words that come in to those that go out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from spynq.contract import STATUS_FLAGS
from spynq.errors import SpynqError
from spynq.model import Memory, Streams
from spynq.sgf import golden, report
from spynq.sgf.counters import Counters
from spynq.sgf.frames import Cut, Framer, conditioned
from spynq.sgf.params import COMMAND, EVENT_WORD, KERNEL, RESULT, Kind, Report, SgfConfig
from spynq.sgf.statistics import TEMPORAL_FIRST
from spynq.sgf.window import Store
from spynq.sgf.words import pack

__all__ = ["SgfModel"]

_REFUSED = next(flag.mask for flag in STATUS_FLAGS if flag.name == "REFUSED")
_STATUS = {flag.name: flag.mask for flag in KERNEL.status_flags}
_COUNTED = (
    "EVENTS_IN", "DROPPED_RANGE", "DROPPED_LATE", "FRAMES_DONE", "TRIALS", "HALVINGS", "TABLE_OVERFLOWS",
    "EVALUATIONS_A", "EVALUATIONS_B", "EVALUATIONS_C", "ENGINE_RUNS",
)  # fmt: skip
_EVENT = {
    field.name: (np.uint64(field.lsb), np.uint64((1 << field.width) - 1)) for field in EVENT_WORD.fields
}
_KIND = {field.name: field for field in COMMAND.fields}


class _Run:
    """Registers of one start by their meaning."""

    def __init__(self, registers: Mapping[str, int], config: SgfConfig) -> None:
        mode = {f.name: f.extract(registers["MODE"]) for f in KERNEL.register("MODE").fields}
        self.scale = registers["SCALE_X"], registers["SCALE_Y"]
        self.mirror = bool(mode["MIRROR_X"]), bool(mode["MIRROR_Y"])
        self.least, self.report = registers["ACTIVE"], registers["REPORT"]
        self.allow_empty = bool(mode["ALLOW_EMPTY"])
        self.scoring = mode["SCORING"] if config.table or mode["SCORING"] < 2 else 0
        if self.scoring == 1 and not config.bayes:
            self.scoring = 0
        self.cut = Cut(
            config.size,
            registers["EVENTS"],
            registers["FRAMES"],
            bool(mode["TIME"]),
            registers["FRAME_US"],
            registers["TIMEOUT_US"],
            bool(mode["KEEP_PARTIAL"]),
            bool(mode["AUTO"]),
        )
        length = self.cut.frame_us if self.cut.by_time else self.cut.events
        self.refused = not (length and 1 <= self.cut.frames <= config.frames and all(self.scale))

    def reports(self, part: Report) -> bool:
        """Whether a part follows every result."""
        return bool(self.report >> part & 1)


class SgfModel:
    """Whole runs in integers; the model learnt, the window and the trial in hand stay between runs.

    Parameters
    ----------
    config : SgfConfig
        Build parameters.
    """

    def __init__(self, config: SgfConfig) -> None:
        self.config = config
        self.counters = Counters(config)
        self.store = Store(config, self.counters)
        self.reset()

    def reset(self) -> None:
        """What the reset pin does: the trial in hand is gone; model and window stay."""
        self._framer: Framer | None = None
        self._label: tuple[str, int] | None = None
        self._numbers = dict.fromkeys(_COUNTED, 0)
        self.store.reset()

    def start(
        self, registers: Mapping[str, int], memory: Memory, streams: Streams | None = None
    ) -> dict[str, int]:
        """Do one run; see :class:`spynq.model.Model`. It ends with the first PAUSE."""
        run = _Run(registers, self.config)
        if run.refused:
            return {**self._numbers, "STATUS": _REFUSED}
        if streams is None:
            raise SpynqError("sgf needs its streams")
        words, lasts = _taken(streams["s_axis"])
        self._numbers, self._bad = dict.fromkeys(_COUNTED, 0), False
        out: list[int] = []
        for first, last, is_command in _pieces(words, lasts):
            if is_command:
                self._command(int(words[first]), out)
            else:
                self._events(run, words[first:last], bool(lasts[last - 1]), out)
        streams["m_axis"].extend((word, False) for word in out)
        streams["m_axis"].append((0, True))
        began = self._framer is not None and self._framer.began
        status = _STATUS["BAD_WORD"] * self._bad | _STATUS["IN_TRIAL"] * began
        return {**self._numbers, "STATUS": status}

    def _command(self, word: int, out: list[int]) -> None:
        address, kind, data = (_KIND[name].extract(word) for name in ("ADDRESS", "KIND", "DATA"))
        if kind == Kind.LABEL:
            what = "teach" if _KIND["TEACH"].extract(word) else "out"
            asked = _KIND["TEACH"].extract(word) or _KIND["UNTEACH"].extract(word)
            self._label = (what, address) if asked else None
            self._bad |= address >= self.config.classes
        elif kind == Kind.CLEAR:
            self.counters.clear()
        elif kind == Kind.FORGET and address < self.config.rows:
            self.counters.forget(address)
        elif kind == Kind.WRITE:
            self._bad |= not self.store.write(address, data)
        elif kind == Kind.ADD:
            self._bad |= not self.store.add(address, data)
        elif kind == Kind.READ:
            for place in range(address, address + (data & 0xFFFF)):
                value = self.store.read(place & 0xFFFF)
                self._bad |= value is None
                out.append((value or 0) | (place & 0xFFFF) << 32)
        elif kind == Kind.DROP:
            self._framer, self._label = None, None
        else:
            self._bad |= kind != Kind.PAUSE

    def _events(self, run: _Run, words: NDArray[np.uint64], last: bool, out: list[int]) -> None:
        """Event words of which only the last may end the trial."""
        fields = {name: (words >> lsb & mask).astype(np.int64) for name, (lsb, mask) in _EVENT.items()}
        valid = fields["VALID"] == 1
        self._numbers["EVENTS_IN"] += int(valid.sum())
        size = self.config.size
        xs, ys, inside = conditioned(fields["X"], fields["Y"], size, *run.scale, *run.mirror)
        self._numbers["DROPPED_RANGE"] += int((valid & ~inside).sum())
        here = valid & inside
        columns = [column[here] for column in (fields["T"], xs, ys, fields["P"])]
        at, ended = 0, False
        while True:
            self._framer = self._framer or Framer(run.cut)
            late, frames = self._framer.late, len(self._framer.frames)
            at += self._framer.push(*(column[at:] for column in columns))
            self._numbers["DROPPED_LATE"] += self._framer.late - late
            self._numbers["FRAMES_DONE"] += len(self._framer.frames) - frames
            ended = run.cut.auto and self._framer.full
            if ended:
                self._end(run, out)
            if at == len(columns[0]):
                break
        # A word that has closed the last frame has ended the trial already.
        closed = ended and bool(here.size and here[-1])
        if (last or fields["END"][-1]) and not closed:
            self._end(run, out)

    def _end(self, run: _Run, out: list[int]) -> None:
        framer, label = self._framer or Framer(run.cut), self._label
        before = len(framer.frames)
        frames = framer.end()
        self._numbers["FRAMES_DONE"] += len(framer.frames) - before
        self._framer, self._label = None, None
        setting = self.store.setting
        trial = golden.features(
            frames, self.config, setting.thetas,
            wanted=run.cut.frames, least=run.least, reordered=framer.reordered,
        )  # fmt: skip
        if label is None:
            answer = golden.infer(trial, setting, self.counters, run.scoring)
        else:
            what, number = label
            answer = golden.teach(
                trial, setting, self.counters, number, out=what == "out", allow_empty=run.allow_empty
            )
        self._count(run, trial, answer)
        out.append(self._word(answer))
        out.extend(report.words(run.report, trial, answer, self.counters))
        self._numbers["TRIALS"] += 1

    def _count(self, run: _Run, trial: golden.Features, answer: golden.Answer) -> None:
        numbers = self._numbers
        for unit, name in enumerate("ABC"):
            numbers[f"EVALUATIONS_{name}"] += answer.opened >> unit & 1
        numbers["HALVINGS"] += answer.halvings
        numbers["TABLE_OVERFLOWS"] += answer.overflows
        setting = self.store.setting
        needed = any(setting.temporal(unit) for unit in answer.vectors)
        needed |= answer.rule is not None and answer.rule >= TEMPORAL_FIRST
        needed |= run.reports(Report.STATISTICS)
        numbers["ENGINE_RUNS"] += needed and not trial.empty

    def _word(self, answer: golden.Answer) -> int:
        return pack(
            RESULT,
            WINNER=answer.winner,
            SECOND=answer.second,
            SCORE=answer.score,
            OPEN=answer.opened,
            FLAGS=answer.flags,
            TRIAL=self._numbers["TRIALS"] & 0xFFFF,
        )


def _taken(beats: deque[tuple[int, bool]]) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Words up to the first PAUSE, taken out of the stream."""
    words: list[int] = []
    lasts: list[bool] = []
    while beats:
        word, last = beats.popleft()
        words.append(word)
        lasts.append(last)
        if _KIND["COMMAND"].extract(word) and _KIND["KIND"].extract(word) == Kind.PAUSE:
            return np.array(words, np.uint64), np.array(lasts, bool)
    beats.extend(zip(words, lasts, strict=True))
    raise SpynqError(
        f"sgf takes words until a PAUSE, and none is among the {len(words)} in s_axis; put one behind them"
    )


def _pieces(words: NDArray[np.uint64], lasts: NDArray[np.bool_]) -> Iterator[tuple[int, int, bool]]:
    """``(first, end, is command)``: single commands, and events up to the end of a trial or a command."""
    lsb, mask = _EVENT["COMMAND"]
    commands = (words >> lsb & mask) == 1
    lsb, mask = _EVENT["END"]
    ends = ~commands & (lasts | ((words >> lsb & mask) == 1))
    cuts = np.flatnonzero(commands | ends)
    first = 0
    for cut in cuts.tolist():
        if commands[cut]:
            if first < cut:
                yield first, cut, False
            yield cut, cut + 1, True
        else:
            yield first, cut + 1, False
        first = cut + 1
