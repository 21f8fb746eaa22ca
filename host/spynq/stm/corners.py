"""Named corner cases and refusals of the sampling tree, for tests on every device."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spynq.stm.golden import Operation
from spynq.stm.params import CHUNK, IMPOSSIBLE, KERNEL, L_MAX, MAX_GAIN_BITS, StmConfig
from spynq.stm.starts import Start
from spynq.stm.vectors import flat_start, random_flat, random_weighting, weighting_start
from spynq.stm.vectors_records import random_records
from spynq.stm.vectors_tree import random_tree

__all__ = ["FLAT_CORNERS", "WEIGHTING_CORNERS", "refusals"]

Corner = Callable[[np.random.Generator, StmConfig], Start]
_MAX_GAIN = (1 << MAX_GAIN_BITS) - 1
_MODE = {f.name: f.mask for f in KERNEL.register("MODE").fields}


def _flat(
    rng: np.random.Generator, config: StmConfig, name: str, samples: int, gain: int, *, above: bool = False
) -> Start:
    """All samples at the low end, one cue at the high end; ``above``: the other way round."""
    ends = -(1 << 15), (1 << 15) - 1
    columns = np.full((1, samples), ends[above])
    return flat_start(
        rng,
        config,
        columns,
        np.array([[ends[not above]]]),
        np.array([[gain]]),
        name=name,
        labels=np.zeros(samples, np.int64),
        bins=1,
        weights=True,
    )


def _one_sample(rng: np.random.Generator, config: StmConfig) -> Start:
    return random_flat(rng, config, samples=1)


def _one_short_of_a_group(rng: np.random.Generator, config: StmConfig) -> Start:
    return random_flat(rng, config, samples=max(1, config.lanes - 1))


def _one_beyond_a_group(rng: np.random.Generator, config: StmConfig) -> Start:
    return random_flat(rng, config, samples=min(config.population, config.lanes + 1))


def _full_population(rng: np.random.Generator, config: StmConfig) -> Start:
    """All weights equal: W, S1 and S2 at the largest this build can reach."""
    return _flat(rng, config, "full population, equal weights", config.population, 0)


def _clipped(rng: np.random.Generator, config: StmConfig) -> Start:
    """Every z is clipped: SATZ."""
    return _flat(rng, config, "every distance clipped", min(3, config.population), _MAX_GAIN)


def _clipped_above(rng: np.random.Generator, config: StmConfig) -> Start:
    """Every z is clipped on the side where its square is 2**34 - 2**18 + 1: SATZ all the same."""
    return _flat(
        rng, config, "every distance clipped above", min(3, config.population), _MAX_GAIN, above=True
    )


def _all_columns(rng: np.random.Generator, config: StmConfig) -> Start:
    return random_flat(rng, config, terms=config.columns)


def _tiny_batch(rng: np.random.Generator, config: StmConfig) -> Start:
    """More evidences of one group each than a ring memory of several populations holds."""
    return random_flat(rng, config, samples=min(config.lanes, 5), evidences=40)


def _octave_17(rng: np.random.Generator, config: StmConfig) -> Start:
    """A sample at n = 17, f = 0 (weight 1, a sum of 19 bits), its neighbours, and the best one."""
    # With gain 2**19, z is the distance, and l is its square over 2**14: 17 * 1024 at 16,888.
    columns = np.array([[0, 16886, 16888, 16889, 17377, 17379]])
    return flat_start(
        rng,
        config,
        columns[:, : config.population],
        np.array([[0]]),
        np.array([[1 << 19]]),
        name="octave 17",
        weights=True,
    )


FLAT_CORNERS: dict[str, Corner] = {
    "one sample": _one_sample,
    "one short of a group": _one_short_of_a_group,
    "one beyond a group": _one_beyond_a_group,
    "full population, equal weights": _full_population,
    "every distance clipped": _clipped,
    "every distance clipped above": _clipped_above,
    "all columns": _all_columns,
    "batch of tiny populations": _tiny_batch,
    "octave 17": _octave_17,
}
"""Corner cases of the flat front end by name."""


def _weigh_only(
    rng: np.random.Generator, config: StmConfig, name: str, entries: list[int], samples: int
) -> Start:
    program = [
        Operation(index, weigh=True, fresh=index == 0, push=index == len(entries) - 1)
        for index in range(len(entries))
    ]
    return weighting_start(rng, config, program, [], entries, samples, name=name, histogram=False, seed=1)


def _impossible(rng: np.random.Generator, config: StmConfig) -> Start:
    return _weigh_only(rng, config, "no sample possible", [5, IMPOSSIBLE, 5], 3)


def _saturated(rng: np.random.Generator, config: StmConfig) -> Start:
    return _weigh_only(rng, config, "likelihood saturates", [L_MAX - 1, 1, 7], 3)


def _no_weighing(rng: np.random.Generator, config: StmConfig) -> Start:
    """No evidence: every weight is 2**16."""
    program = [Operation(0, 1, column=config.states - 1, fresh=True, push=True)]
    return weighting_start(
        rng,
        config,
        program,
        [(config.states - 1, 0)],
        [1 << 23 | 1 << 24, 1 << 22],
        CHUNK + 1,
        name="no evidence",
        bins=2,
        seed=2,
    )


def _one_possible(rng: np.random.Generator, config: StmConfig) -> Start:
    """One sample in a chunk, the others beyond SAMPLES."""
    return _weigh_only(rng, config, "one sample drawn", [3], 1)


def _one_of_a_chunk(rng: np.random.Generator, config: StmConfig) -> Start:
    return random_weighting(rng, config, samples=CHUNK + 1)


def _whole_chunks(rng: np.random.Generator, config: StmConfig) -> Start:
    return random_weighting(rng, config, samples=2 * CHUNK)


def _wrapping(rng: np.random.Generator, config: StmConfig) -> Start:
    """A full table, and a node whose row goes over its end to entry 0."""
    table = rng.integers(0, 1 << 24, config.table) | rng.integers(0, 2, config.table) << 24
    program = [
        Operation(config.table - 1, 1, column=1, fresh=True),
        Operation(config.table - 2, weigh=True, parents=((1, 3),), push=True),
    ]
    return weighting_start(rng, config, program, [(1, 1)], table, 100, name="table wraps", bins=3, seed=3)


def _chain(rng: np.random.Generator, config: StmConfig) -> Start:
    """Each node depends on the one just drawn: the shortest distance from write to read."""
    program = [Operation(0, 1, column=0, fresh=True)]
    program += [Operation(2, 1, column=i % 2, parents=((1 - i % 2, 1),)) for i in range(1, 4)]
    program += [Operation(6, 1, column=0, parents=((0, 1),)), Operation(10, weigh=True, parents=((0, 1),))]
    program.append(Operation(12, weigh=True, parents=((0, 1), (1, 2)), push=True))
    table = rng.integers(0, 1 << 24, 16) | rng.integers(0, 2, 16) << 24
    return weighting_start(rng, config, program, [(0, 0), (1, 2)], table, CHUNK, name="chain", bins=4, seed=4)


def _shared_bins(rng: np.random.Generator, config: StmConfig) -> Start:
    """Two targets count into the same bins, one of them across the end of the bins."""
    program = [Operation(0, 1, column=0, fresh=True), Operation(2, 1, column=1, push=True)]
    table = [1 << 22 | 1 << 24, 1 << 20, 1 << 21 | 1 << 24, 1 << 23]
    targets = [(0, config.bins - 1), (1, 0)]
    return weighting_start(
        rng, config, program, targets, table, 700, name="bins wrap", bins=config.bins, seed=5
    )


WEIGHTING_CORNERS: dict[str, Corner] = {
    "no sample possible": _impossible,
    "likelihood saturates": _saturated,
    "no evidence": _no_weighing,
    "one sample drawn": _one_possible,
    "one beyond a chunk": _one_of_a_chunk,
    "whole chunks": _whole_chunks,
    "table wraps": _wrapping,
    "chain": _chain,
    "bins wrap": _shared_bins,
}
"""Corner cases of the likelihood-weighting front end by name."""


def _changed(start: Start, name: str, **registers: int) -> Start:
    return Start(name, {**start.registers, **registers}, start.blocks, start.outputs, refused=True)


def refusals(rng: np.random.Generator, config: StmConfig) -> list[Start]:
    """Runs the kernel must refuse: each is a legal one with one thing wrong."""
    found: list[Start] = []
    limit = config.capabilities()
    if config.terms:
        flat = random_flat(rng, config)
        mode = flat.registers["MODE"]
        found += [
            _changed(flat, "no samples", SAMPLES=0),
            _changed(flat, "population too large", SAMPLES=config.population + 1),
            _changed(flat, "no terms", TERMS=0),
            _changed(flat, "too many terms", TERMS=config.columns + 1),
            _changed(flat, "empty batch", MODE=mode | _MODE["BATCH"], BATCH_LO=0, EVIDENCES=0),
            _changed(flat, "batch address", MODE=mode | _MODE["BATCH"], BATCH_LO=4, EVIDENCES=1),
            _changed(flat, "weight address", MODE=mode | _MODE["WEIGHTS"], WEIGHT_LO=8),
            *_common(flat, config),
        ]
    else:
        found.append(_changed(_legal(rng, config), "no flat front end", MODE=0))
    if config.states:
        weighting = random_weighting(rng, config)
        found += [
            _changed(weighting, "nothing to draw", SAMPLES=0),
            _changed(weighting, "no program", PROGRAM=0),
            _changed(weighting, "program too long", PROGRAM=limit["CAP_PROGRAM"] + 1),
            _changed(weighting, "too many targets", TARGETS=limit["CAP_TARGETS"] + 1),
            _changed(weighting, "table too long", TABLE=limit["CAP_TABLE"] // 4 + 1),
            *_common(weighting, config),
        ]
    else:
        found.append(_changed(_legal(rng, config), "no weighting front end", MODE=_MODE["WEIGHTING"]))
    return [*found, *_tree_refusals(rng, config), *_record_refusals(rng, config)]


def _legal(rng: np.random.Generator, config: StmConfig) -> Start:
    """A run of any front end there is."""
    if config.terms:
        return random_flat(rng, config)
    return random_weighting(rng, config) if config.states else random_tree(rng, config)


def _tree_refusals(rng: np.random.Generator, config: StmConfig) -> list[Start]:
    if not config.edge:
        return [_changed(_legal(rng, config), "no tree front end", MODE=_MODE["TREE"])]
    tree = random_tree(rng, config)
    return [
        _changed(tree, "no steps", SAMPLES=0),
        _changed(tree, "list address", IMAGE_LO=tree.registers["IMAGE_LO"] | 8),
    ]


def _record_refusals(rng: np.random.Generator, config: StmConfig) -> list[Start]:
    if not config.counts:
        mode = _MODE["WEIGHTING"] | _MODE["DATA"]
        return [_changed(_legal(rng, config), "no counting", MODE=mode)]
    data = random_records(rng, config)
    return [
        _changed(data, "no records", EVIDENCES=0),
        _changed(data, "too many samples of a record", SAMPLES=CHUNK + 1),
        _changed(data, "no columns", COLUMNS=0),
        _changed(data, "too many columns", COLUMNS=config.states + 1),
        _changed(data, "no counts", BINS=0),
        _changed(data, "too many counts", BINS=config.table // 2 + 1),
        _changed(data, "data address", BATCH_LO=2),
        _changed(data, "count address", WEIGHT_LO=2),
    ]


def _common(start: Start, config: StmConfig) -> list[Start]:
    mode = start.registers["MODE"]
    return [
        _changed(start, "too many bins", BINS=config.bins + 1),
        _changed(start, "histogram without bins", MODE=mode | _MODE["HISTOGRAM"], BINS=0),
        _changed(start, "image address", IMAGE_LO=start.registers["IMAGE_LO"] | 1),
        _changed(start, "record address", MODE=mode | _MODE["RECORDS"], RESULT_LO=2, RESULT_HI=0),
    ]
