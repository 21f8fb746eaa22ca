"""Tables 1 to 4: the paper's rows, the kernel's, and software's, with what each calls time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from spynq.bench.paper import multi_layer, multisensory, network, published, two_layer
from spynq.bench.paper.kernels import kernel_lines
from spynq.bench.paper.timing import CLOCK, Line, measure

__all__ = ["Table", "table"]

_TIME = (
    "Time per neuron: milliseconds of one whole inference divided by the 4,000 sampled neurons. The paper "
    "does not define its own; this reading makes its Tables 2 to 4 consistent with each other. Kernel times "
    f"are counted cycles at {CLOCK / 1e6:.0f} MHz, the paper's clock, which no vendor tool has confirmed for "
    "this gateware. Software is the smaller of wall time and CPU time per thread, compiled and warm."
)
_TITLES = {
    1: "Table 1: one population of 1,000 neurons under two stimuli",
    2: "Table 2: two-layer model, two populations of 4,000 neurons, all 16 million pairs",
    3: "Table 3: multi-layer model, read as four populations of 1,000 neurons (3 million pairs)",
    4: "Table 4: multisensory integration, 4,000 points from 4,000 neurons",
}
_ONE = (
    "Time: one inference, as the paper's latency is; a batch's time is divided by its evidences. Kernel "
    f"times are counted cycles at {CLOCK / 1e6:.0f} MHz, the paper's clock, which no vendor tool has "
    "confirmed for this gateware; sizes are open synthesis (yosys), unplaced."
)


@dataclass
class Table:
    """A table of the paper beside ours.

    Parameters
    ----------
    number : int
    title, definition : str
        What is computed, and what time means.
    lines : list of Line
    sizes : dict
        Table 1: resources, the paper's and ours.
    """

    number: int
    title: str
    definition: str
    lines: list[Line]
    sizes: dict[str, dict[str, float | str]] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """All of it."""
        return {**self.__dict__, "lines": [line.as_json() for line in self.lines]}


def _published(number: int) -> list[Line]:
    if number == 1:
        return [
            Line(
                name, "paper", 1e3 * row["cycles"] / CLOCK, None, row["cycles"], "Table 1, latency in cycles"
            )
            for name, row in published.RESOURCES.items()
        ]
    neurons = published.NEURONS
    return [
        Line(name, "paper", each * neurons, each, None, f"Table {number}")
        for name, each in published.TIMES[number]
    ]


def _software(number: int, advance: Callable[[str], object]) -> list[Line]:
    lines = []
    work = {1: network, 2: two_layer, 3: multi_layer, 4: multisensory}[number]
    jobs = [(contender, work.reference) for contender in work.contenders()]
    if number == 1:
        jobs += [(contender, network.means) for contender in network.batch_contenders()]
    for contender, reference in jobs:
        advance(contender.name)
        # In Table 1 a row is an evidence, and a single one is timed.
        rows = 1 if number == 1 else published.NEURONS
        line = measure(contender, rows, reference, published.NEURONS)
        lines.append(replace(line, per_neuron=None) if number == 1 else line)
    return lines


def table(
    number: int,
    *,
    device: str | None = "rtl",
    software: bool = True,
    advance: Callable[[str], object] = lambda name: None,
) -> Table:
    """Measure a table.

    Parameters
    ----------
    number : int
        1 to 4.
    device : str or None
        Where cycles are counted; None leaves the kernel out.
    software : bool
        Measure software.
    advance : callable
        Called with the name of what is measured next.
    """
    if number not in _TITLES:
        raise ValueError(f"the paper has Tables 1 to 4, not {number}")
    lines = _published(number)
    if software:
        lines += _software(number, advance)
    if device is not None:
        advance(f"kernel on {device}")
        lines += kernel_lines(number, device)
    made = Table(number, _TITLES[number], _ONE if number == 1 else _TIME, lines)
    if number == 1 and device is not None:
        advance("size by open synthesis")
        made.sizes = {name: dict(row) for name, row in published.RESOURCES.items()}
        made.sizes["kernel, 32 lanes, 2 terms (estimate)"] = network.sizes()
    return made
