"""Random and named legal runs of the sampling tree: one source for every bit-equality test.

Registers that a run does not use hold random values. Named corner
cases and refusals are in :mod:`spynq.stm.corners`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from spynq.stm import image
from spynq.stm.golden import Operation, generator_states
from spynq.stm.params import CHUNK, IMPOSSIBLE, KERNEL, L_MAX, MAX_GAIN_BITS, StmConfig
from spynq.stm.starts import BlockMemory, Layout, Start, expected, start_registers

__all__ = [
    "BlockMemory",
    "Start",
    "expected",
    "flat_start",
    "random_flat",
    "random_weighting",
    "resident_flat",
    "resident_weighting",
    "weighting_start",
]

_MODE = {f.name: f for f in KERNEL.register("MODE").fields}
Array = npt.NDArray[np.int64]
_MAX_GAIN = (1 << MAX_GAIN_BITS) - 1


def flat_start(
    rng: np.random.Generator,
    config: StmConfig,
    samples: Array,
    cues: Array,
    gains: Array,
    *,
    name: str = "flat",
    labels: Array | None = None,
    bins: int = 0,
    batch: bool = False,
    records: bool = True,
    weights: bool = False,
    load: bool = True,
    base: int = 0x1000,
) -> Start:
    """A flat start from arrays: samples [terms, N], cues and gains [evidences, terms]."""
    terms, count = samples.shape
    evidences = len(cues) if batch else 1
    layout, blocks, outputs = Layout(rng, base), {}, {}
    used = {"SAMPLES": count, "TERMS": terms}
    if labels is not None:
        used["BINS"] = bins
    if load:
        words = image.population_image(samples, labels)
        address = layout.take(words.nbytes)
        blocks[address] = words
        used |= layout.pair("IMAGE", address)
    if batch:
        words = image.batch_image(cues, gains)
        address = layout.take(words.nbytes)
        blocks[address] = words
        used |= layout.pair("BATCH", address) | {"EVIDENCES": evidences}
    else:
        for t in range(terms):
            used |= {f"CUE{t}": int(cues[0, t]) & 0xFFFF, f"GAIN{t}": int(gains[0, t])}
    if records:
        size = evidences * image.record_dtype(bins if labels is not None else 0).itemsize
        address = layout.take(size)
        outputs[address] = size
        used |= layout.pair("RESULT", address)
    if weights:
        size = evidences * 4 * (-(-count // 4) * 4)
        address = layout.take(size)
        outputs[address] = size
        used |= layout.pair("WEIGHT", address)
    modes = {
        "LOAD": load,
        "BATCH": batch,
        "RECORDS": records,
        "HISTOGRAM": labels is not None,
        "WEIGHTS": weights,
        "SEEDS": bool(rng.integers(2)),
    }
    return Start(name, start_registers(rng, used, modes), blocks, outputs)


def _flat_arrays(
    rng: np.random.Generator, count: int, terms: int, evidences: int
) -> tuple[Array, Array, Array]:
    """Samples, cues, gains: mostly sensible widths, sometimes the whole range."""
    width = 1 << int(rng.integers(4, 16))
    samples = rng.integers(-width, width, (terms, count))
    cues = rng.integers(-width, width, (evidences, terms))
    if rng.integers(4) == 0:
        cues = rng.integers(-(1 << 15), 1 << 15, (evidences, terms))
    # Distances of a few standard deviations: gain * width about 2**31.
    scale = min(_MAX_GAIN, (1 << 33) // width)
    return samples, cues, rng.integers(0, scale + 1, (evidences, terms))


def random_flat(
    rng: np.random.Generator,
    config: StmConfig,
    *,
    samples: int | None = None,
    terms: int | None = None,
    evidences: int | None = None,
    base: int = 0x1000,
) -> Start:
    """A legal flat run with random sizes, modes and data; needs a kernel with the flat front end.

    Parameters
    ----------
    rng : Generator
        Its seed is printed by the caller.
    config : StmConfig
        The kernel under test.
    samples, terms, evidences : int, optional
        Fixed sizes; else up to about 6 groups of lanes, all columns, 5 evidences.
    base : int
        Memory is used from here on.
    """
    count = samples or int(rng.integers(1, min(config.population, 6 * config.lanes + 5) + 1))
    terms = terms or int(rng.integers(1, config.columns + 1))
    batch = bool(rng.integers(2)) if evidences is None else evidences > 1
    evidences = evidences or (int(rng.integers(1, 6)) if batch else 1)
    columns, cues, gains = _flat_arrays(rng, count, terms, evidences)
    bins = int(rng.integers(1, config.bins + 1))
    return flat_start(
        rng,
        config,
        columns,
        cues,
        gains,
        name="random flat",
        labels=rng.integers(0, bins, count) if rng.integers(2) else None,
        bins=bins,
        batch=batch,
        records=bool(rng.integers(4)),
        weights=bool(rng.integers(2)),
        base=base,
    )


def resident_flat(rng: np.random.Generator, config: StmConfig, start: Start) -> Start:
    """The next start on the population that ``start`` loaded: new cues in registers, no LOAD."""
    terms = start.registers["TERMS"]
    mode = start.registers["MODE"] & ~(_MODE["LOAD"].mask | _MODE["BATCH"].mask)
    registers = dict(start.registers, MODE=mode, IMAGE_LO=int(rng.integers(1 << 32)))
    evidences = start.registers["EVIDENCES"] if start.mode("BATCH") else 1
    for t in range(terms):
        registers[f"CUE{t}"] = int(rng.integers(1 << 16))
        registers[f"GAIN{t}"] = int(rng.integers(1 << int(rng.integers(1, MAX_GAIN_BITS + 1))))
    outputs = {address: size // evidences for address, size in start.outputs.items()}
    return Start(f"{start.name}, resident", registers, {}, outputs)


def weighting_start(
    rng: np.random.Generator,
    config: StmConfig,
    program: Sequence[Operation],
    targets: Sequence[tuple[int, int]],
    table: npt.ArrayLike,
    samples: int,
    *,
    name: str = "weighting",
    bins: int = 0,
    seed: int | None = None,
    records: bool = True,
    histogram: bool = True,
    base: int = 0x1000,
) -> Start:
    """A likelihood-weighting start from a program; with ``seed`` the image brings generator states."""
    seeds = None if seed is None else generator_states(seed)
    words = image.weighting_image(program, targets, table, config.parents, seeds)
    layout = Layout(rng, base)
    address = layout.take(words.nbytes)
    used = {
        "SAMPLES": samples,
        "PROGRAM": len(image.program_words(program, config.parents)),
        "TARGETS": len(targets),
        "TABLE": -(-np.size(table) // 4),
        "BINS": bins if histogram else 0,
        **layout.pair("IMAGE", address),
    }
    outputs = {}
    if records:
        size = image.chunks(samples) * image.record_dtype(bins if histogram else 0).itemsize
        place = layout.take(size)
        outputs[place] = size
        used |= layout.pair("RESULT", place)
    modes = {
        "WEIGHTING": True,
        "LOAD": True,
        "SEEDS": seeds is not None,
        "RECORDS": records,
        "HISTOGRAM": histogram,
        "BATCH": bool(rng.integers(2)),
        "WEIGHTS": bool(rng.integers(2)),
    }
    return Start(name, start_registers(rng, used, modes), {address: words}, outputs)


@dataclass
class _Net:
    """A random program that fits a kernel."""

    program: list[Operation] = field(default_factory=list)
    table: list[int] = field(default_factory=list)
    widths: dict[int, int] = field(default_factory=dict)


def _random_net(rng: np.random.Generator, config: StmConfig, operations: int, max_parents: int) -> _Net:
    net = _Net()
    room, words = config.table - 4, config.program
    for _ in range(operations):
        weigh = bool(rng.integers(3) == 0)
        left = room - len(net.table)
        widest = min(config.state_bits, 4, max(left, 1).bit_length() - 1)
        k = 0 if weigh else int(rng.integers(0, widest + 1))
        parents, rows = [], 1
        known = list(net.widths.items())
        rng.shuffle(known)
        for column, width in known[: int(rng.integers(0, max_parents + 1))]:
            if rows << (width + k) <= min(left, 1 << 11):
                parents.append((int(column), rows))
                rows <<= int(width)
        operation = Operation(len(net.table), k, weigh, 0, tuple(parents))
        words -= image.operation_words(operation, config.parents)
        if words < 0 or (rows << k) > left:
            break
        if weigh:
            entries = rng.integers(0, 8 << 10, rows)
            entries[rng.random(rows) < 0.1] = IMPOSSIBLE
            entries[rng.random(rows) < 0.05] = L_MAX
            entries |= rng.integers(0, 256, rows) << 24
        else:
            column = int(rng.integers(config.states))
            net.widths[column] = k
            operation = replace(operation, column=column)
            entries = rng.integers(0, 1 << 24, rows << k) | rng.integers(0, 1 << k, rows << k) << 24
        net.table.extend(int(entry) for entry in entries)
        net.program.append(operation)
    return net


def _closed(program: Sequence[Operation]) -> list[Operation]:
    """The program with FRESH in its first and PUSH in its last operation, nowhere else."""
    last = len(program) - 1
    return [replace(op, fresh=i == 0, push=i == last) for i, op in enumerate(program)]


def random_weighting(
    rng: np.random.Generator,
    config: StmConfig,
    *,
    samples: int | None = None,
    operations: int | None = None,
    seeds: bool = True,
    base: int = 0x1000,
) -> Start:
    """A legal likelihood-weighting run; needs a kernel with that front end.

    Parameters
    ----------
    rng, config, base
        See :func:`random_flat`.
    samples, operations : int, optional
        Fixed sizes; else up to 3 chunks, 1 to 10 operations.
    seeds : bool
        Bring generator states; without, the kernel's own go on.
    """
    samples = samples or int(rng.integers(1, 3 * CHUNK + 1))
    net = _random_net(rng, config, operations or int(rng.integers(1, 11)), max_parents=5)
    targets: list[tuple[int, int]] = []
    first = 0
    for column, width in net.widths.items():
        if len(targets) < config.targets and first + (1 << width) <= config.bins and rng.integers(4):
            targets.append((column, first))
            first += 1 << width
    return weighting_start(
        rng,
        config,
        _closed(net.program),
        targets,
        np.array(net.table, np.int64),
        samples,
        name="random weighting",
        bins=int(rng.integers(max(first, 1), config.bins + 1)),
        seed=int(rng.integers(1 << 32)) if seeds else None,
        records=bool(rng.integers(4)),
        histogram=bool(rng.integers(4)),
        base=base,
    )


def resident_weighting(rng: np.random.Generator, start: Start, samples: int | None = None) -> Start:
    """The next start on the program that ``start`` loaded: the generators go on, no LOAD."""
    samples = samples or int(rng.integers(1, start.registers["SAMPLES"] + 1))
    mode = start.registers["MODE"] & ~_MODE["LOAD"].mask
    registers = dict(start.registers, MODE=mode, SAMPLES=samples, IMAGE_LO=int(rng.integers(1 << 32)))
    chunks = image.chunks(start.registers["SAMPLES"])
    outputs = {address: size // chunks * image.chunks(samples) for address, size in start.outputs.items()}
    return Start(f"{start.name}, resident", registers, {}, outputs)
