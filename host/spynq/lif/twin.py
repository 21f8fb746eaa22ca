"""The HLS twin: constants of its header, and runs to compare it in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.lif.assemble import assemble
from spynq.lif.codes import Bias, Leak, Op, Output, Pool, Refractory, Reset, WeightFormat
from spynq.lif.errors import LifError
from spynq.lif.generator import Case, random_case
from spynq.lif.golden import PLAN_BEATS
from spynq.lif.image import Image, Task
from spynq.lif.params import BEAT_BYTES, FEATURES, LANES, LifConfig, mask

__all__ = ["SMALL", "Start", "cases", "constants"]

_CODES = {
    "OP": Op,
    "POOL": Pool,
    "FORMAT": WeightFormat,
    "RESET": Reset,
    "LEAK": Leak,
    "REFRACTORY": Refractory,
    "BIAS": Bias,
    "OUTPUT": Output,
}
_ALL = mask(*FEATURES)
SMALL = LifConfig(columns=4, weights=2048, maps=16, units=8, rounds=8, features=_ALL)
"""Build whose runs are compared: small, so that layers are cut, and with all that the golden model has."""
_WORK = 20_000
"""Additions of a dense sample at most."""
_ROOM = 1 << 17
"""Bytes of an image at most."""
_UNKNOWN = 9
"""An operation that no build has."""


def constants(config: LifConfig) -> dict[str, Any]:
    """Build parameters, numbers of the formats and codes by their names in C++."""
    return {
        **config.capabilities(),
        "LANES": LANES,
        "PLAN_BEATS": PLAN_BEATS,
        "FORMAT_WIDTHS": [form.bits for form in WeightFormat],
        **{f"FEATURE_{name.upper()}": bit for bit, name in enumerate(FEATURES)},
        **{f"{kind}_{item.name}": int(item) for kind, items in _CODES.items() for item in items},
    }


@dataclass(frozen=True)
class Start:
    """One start of the engine.

    Parameters
    ----------
    name : str
        What it shows.
    registers : dict of str to int
        Every ``rw`` register.
    blocks : dict of int to ndarray of uint32
        Memory before the run, by byte address.
    """

    name: str
    registers: dict[str, int]
    blocks: dict[int, npt.NDArray[np.uint32]]


def _start(
    name: str, rng: np.random.Generator, image: Image, content: npt.NDArray[np.uint8], **registers: int
) -> Start:
    base = int(rng.integers(0, 64)) * BEAT_BYTES
    usual = {
        "MODE": int(rng.integers(0, 2)), "LIMIT": 65_535, "BASE_LO": base, "BASE_HI": 0, "LIST": image.start,
        "RECORDS": image.records,
    }  # fmt: skip
    return Start(name, {**usual, **registers}, {base: content.view("<u4")})


def _content(image: Image, case: Case) -> npt.NDArray[np.uint8]:
    """Memory of a run: constants, the input, zeros."""
    content = np.zeros(image.beats * BEAT_BYTES, np.uint8)
    content[: len(image.content)] = np.frombuffer(image.content, np.uint8)
    image.input.put(content, case.values)
    return content


def _put(content: npt.NDArray[np.uint8], beat: int, data: bytes) -> None:
    content[beat * BEAT_BYTES : beat * BEAT_BYTES + len(data)] = np.frombuffer(data, np.uint8)


def _drawn(rng: np.random.Generator, **options: Any) -> Iterator[tuple[Case, Image]]:
    """Random networks compiled for the small build, without an end."""
    build = replace(SMALL, features=_ALL)
    while True:
        case = random_case(int(rng.integers(1 << 32)), work=_WORK, config=build)
        try:
            image = assemble(
                case.network, build, samples=len(case.values), **{"chunk": case.chunk, **options}
            )
        except LifError:
            # Delays over sliding steps take no membranes of a run before.
            continue
        if image.beats * BEAT_BYTES <= _ROOM:
            yield case, image


def _corners(rng: np.random.Generator) -> Iterator[Start]:
    """Runs that are refused, end early or skip a descriptor."""
    drawn = _drawn(rng)
    case, image = next(drawn)
    content = _content(image, case)
    yield _start("no limit", rng, image, content, LIMIT=0)
    yield _start("unaligned base", rng, image, content, BASE_LO=24)
    case, image = next((c, i) for c, i in drawn if len(i.tasks) > 2)
    content, last = _content(image, case), len(image.tasks) - 1
    yield _start("just enough", rng, image, content, LIMIT=last)
    yield _start("endless", rng, image, content, LIMIT=last - 1, MODE=1)
    yield _start("empty list", rng, image, content, LIST=image.tasks[-1].beat)
    for task in image.tasks[:2]:
        yield _start("barrier", rng, image, _with(content, task, op=Op.BARRIER), MODE=1)
        yield _start("unknown operation", rng, image, _with(content, task, op=_UNKNOWN), MODE=1)
        changed = content.copy()
        _put(changed, task.descriptor.params, replace(task.plan, columns=SMALL.columns // 2).pack())
        yield _start("other columns", rng, image, changed)
    marked = content.copy()
    _put(marked, 0, image.content_with(True))
    yield _start("resident weights", rng, image, marked)


def _with(content: npt.NDArray[np.uint8], task: Task, **fields: Any) -> npt.NDArray[np.uint8]:
    """The content with other fields of one descriptor."""
    changed = content.copy()
    _put(changed, task.beat, replace(task.descriptor, **fields).pack())
    return changed


def _going_on(rng: np.random.Generator) -> Start:
    """Any membranes and refractory steps at the begin, and all of them kept at the end."""
    drawn = _drawn(rng, first=False, last=False)
    case, image = next((c, i) for c, i in drawn if any(task.plan.state_sample for task in i.tasks))
    content = _content(image, case)
    # Membranes of all layers lie between the maps and the counters.
    begin = min(task.descriptor.states for task in image.tasks if task.plan.state_sample)
    words = rng.integers(0, 1 << 26, (image.records - begin) * BEAT_BYTES // 4)
    _put(content, begin, words.astype("<u4").tobytes())
    return _start("going on", rng, image, content)


def cases(rng: np.random.Generator) -> Iterator[Start]:
    """Runs of every kind, without an end: corners first, then random ones."""
    yield from _corners(rng)
    drawn = _drawn(rng)
    for number in count():
        case, image = next(drawn)
        yield _start(f"seed {case.seed}", rng, image, _content(image, case))
        if number % 8 == 0:
            yield _going_on(rng)
