"""The kernel on the work of each table: cycles by the counter of the simulated gateware."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spynq import devices
from spynq.bench.paper import multi_layer, multisensory, two_layer
from spynq.bench.paper.published import NEURONS
from spynq.bench.paper.timing import CLOCK, Line
from spynq.errors import SpynqError
from spynq.stm import Population
from spynq.stm.params import StmConfig
from spynq.stm.tree import experiments
from spynq.stm.tree.experiments import E3_SDS, causal_gaussian, multilayer

__all__ = ["TABLES", "kernel_lines", "measured"]


def measured(name: str, cycles: int, neurons: int | None, how: str) -> Line:
    """A line for so many cycles, at the paper's clock."""
    milliseconds = 1e3 * cycles / CLOCK
    return Line(name, "kernel", milliseconds, milliseconds / neurons if neurons else None, cycles, how)


def _both(ask: Callable[[str], Any], answer: Callable[[Any], tuple[Any, ...]], device: str) -> Any:
    """Ask a device and golden; refuse a time for an answer of which a part is not equal."""
    found = ask(device)
    if not all(map(np.array_equal, answer(found), answer(ask("golden")))):
        raise SpynqError(f"the answer of device {device} differs from golden")
    return found


def _two_layer(device: str) -> list[Line]:
    tree = causal_gaussian()

    def ask(where: str) -> Any:
        return tree.infer(two_layer.EVIDENCE, neurons=NEURONS, device=where)

    found = _both(ask, lambda p: (p.weights,), device)
    how = "32 lanes, populations loaded, sufficient statistic, children of weight 0 skipped, equal to golden"
    return [measured("kernel, edge, 4,000 x 4,000", found.cycles, NEURONS, how)]


def _multi_layer(device: str) -> list[Line]:
    tree, evidence = multilayer(multi_layer.NETWORK, multi_layer.POWER)
    lines = []
    for collapsed, what in ((False, "every pair"), (True, "collapsed by state")):
        options = {"neurons": multi_layer.PER_POOL, "rao_blackwell": False, "collapsed": collapsed}

        def ask(where: str, options: dict[str, Any] = options) -> Any:
            return tree.infer(evidence, device=where, **options)

        found = _both(ask, lambda p: (p.weights,), device)
        how = "32 lanes, three edges in one start, tables and populations loaded, answer equal to golden"
        lines.append(measured(f"kernel, 4 x 1,000 neurons, {what}", found.cycles, NEURONS, how))
    return lines


def _multisensory(device: str) -> list[Line]:
    samples = multisensory.samples()
    pairs = [(multisensory.EVIDENCE[name], sd) for name, sd in E3_SDS.items()]
    edges = np.linspace(-50, 50, multisensory.BINS + 1)
    config = StmConfig(lanes=32, terms=3, columns=3, population=4096, bins=128, states=0)

    def flat(where: str) -> Any:
        with devices.open_kernel("stm", where, config) as driver:
            options: dict[str, Any] = {"bins": edges, "grid": (-64, 64), "driver": driver}
            population = Population(samples, cues_on=[0, 0, 0], **options)
            first = population.infer(pairs, weights=False)
            return first, population.infer(pairs, weights=False)

    first, second = _both(flat, lambda p: (p[0].histogram, p[1].mean), device)
    how = "32 lanes, 3 terms, O(N), 100 bins written, answer equal to golden"
    tree = experiments.multisensory()
    deep = _both(
        lambda where: tree.infer(multisensory.EVIDENCE, neurons=NEURONS, device=where),
        lambda p: (p.weights,),
        device,
    )
    return [
        measured("kernel, flat, population loaded", first.cycles, NEURONS, how),
        measured("kernel, flat, population resident", second.cycles, NEURONS, how),
        measured(
            "kernel, tree, all weights written", deep.cycles, NEURONS, "4 lanes, answer equal to golden"
        ),
    ]


def _network(device: str) -> list[Line]:
    """The network of Table 1: two Gaussian cues, 1,000 neurons."""
    samples = np.random.default_rng(1).normal(0, 3, (1000, 2))
    config = StmConfig(lanes=32, terms=2, columns=2, population=1024, bins=64, states=0)

    def flat(where: str) -> Any:
        with devices.open_kernel("stm", where, config) as driver:
            population = Population(samples, grid=(-16, 16), driver=driver)
            pairs = [(1.0, 1.0), (-0.5, 2.0)]
            moved = population.infer(pairs, weights=True)
            resident = population.infer(pairs, weights=False)
            batch = population.infer_batch(np.tile([[1.0, -0.5]], (256, 1)), [1.0, 2.0])
            return moved, resident, batch

    moved, resident, batch = _both(flat, lambda p: (p[0].weights, p[1].mean), device)
    how = "32 lanes, 2 terms, answer equal to golden"
    return [
        measured("kernel, population in, all weights out", moved.cycles, None, how),
        measured("kernel, population resident, moments", resident.cycles, None, how),
        measured("kernel, one of a batch of 256", round(batch.cycles / 256), None, how),
    ]


TABLES: dict[int, Callable[[str], list[Line]]] = {
    1: _network,
    2: _two_layer,
    3: _multi_layer,
    4: _multisensory,
}


def kernel_lines(table: int, device: str = "rtl") -> list[Line]:
    """Lines of the kernel for a table; one without a time, with the reason, if the device is absent."""
    try:
        return TABLES[table](device)
    except (SpynqError, OSError, ValueError) as error:
        return [Line(f"kernel, device {device}", "kernel", None, None, None, f"not measured: {error}")]
