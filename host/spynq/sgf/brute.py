"""Level 0: a trial by the equations of the paper, with loops over pixels and pairs; slow, for small inputs.

Nothing is shared with the golden model but names and constants: frames are dictionaries, eq. 4 is the
pairwise sum, and eq. 1 is asked of a table of vectors in fractions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import pairwise

from spynq.sgf.params import SKIP, SgfConfig
from spynq.sgf.statistics import REGIONS, ZONE_REGIONS

__all__ = ["Frame", "counts", "equation_1", "frames", "movement", "statistics"]

Frame = dict[tuple[int, int], int]
"""Active pixels of a frame: (row, column) to -1 or +1."""
Place = tuple[int, int]


def frames(events: Iterable[tuple[int, int, int, int]], count: int, most: int) -> list[Frame]:
    """Frames of ``count`` events ``(t, x, y, p)`` each, at most ``most``; the unfinished one is left out."""
    found: list[Frame] = []
    frame: Frame = {}
    seen = 0
    for _, x, y, p in events:
        if len(found) == most:
            break
        frame[y, x] = 1 if p else -1
        seen += 1
        if seen == count:
            found.append(frame)
            frame, seen = {}, 0
    return found


def counts(trial: Sequence[Frame], grid: int) -> dict[Place, int]:
    """CNT of every cell of 3 x 3 pixels, by eq. 2."""
    padded = [*trial, {}, {}]
    found = {}
    for cell in [(r, c) for r in range(grid) for c in range(grid)]:
        block = [(3 * cell[0] + i, 3 * cell[1] + j) for i in range(3) for j in range(3)]
        v, spikes = 0, []
        for frame in padded:
            u = v + sum(frame.get(pixel, 0) for pixel in block)
            spikes.append(int(u >= 2))
            v = 0 if u >= 2 else max(0, min(1, u))
        u, total = 0, 0
        for f in range(len(trial)):
            q = u + sum(spikes[f : f + 3])
            total += spikes[f] and q >= 2
            u = 0 if q >= 2 else q
        found[cell] = min(total, 127)
    return found


def movement(now: Sequence[int], before: Sequence[int], sense: int) -> int:
    """TE of eq. 4, pair by pair: active pixels with more than half of the earlier ones behind them.

    Parameters
    ----------
    now, before : sequence of int
        Location of every active pixel of a frame, and of the earlier frame, along an axis.
    sense : int
        +1 or -1.
    """
    total = 0
    for place in now:
        behind = sum(1 for other in before if sense * (place - other) > 0)
        total += 2 * behind > len(before)
    return total


def _active(trial: Sequence[Frame]) -> list[list[Place]]:
    """Pixels active in a frame and in the next one."""
    following = [*trial[1:], {}]
    return [sorted(set(a) & set(b)) for a, b in zip(trial, following, strict=True)]


def statistics(
    trial: Sequence[Frame], config: SgfConfig, thetas: Sequence[int], least: int
) -> dict[str, int]:
    """Every statistic of a trial by its name."""
    if not trial:
        return {}
    found = _spatial(counts(trial, config.grid), config, thetas)
    half, steps = config.size // 2, {}
    active = _active(trial)
    for region in REGIONS:
        columns = {"L": range(half), "R": range(half, config.size), "W": range(config.size)}[region]
        inside = [[pixel for pixel in frame if pixel[1] in columns] for frame in active]
        of_region, steps[region] = _temporal(inside, least)
        found |= {f"{name}_{region}": value for name, value in of_region.items()}
    for index, axis in enumerate("yx"):
        pairs = zip(steps["L"][index], steps["R"][index], strict=True)
        found[f"couple_{axis}"] = sum(a * b for a, b in pairs)
    return found | {"frames": len(trial)}


def _spatial(cnt: dict[Place, int], config: SgfConfig, thetas: Sequence[int]) -> dict[str, int]:
    half = config.zones // 2
    inside: dict[str, Callable[[int, int], bool]] = {
        "left": lambda r, c: c < half, "right": lambda r, c: c >= half, "whole": lambda r, c: True,
        "q00": lambda r, c: r < half and c < half, "q01": lambda r, c: r < half and c >= half,
        "q10": lambda r, c: r >= half and c < half, "q11": lambda r, c: r >= half and c >= half,
    }  # fmt: skip
    assert set(inside) == set(ZONE_REGIONS)
    found: dict[str, int] = {}
    for (row, column), value in cnt.items():
        zone = config.zone(row), config.zone(column)
        for name in [f"{zone[0]}_{zone[1]}", *(n for n, holds in inside.items() if holds(*zone))]:
            found[f"sum_{name}"] = found.get(f"sum_{name}", 0) + value
            for i, theta in enumerate(thetas):
                key = f"above_{name}_{i}"
                found[key] = found.get(key, 0) + (value > theta)
    return found


def _temporal(active: list[list[Place]], least: int) -> tuple[dict[str, int], tuple[list[int], list[int]]]:
    moves: tuple[list[int], list[int]] = ([], [])
    signs: tuple[list[int], list[int]] = ([], [])
    for f, now in enumerate(active):
        before = active[f - SKIP] if f >= SKIP else []
        tell = f >= SKIP and len(now) >= least and len(before) >= least
        for axis in (0, 1):
            here, there = [p[axis] for p in now], [p[axis] for p in before]
            d = movement(here, there, 1) - movement(here, there, -1) if tell else 0
            moves[axis].append(d)
            signs[axis].append((8 * d > len(now)) - (-8 * d > len(now)))
    path = [
        tuple(16 * sum(p[axis] for p in now) // len(now) for axis in (0, 1))
        for now in active
        if now and len(now) >= least
    ]
    down, right = signs
    found = {
        "down": down.count(1), "up": down.count(-1), "yrev": _turns(down),
        "right": right.count(1), "left": right.count(-1), "xrev": _turns(right),
        "rot": _rotation(down, right), "steady": len(path),
        "active": sum(map(len, active)),
    }  # fmt: skip
    return found | _shape(active, moves) | _path(path), signs


def _shape(active: list[list[Place]], moves: tuple[list[int], list[int]]) -> dict[str, int]:
    found = {}
    for axis, (letter, span) in enumerate((("y", "height"), ("x", "width"))):
        lines = [[pixel[axis] for pixel in now] for now in active]
        found[span] = sum(len(set(line)) for line in lines)
        found[f"peak_{letter}"] = sum(max((line.count(v) for v in line), default=0) for line in lines)
        found[f"move_{letter}"] = sum(map(abs, moves[axis]))
    return found


def _path(path: list[tuple[int, ...]]) -> dict[str, int]:
    n = len(path)
    mean = [sum(p[axis] for p in path) // n if n else 0 for axis in (0, 1)]
    about = [(p[0] - mean[0], p[1] - mean[1]) for p in path]
    swept = sum(a[1] * b[0] - a[0] * b[1] for a, b in zip(about, about[2:], strict=False))
    found = {"area": swept >> 8, "cy": mean[0], "cx": mean[1]}
    for axis, letter in enumerate("yx"):
        found[f"s{letter}"] = sum(abs(b[axis] - a[axis]) for a, b in zip(path, path[2:], strict=False))
        found[f"dev_{letter}"] = sum(abs(p[axis]) for p in about)
    return found


def _turns(signs: list[int]) -> int:
    told = [sign for sign in signs if sign]
    return sum(a != b for a, b in pairwise(told))


def _rotation(down: list[int], right: list[int]) -> int:
    lx = ly = rot = 0
    for y, x in zip(down, right, strict=True):
        nx, ny = x or lx, y or ly
        rot += lx * ny - ly * nx
        lx, ly = nx, ny
    return rot


def equation_1(table: Sequence[tuple[Sequence[int], int]], vector: Sequence[int]) -> Fraction:
    """Eq. 1 over the vectors of a class and how often each was taught: ``sum_j w_j mean(T_j == V)``."""
    whole = sum(count for _, count in table)
    total = Fraction(0)
    for taught, count in table:
        equal = sum(int(a) == int(b) for a, b in zip(taught, vector, strict=True))
        total += Fraction(count, whole) * Fraction(equal, len(vector))
    return total
