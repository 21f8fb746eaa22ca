"""Random and named runs over data records, for the bit-equality tests of expected counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from spynq.stm import image
from spynq.stm.golden import Operation, generator_states
from spynq.stm.golden_records import MISSING
from spynq.stm.params import CHUNK, IMPOSSIBLE, StmConfig
from spynq.stm.starts import Layout, Start, start_registers

__all__ = ["RECORD_CORNERS", "random_records", "records_start"]

Corner = Callable[[np.random.Generator, StmConfig], Start]


def records_start(
    rng: np.random.Generator,
    config: StmConfig,
    program: Sequence[Operation],
    table: np.ndarray,  # type: ignore[type-arg]
    data: np.ndarray,  # type: ignore[type-arg]
    samples: int,
    *,
    targets: Sequence[int] | None = None,
    counts: int | None = None,
    records: bool = True,
    name: str = "records",
    base: int = 0x1000,
) -> Start:
    """A start over data [records, columns]; the targets are by default the columns of all operations."""
    columns = [op.column for op in program] if targets is None else list(targets)
    pairs = [(column, 0) for column in columns]
    seeds = generator_states(int(rng.integers(1 << 32)))
    words = image.weighting_image(program, pairs, table, config.parents, seeds)
    layout = Layout(rng, base)
    counts = config.table // 2 if counts is None else counts
    places = {"IMAGE": words, "BATCH": image.data_image(data)}
    used = {
        "SAMPLES": samples,
        "EVIDENCES": len(data),
        "COLUMNS": data.shape[1],
        "PROGRAM": len(image.program_words(program, config.parents)),
        "TARGETS": len(pairs),
        "TABLE": -(-np.size(table) // 4),
        "BINS": counts,
    }
    blocks, outputs = {}, {}
    for pair, content in places.items():
        address = layout.take(content.nbytes)
        blocks[address] = content
        used |= layout.pair(pair, address)
    sizes = {"WEIGHT": -(-counts // 2) * 16}
    if records:
        sizes["RESULT"] = len(data) * image.record_dtype().itemsize
    for pair, size in sizes.items():
        address = layout.take(size)
        outputs[address] = size
        used |= layout.pair(pair, address)
    modes = {
        "WEIGHTING": True,
        "DATA": True,
        "LOAD": True,
        "SEEDS": True,
        "RECORDS": records,
        "HISTOGRAM": bool(rng.integers(2)),
        "BATCH": bool(rng.integers(2)),
        "WEIGHTS": bool(rng.integers(2)),
    }
    registers = start_registers(rng, used, modes)
    registers["BINS"] = counts
    return Start(name, registers, blocks, outputs)


def _table(rng: np.random.Generator, config: StmConfig) -> np.ndarray:  # type: ignore[type-arg]
    half = config.table // 2
    alias = rng.integers(0, 1 << 24, half) | rng.integers(0, 1 << config.state_bits, half) << 24
    codes = rng.integers(0, 8 << 10, half)
    codes[rng.random(half) < 0.02] = IMPOSSIBLE
    return np.concatenate([alias, codes])


def _program(rng: np.random.Generator, config: StmConfig, nodes: int) -> list[Operation]:
    """Nodes in columns of their own, each after its parents."""
    columns = rng.permutation(config.states)[:nodes].tolist()
    program, words = [], config.program
    for index, column in enumerate(columns):
        parents = rng.permutation(index)[: int(rng.integers(0, min(index, 5) + 1))].tolist()
        operation = Operation(
            int(rng.integers(config.table)),
            int(rng.integers(0, config.state_bits + 1)),
            column=int(column),
            parents=tuple((int(columns[p]), int(rng.integers(1, 64))) for p in parents),
            fresh=index == 0,
        )
        words -= image.operation_words(operation, config.parents)
        if words < 0:
            break
        program.append(operation)
    return program


def _data(rng: np.random.Generator, config: StmConfig, count: int, columns: int) -> np.ndarray:  # type: ignore[type-arg]
    data = rng.integers(0, 1 << config.state_bits, (count, columns))
    data[rng.random((count, columns)) < rng.random()] = MISSING
    return data


def random_records(
    rng: np.random.Generator, config: StmConfig, *, records: int | None = None, samples: int | None = None
) -> Start:
    """A legal run over random data with a random program; needs a kernel with ``counts``."""
    program = _program(rng, config, int(rng.integers(1, min(6, config.states) + 1)))
    count = records or int(rng.integers(1, 5))
    data = _data(rng, config, count, int(rng.integers(1, config.states + 1)))
    targets = [op.column for op in program if rng.integers(4)][: config.targets]
    return records_start(
        rng,
        config,
        program,
        _table(rng, config),
        data,
        samples or int(rng.integers(1, CHUNK + 1)),
        targets=targets,
        counts=int(rng.integers(1, config.table // 2 + 1)),
        records=bool(rng.integers(4)),
        name="random records",
    )


def _one_entry(rng: np.random.Generator, config: StmConfig) -> Start:
    """Every sample of every record counts in one entry."""
    program = [Operation(1, 0, column=0, fresh=True, push=True)]
    table = np.full(config.table, (1 << 24) - 1)
    return records_start(
        rng, config, program, table, np.full((3, 1), MISSING), CHUNK, counts=3, name="one entry"
    )


def _impossible(rng: np.random.Generator, config: StmConfig) -> Start:
    """The second record is impossible: it counts nothing, ZERO."""
    program = [Operation(0, 1, column=0, fresh=True, push=True)]
    table = np.zeros(config.table, np.int64)
    table[:2] = [1 << 23, 1 << 22]
    table[config.table // 2 : config.table // 2 + 2] = [1024, IMPOSSIBLE]
    data = np.array([[0], [1], [MISSING]])
    return records_start(rng, config, program, table, data, CHUNK, counts=4, name="impossible record")


def _one_sample(rng: np.random.Generator, config: StmConfig) -> Start:
    return random_records(rng, config, samples=1)


def _all_seen(rng: np.random.Generator, config: StmConfig) -> Start:
    """Nothing is missing: counts are those of the data, all weights are equal."""
    program = [Operation(0, 1, column=0, fresh=True), Operation(2, 1, column=1, parents=((0, 1),))]
    table = np.zeros(config.table, np.int64)
    table[config.table // 2 :] = 100
    data = rng.integers(0, 2, (6, 2))
    return records_start(rng, config, program, table, data, CHUNK, counts=6, name="nothing missing")


def _nothing_counted(rng: np.random.Generator, config: StmConfig) -> Start:
    program = _program(rng, config, 3)
    data = _data(rng, config, 4, config.states)
    return records_start(rng, config, program, _table(rng, config), data, 99, targets=[], name="no target")


RECORD_CORNERS: dict[str, Corner] = {
    "one entry": _one_entry,
    "impossible record": _impossible,
    "one sample": _one_sample,
    "nothing missing": _all_seen,
    "no target": _nothing_counted,
}
"""Corner cases of runs over data by name."""
