"""Random runs of the kernel, for tests and self-tests: settings, events and commands of every kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spynq.sgf.params import KERNEL, Child, Kind, SgfConfig, Window
from spynq.sgf.setting import Bit, Gate, Path, Setting
from spynq.sgf.statistics import TEMPORAL_FIRST, names
from spynq.sgf.words import Words, command, event_words, label, pause, scale, writes

__all__ = ["SMALL", "Start", "random_setting", "random_start", "random_trial"]

SMALL = SgfConfig(size=8, frames=6, classes=5, rows=8, bits=16, thetas=2, table=4)
"""A build that simulates in no time, and whose table and counters are soon full."""

_MODE = {field.name: field for field in KERNEL.register("MODE").fields}


@dataclass(frozen=True)
class Start:
    """Registers and words of one run; the last word is a PAUSE."""

    registers: dict[str, int]
    words: list[int]


def random_setting(rng: np.random.Generator, config: SgfConfig) -> Setting:
    """Two units below unit A, a rule, and bits that come up about as often as not."""
    places = list(names(config).values())
    spatial = [place for place in places if place < TEMPORAL_FIRST]

    def bits(count: int, kinds: list[int]) -> tuple[Bit, ...]:
        spread = int(rng.choice([3, 12, 60]))
        return tuple(Bit(int(rng.choice(kinds)), int(rng.integers(-3, spread))) for _ in range(count))

    most = config.bits
    kinds = spatial if rng.integers(2) else places
    rule = Gate(Child.RULE, 3, 4, int(rng.choice(places)))
    third = (Gate(Child.UNIT_C, 6, 2), rule)[int(rng.integers(2))]
    return Setting(
        thetas=tuple(int(v) for v in rng.integers(0, 3, config.thetas)),
        bits=(
            bits(int(rng.integers(1, most + 1)), kinds),
            bits(int(rng.integers(most)), places),
            bits(5, spatial),
        ),
        count=4,
        gates={0: Gate(first=0), 1: Gate(Child.UNIT_B, 4, 2), 2: third, 3: rule}
        | {row: Gate(first=row - 3) for row in range(4, 8)},
        paths={0: Path(0), 1: Path(1, 1, 4), 2: Path(1, 1, 5), 3: Path(2, 2, 6), 4: Path(3)},
    )


def random_registers(rng: np.random.Generator, config: SgfConfig) -> dict[str, int]:
    """How trials are cut and scored; small frames, so that a few events make several."""
    by_time = int(rng.integers(4) == 0)
    mode = {
        "TIME": by_time, "KEEP_PARTIAL": rng.integers(2), "MIRROR_X": rng.integers(2),
        "MIRROR_Y": rng.integers(2), "ALLOW_EMPTY": rng.integers(2), "AUTO": rng.integers(4) == 0,
        "SCORING": rng.integers(4),
    }  # fmt: skip
    sensor = [int(rng.choice([config.size, config.size + 3, 2 * config.size])) for _ in range(2)]
    return {
        "MODE": sum(_MODE[name].insert(int(value)) for name, value in mode.items()),
        "EVENTS": int(rng.choice([1, 7, 16, 16, 40])),
        "FRAMES": int(rng.integers(1, config.frames + 1)),
        "FRAME_US": int(rng.integers(100, 900)) * by_time,
        "TIMEOUT_US": int(rng.choice([0, 0, 300])),
        "SCALE_X": scale(config.size, sensor[0]),
        "SCALE_Y": scale(config.size, sensor[1]),
        "ACTIVE": int(rng.integers(0, 6)),
        "REPORT": int(rng.choice([0, 0b00111, 0b11111, int(rng.integers(32))])),
    }


def random_trial(rng: np.random.Generator, size: int, count: int) -> Words:
    """Events of a trial: mostly bright, some outside, and now and then a step back in time."""
    gaps = rng.integers(0, 60, count) - 40 * (rng.random(count) < 0.02)
    t = np.cumsum(gaps) + int(rng.integers(1 << 33))
    x, y = rng.integers(0, size + (rng.integers(3) == 0), (2, count))
    words = event_words(t, x, y, (rng.random(count) < 0.8).astype(int), end=bool(rng.integers(8)))
    gone = rng.random(len(words)) < 0.02
    return np.where(gone, words & ~np.uint64(1 << 29), words)


def _commands(rng: np.random.Generator, config: SgfConfig) -> Iterator[int]:
    """Commands between trials: labels most of all, good and bad ones."""
    kind = int(rng.integers(14))
    if kind < 7:
        yield label(int(rng.integers(config.classes + (rng.integers(8) == 0))), teach=bool(rng.integers(5)))
    elif kind == 7:
        yield command(Kind.FORGET, int(rng.integers(config.rows + 1)))
    elif kind == 8:
        yield command(Kind.DROP)
    elif kind == 9:
        part = (Window.TRIALS, Window.TABLE, Window.COUNT, Window.GATE)[int(rng.integers(4))]
        yield command(Kind.READ, part + int(rng.integers(64)), int(rng.integers(40)))
    elif kind == 10:
        # Near the limit, so that rows are halved and sums saturate.
        row = int(rng.integers(config.rows))
        yield command(Kind.WRITE, Window.TRIALS + row, 0xFFFF)
        yield command(Kind.ADD, Window.COUNT + 256 * row + int(rng.integers(config.bits)), 0xFFF0)
        yield command(Kind.ADD, Window.TRIALS + row, int(rng.integers(3)))
    elif kind == 11:
        yield command(Kind.ADD, int(rng.choice([Window.TABLE, Window.PATH, 0x900])), 1)
    elif kind == 12 and rng.integers(4) == 0:
        yield command(Kind.CLEAR)


def random_start(
    rng: np.random.Generator,
    config: SgfConfig,
    *,
    trials: int = 8,
    after: Start | None = None,
    setting: Setting | None = None,
) -> Start:
    """A run of several trials.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where everything comes from.
    config : SgfConfig
        Build parameters.
    trials : int
        Trials, not all of which end.
    after : Start, optional
        The run before, whose registers and configuration stay, and whose last trial goes on; else what
        the kernel held before does not matter.
    setting : Setting, optional
        What is written before the trials; by default :func:`random_setting`.
    """
    registers = random_registers(rng, config) if after is None else after.registers
    words: list[int] = []
    if after is None:
        words += [command(Kind.DROP), command(Kind.CLEAR)]
        # Every bit of the table is written, as what it holds at first is not said.
        words += writes((Window.BIT + 256 * u + b, 0) for u in range(3) for b in range(config.bits))
        words += writes((setting or random_setting(rng, config)).entries(config))
    for _ in range(trials):
        words += _commands(rng, config)
        most = registers["EVENTS"] * (registers["FRAMES"] + 2) if registers["FRAME_US"] == 0 else 100
        words += random_trial(rng, config.size, int(rng.integers(0, min(most, 250) + 1))).tolist()
    return Start(registers, [*words, pause()])
