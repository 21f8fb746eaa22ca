"""Random and named legal tree runs: one source for the bit-equality tests of the tree front end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spynq.stm import image
from spynq.stm.params import IMPOSSIBLE, KERNEL, L_MAX, SATZ_LIMIT, StmConfig
from spynq.stm.starts import Layout, Start, start_registers
from spynq.stm.step import STEP_BEATS, Op, Step, step_words

__all__ = ["TREE_CORNERS", "blank_tree", "random_tree", "tree_start"]

Array = npt.NDArray[np.int64]
Call = tuple[Step, Array | None]
Corner = Callable[[np.random.Generator, StmConfig], Start]
_TREE = {f.name: f.mask for f in KERNEL.register("MODE").fields}["TREE"]
_GAIN = 1 << 19
"""With it a deviation z is the distance in grid steps, 12 fraction bits."""


def tree_start(
    rng: np.random.Generator, calls: Sequence[Call], *, name: str = "tree", base: int = 0x1000
) -> Start:
    """A start that runs steps; each has the words it reads beside it.

    An address that a step has already is how far it lies off the place that it gets.
    """
    layout = Layout(rng, base)
    blocks: dict[int, npt.NDArray[np.uint32]] = {}
    outputs: dict[int, int] = {}

    def output(size: int) -> int:
        address = layout.take(size)
        outputs[address] = size
        return address

    steps = []
    for step, given in calls:
        padded = -(-step.samples // 4) * 16
        if given is not None:
            data = image.padded(given.ravel() & 0xFFFF_FFFF)
            source = layout.take(data.nbytes)
            blocks[source] = data
            step = replace(step, source=source)
        if step.op == Op.SPIKES:
            step = replace(step, target=output(padded) + step.target)
        if step.op == Op.CLOSE and step.records:
            size = image.record_dtype(step.bins if step.histogram else 0).itemsize
            step = replace(step, target=output(size) + step.target)
        if step.op == Op.CLOSE and step.weights:
            step = replace(step, weight=output(padded) + step.weight)
        steps.append(step)
    words = step_words(steps).ravel()
    address = layout.take(len(steps) * STEP_BEATS * 16)
    blocks[address] = words
    used = {"SAMPLES": len(steps), **layout.pair("IMAGE", address)}
    registers = start_registers(rng, used, {})
    registers["MODE"] = _TREE | int(rng.integers(1 << 9)) & ~_TREE
    return Start(name, registers, blocks, outputs)


class _Maker:
    """Random pools and steps that fit a kernel."""

    def __init__(self, rng: np.random.Generator, config: StmConfig) -> None:
        self.rng, self.config = rng, config
        self.half = max(config.edge, config.population // 2)

    def size(self, most: int | None = None) -> int:
        return int(self.rng.integers(1, (most or min(self.half, 40)) + 1))

    def codes(self, count: int) -> Array:
        rng = self.rng
        codes = rng.integers(0, 6 << 10, count)
        codes[rng.random(count) < 0.1] = IMPOSSIBLE
        codes[rng.random(count) < 0.05] = L_MAX - 1
        return codes | rng.integers(0, 256, count) << 24

    def load(self, base: int, samples: int, width: int) -> list[Call]:
        rng = self.rng
        calls: list[Call] = []
        for column in range(self.config.columns):
            step = Step(Op.COLUMN, base=base, samples=samples, column=column)
            calls.append((step, rng.integers(-width, width, samples)))
        bins = rng.integers(0, self.config.bins, samples)
        calls.append((Step(Op.LABELS, base=base, samples=samples), bins))
        return calls

    def evidence(self, base: int, samples: int, *, fresh: bool, width: int) -> Call:
        rng = self.rng
        if rng.integers(2):
            return Step(Op.CODES, base=base, samples=samples, fresh=fresh), self.codes(samples)
        column, cue = int(rng.integers(self.config.columns)), int(rng.integers(-width, width))
        gain = int(rng.integers(0, min(1 << 26, (1 << 32) // width)))
        step = Step(Op.CUE, base=base, samples=samples, column=column, cue=cue, fresh=fresh, gains=(gain,))
        return step, None

    def close(self, base: int, samples: int) -> Call:
        rng = self.rng
        histogram = bool(rng.integers(2))
        step = Step(
            Op.CLOSE,
            base=base,
            samples=samples,
            column=int(rng.integers(self.config.columns)),
            records=bool(rng.integers(4)),
            weights=bool(rng.integers(2)),
            histogram=histogram,
            bins=int(rng.integers(1, self.config.bins + 1)) if histogram else 0,
        )
        return step, None

    def edge(self, base: int, samples: int, child: int, rows: int, width: int) -> list[Call]:
        """An edge; with multiplicities loaded before it, sometimes as a table."""
        rng = self.rng
        calls: list[Call] = []
        counted = bool(rng.integers(2))
        if counted:
            counts = rng.integers(0, 1 << int(rng.integers(1, 17)), samples)
            counts[rng.random(samples) < 0.2] = 0
            calls.append((Step(Op.COUNTS, base=base, samples=samples), counts))
        terms = int(rng.integers(1, min(4, self.config.columns) + 1))
        most = self.config.columns - terms
        step = Step(
            Op.EDGE,
            base=base,
            samples=samples,
            row_base=child,
            rows=rows,
            column=int(rng.integers(most + 1)),
            row_column=int(rng.integers(most + 1)),
            terms=terms,
            gains=tuple(rng.integers(0, min(1 << 26, (1 << 34) // width), 4).tolist()),
            counted=counted,
            fresh=bool(rng.integers(2)),
            table=bool(rng.integers(2)),
        )
        words = None
        if not step.table:
            # Nothing of this is looked at.
            step = replace(step, source=4, target=8, weight=12, records=True, weights=True)
        else:
            words = np.array([image.padded(self.codes(samples)) for _ in range(rows)], np.int64)
        return [*calls, (step, words)]

    def spikes(self, base: int, samples: int) -> Call:
        rng = self.rng
        poisson = bool(rng.integers(2))
        number = int(rng.integers(0, 30_000)) if poisson else int(rng.integers(0, 60))
        seed = int.from_bytes(rng.bytes(16), "little") | 1
        return Step(Op.SPIKES, base=base, samples=samples, gains=(number,), poisson=poisson, seed=seed), None

    def outer(self) -> list[Call]:
        edge = self.config.edge
        slow, fast = int(self.rng.integers(1, 4)), 4 * int(self.rng.integers(1, 3))
        places = [0, -(-slow // edge) * edge]
        places.append(places[1] + -(-fast // edge) * edge)
        if places[2] + slow * fast > self.config.population:
            return []
        step = Step(Op.OUTER, base=places[2], samples=fast, row_base=0, rows=slow, other=places[1])
        calls = [self.evidence(0, slow, fresh=True, width=900)]
        calls += [self.evidence(places[1], fast, fresh=True, width=900), (step, None)]
        return [*calls, self.close(places[2], slow * fast)]

    def careless(self, op: Op) -> Call:
        """CUE or CLOSE with flags and addresses that it does not look at."""
        step = Step(op, samples=3, source=4, target=8, weight=12, table=True)
        if op == Op.CUE:
            step = replace(step, cue=5, gains=(_GAIN,), records=True, weights=True, histogram=True)
        return step, None

    def wrong(self) -> Call:
        """A step that does not fit, and is left out."""
        good = Step(Op.CLOSE, samples=3, records=True)
        bad = [
            replace(good, op=int(self.rng.integers(9, 16))),  # type: ignore[arg-type]
            replace(good, samples=0),
            replace(good, base=1),
            replace(good, samples=self.config.population + 1),
            replace(good, bins=self.config.bins + 1),
            replace(good, histogram=True),
            Step(Op.EDGE, samples=3, rows=0, terms=1),
            Step(Op.EDGE, samples=3, rows=3, terms=0),
            Step(Op.EDGE, samples=3, rows=3, terms=5),
            Step(Op.CODES, samples=3, source=4),
            Step(Op.EDGE, samples=3, rows=3, table=True, source=8),
            replace(good, target=4),
            replace(good, records=False, weights=True, weight=8),
            Step(Op.SPIKES, samples=3, target=12),
            Step(Op.OUTER, samples=4, rows=1, base=0),
            Step(Op.OUTER, samples=3, rows=1, base=self.config.population // 2),
        ]
        if self.config.columns < 8:
            bad.append(replace(good, column=7))
        return bad[int(self.rng.integers(len(bad)))], None


def blank_tree(rng: np.random.Generator, config: StmConfig) -> Start:
    """Zeros in all pools, which a reset does not clear."""
    size = config.population
    loads = [Step(Op.COLUMN, samples=size, column=column) for column in range(config.columns)]
    loads += [Step(op, samples=size) for op in (Op.LABELS, Op.COUNTS)]
    loads.append(Step(Op.CODES, samples=size, fresh=True))
    # Minimum and sum of the pool closed last, too.
    calls: list[Call] = [(step, np.zeros(size, np.int64)) for step in loads]
    return tree_start(rng, [*calls, (Step(Op.CLOSE, samples=size), None)], name="blank")


def random_tree(rng: np.random.Generator, config: StmConfig, *, base: int = 0x1000) -> Start:
    """A legal tree run: two pools are loaded, evidence comes in, a message goes up, more or less of each."""
    make = _Maker(rng, config)
    width = 1 << int(rng.integers(5, 15))
    child, rows, parents = make.half, make.size(), make.size()
    calls = [*make.load(child, rows, width), *make.load(0, parents, width)]
    calls.append(make.evidence(child, rows, fresh=True, width=width))
    if rng.integers(2):
        calls.append(make.evidence(child, rows, fresh=False, width=width))
    calls.append(make.close(child, rows))
    calls.append(make.evidence(0, parents, fresh=bool(rng.integers(2)), width=width))
    for _ in range(int(rng.integers(1, 3))):
        calls += make.edge(0, parents, child, rows, width)
    calls.append(make.close(0, parents))
    if rng.integers(3) == 0:
        calls.append(make.spikes(0, parents))
    if rng.integers(3) == 0:
        calls += make.outer()
    for other in (make.wrong(), make.careless(Op.CUE)):
        if rng.integers(3) == 0:
            calls.insert(int(rng.integers(len(calls) + 1)), other)
    if rng.integers(3) == 0:
        # Last, since an edge refers to the pool that was closed before it.
        calls.append(make.careless(Op.CLOSE))
    return tree_start(rng, calls, name="random tree", base=base)


def _edge_of(
    rng: np.random.Generator,
    config: StmConfig,
    name: str,
    codes: npt.ArrayLike,
    rows: npt.ArrayLike,
    counts: npt.ArrayLike | None = None,
) -> Start:
    """A table edge from codes of the child and rows of codes; everything is written out."""
    child, table = np.asarray(codes, np.int64), np.asarray(rows, np.int64)
    base = max(config.edge, config.population // 2)
    parents = table.shape[1]
    padded = np.array([image.padded(row) for row in table], np.int64)
    calls: list[Call] = [
        (Step(Op.CODES, base=base, samples=len(child), fresh=True), child),
        (Step(Op.CLOSE, base=base, samples=len(child), records=True), None),
    ]
    if counts is not None:
        calls.append((Step(Op.COUNTS, samples=parents), np.asarray(counts, np.int64)))
    edge = Step(
        Op.EDGE,
        samples=parents,
        row_base=base,
        rows=len(child),
        table=True,
        fresh=True,
        counted=counts is not None,
    )
    calls += [(edge, padded), (Step(Op.CLOSE, samples=parents, records=True, weights=True), None)]
    return tree_start(rng, calls, name=name)


def _half(config: StmConfig) -> int:
    return config.population // 2


def _equal(rng: np.random.Generator, config: StmConfig) -> Start:
    """All weights and all densities equal: W at its bound, D at its bound."""
    n, rows = _half(config), min(_half(config), 64)
    return _edge_of(rng, config, "all equal", np.zeros(rows), np.zeros((rows, n)), np.full(n, 65535))


def _one_parent(rng: np.random.Generator, config: StmConfig) -> Start:
    """All mass on one parent: its sum comes near its 48 bits."""
    n = min(_half(config), 64)
    rows = np.full((n, n), IMPOSSIBLE)
    rows[:, n // 2] = 0
    return _edge_of(rng, config, "all mass on one parent", np.zeros(n), rows)


def _nineteen(rng: np.random.Generator, config: StmConfig) -> Start:
    """Distances of octave 17: a rounding sum of 19 bits, in the child's weight and in a row."""
    far = 17 << 10
    return _edge_of(
        rng, config, "octave 17", [0, far, far + 1], [[0, far, far + 1], [far, 0, far - 1], [5, 5, 5]]
    )


def _one_possible(rng: np.random.Generator, config: StmConfig) -> Start:
    child = [IMPOSSIBLE, 7, IMPOSSIBLE]
    return _edge_of(rng, config, "one possible sample", child, [[1, 2], [3, IMPOSSIBLE], [0, 0]])


def _none_possible(rng: np.random.Generator, config: StmConfig) -> Start:
    """The child is impossible: no row, a message that says nothing, ZERO."""
    return _edge_of(rng, config, "no possible sample", [IMPOSSIBLE] * 3, [[1, 2]] * 3)


def _lost(rng: np.random.Generator, config: StmConfig) -> Start:
    """Rows without a parent: impossible, too far, and one that is just near enough."""
    rows = [[IMPOSSIBLE] * 3, [SATZ_LIMIT, L_MAX, IMPOSSIBLE], [SATZ_LIMIT - 1, L_MAX, 0xFFFFF], [0, 1024, 9]]
    return _edge_of(rng, config, "lost mass", [0, 100, 200, 300], rows)


def _all_lost(rng: np.random.Generator, config: StmConfig) -> Start:
    return _edge_of(rng, config, "everything lost", [0, 5], [[IMPOSSIBLE] * 2] * 2)


def _absent(rng: np.random.Generator, config: StmConfig) -> Start:
    """Multiplicities at their bounds; the nearest parent of a row is absent, and so are all of another."""
    rows = [[0, 2048, 1024, 9], [0, 30 << 10, 30 << 10, 40 << 10], [5, 6, 7, 8]]
    return _edge_of(rng, config, "absent parents", [0, 10, 20], rows, [0, 65535, 1, 0])


def _full(rng: np.random.Generator, config: StmConfig) -> Start:
    """Gaussian rows on a full parent population."""
    make, n = _Maker(rng, config), _half(config)
    rows = min(n, 24)
    calls = [*make.load(n, rows, 4000), *make.load(0, n, 4000)]
    calls.append((Step(Op.CUE, base=n, samples=rows, cue=7, fresh=True, gains=(_GAIN >> 1,)), None))
    calls.append((Step(Op.CLOSE, base=n, samples=rows, records=True), None))
    edge = Step(
        Op.EDGE, samples=n, row_base=n, rows=rows, column=0, row_column=1, terms=1, gains=(_GAIN,), fresh=True
    )
    calls += [(edge, None), (Step(Op.CLOSE, samples=n, records=True, weights=True), None)]
    return tree_start(rng, calls, name="full population")


def _one_neuron_fires(rng: np.random.Generator, config: StmConfig) -> Start:
    """One possible neuron of many: most trials miss, and all spikes are its own."""
    n = _half(config)
    codes = np.full(n, IMPOSSIBLE)
    codes[n - 1] = 5
    calls: list[Call] = [
        (Step(Op.CODES, samples=n, fresh=True), codes),
        (Step(Op.CLOSE, samples=n, records=True), None),
        (Step(Op.SPIKES, samples=n, gains=(9,), seed=1), None),
        (Step(Op.SPIKES, samples=n, gains=(0,), seed=2, poisson=True), None),
    ]
    return tree_start(rng, calls, name="one neuron fires")


def _silent(rng: np.random.Generator, config: StmConfig) -> Start:
    """No neuron is possible: no spike, and the step ends."""
    calls: list[Call] = [
        (Step(Op.CODES, samples=5, fresh=True), np.full(5, IMPOSSIBLE)),
        (Step(Op.CLOSE, samples=5, records=True), None),
        (Step(Op.SPIKES, samples=5, gains=(9,), seed=1), None),
        (Step(Op.SPIKES, samples=5, gains=(9000,), seed=1, poisson=True), None),
    ]
    return tree_start(rng, calls, name="no neuron fires")


TREE_CORNERS: dict[str, Corner] = {
    "all equal": _equal,
    "all mass on one parent": _one_parent,
    "octave 17": _nineteen,
    "one possible sample": _one_possible,
    "no possible sample": _none_possible,
    "lost mass": _lost,
    "everything lost": _all_lost,
    "absent parents": _absent,
    "full population": _full,
    "one neuron fires": _one_neuron_fires,
    "no neuron fires": _silent,
}
"""Corner cases of the tree front end by name."""
