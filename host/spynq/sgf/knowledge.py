"""What a model has learnt, for people: which bits each class has, and the paper's knowledge graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spynq.sgf.counters import Counters
from spynq.sgf.setting import Bit
from spynq.sgf.setup import Setup
from spynq.sgf.statistics import names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Edge", "Knowledge"]


@dataclass(frozen=True)
class Edge:
    """A link of the graph.

    Attributes
    ----------
    unit, row : str
        Who: a class or group of a unit.
    bit : str
        What: such as ``"area_L > 12"``.
    share : float
        Share of the row's taught trials that had the bit.
    lead : float
        That share less the mean share of the unit's other rows: how telling the bit is, -1 to 1.
    """

    unit: str
    row: str
    bit: str
    share: float
    lead: float


@dataclass(frozen=True)
class Knowledge:
    """The counters of a model, read as a graph from classes to bits.

    Parameters
    ----------
    setup : Setup
    bits : mapping of str to tuple of Bit
    counters : Counters
    """

    setup: Setup
    bits: Mapping[str, tuple[Bit, ...]]
    counters: Counters

    def bit_names(self, unit: str) -> list[str]:
        """What every bit of a unit says."""
        of_place = {place: name for name, place in names(self.setup.build).items()}
        return [f"{of_place[bit.statistic]} > {bit.threshold}" for bit in self.bits[unit]]

    def shares(self, unit: str) -> tuple[list[str], NDArray[np.float64]]:
        """Rows of a unit that were taught, and the share of trials with each bit, shape [rows, bits]."""
        length = len(self.bits[unit])
        taught = [(row, name) for row, name in self.setup.rows()[unit] if self.counters.trials[row]]
        found = [self.counters.counts[row, :length] / self.counters.trials[row] for row, _ in taught]
        return [name for _, name in taught], np.array(found).reshape(len(taught), length)

    def edges(self, unit: str, each: int = 3) -> list[Edge]:
        """The ``each`` most telling bits of every row of a unit, the strongest first."""
        rows, shares = self.shares(unit)
        bits, found = self.bit_names(unit), []
        for i, row in enumerate(rows):
            others = np.delete(shares, i, axis=0)
            lead = shares[i] - (others.mean(axis=0) if len(others) else 0)
            for bit in np.argsort(-np.abs(lead), kind="stable")[:each]:
                found.append(Edge(unit, row, bits[bit], float(shares[i, bit]), float(lead[bit])))
        return found

    def table(self) -> list[tuple[str, int, str]]:
        """The paper's global feature neurons: row, how often, vector as hexadecimal digits."""
        of_row = {row: f"{unit}: {name}" for unit, rows in self.setup.rows().items() for row, name in rows}
        lengths = {row: len(self.bits.get(u, ())) for u, rows in self.setup.rows().items() for row, _ in rows}
        found = []
        for slot in np.flatnonzero(self.counters.slots):
            row = int(self.counters.owners[slot])
            vector = np.packbits(self.counters.vectors[slot, : lengths[row]]).tobytes().hex()
            found.append((of_row[row], int(self.counters.slots[slot]), vector))
        return sorted(found, key=lambda line: (line[0], -line[1], line[2]))

    def as_json(self) -> dict[str, object]:
        """Trials, edges and table as plain values."""
        units = [unit for unit in self.setup.rows() if self.bits.get(unit)]
        return {
            "trials": {
                unit: {name: int(self.counters.trials[row]) for row, name in self.setup.rows()[unit]}
                for unit in units
            },
            "edges": [vars(edge) for unit in units for edge in self.edges(unit)],
            "vectors": [{"row": row, "count": n, "bits": bits} for row, n, bits in self.table()],
        }

    def plot(self, each: int = 3) -> Figure:
        """Draw the graph: one panel per unit, rows on the left, their most telling bits on the right.

        A line's width is the share of trials with the bit; blue: more often than the others, red: less.

        Parameters
        ----------
        each : int
            Bits per row.
        """
        from spynq.pictures import new_figure

        units = [unit for unit in self.setup.rows() if self.bits.get(unit)]
        if not any(self.counters.trials):
            raise ValueError("nothing has been taught yet, so there is no knowledge to draw")
        graphs = {unit: self.edges(unit, each) for unit in units}
        tallest = max(len({edge.bit for edge in edges}) for edges in graphs.values())
        figure = new_figure(6.5 * len(units), max(3.0, 0.28 * tallest))
        for axes, unit in zip(figure.subplots(1, len(units), squeeze=False)[0], units, strict=True):
            _draw(axes, graphs[unit])
            axes.set_title(f"unit {unit}: {len(self.bits[unit])} bits")
        return figure


def _draw(axes: Axes, edges: list[Edge]) -> None:
    rows = list(dict.fromkeys(edge.row for edge in edges))
    bits = list(dict.fromkeys(edge.bit for edge in edges))
    left = {row: (len(rows) - i - 0.5) / max(len(rows), 1) for i, row in enumerate(rows)}
    right = {bit: (len(bits) - i - 0.5) / max(len(bits), 1) for i, bit in enumerate(bits)}
    for edge in edges:
        colour = "tab:blue" if edge.lead >= 0 else "tab:red"
        ends = [left[edge.row], right[edge.bit]]
        axes.plot(
            [0, 1], ends, color=colour, linewidth=0.5 + 3 * edge.share, alpha=0.3 + 0.7 * abs(edge.lead)
        )
    for x, places, side in ((0, left, "right"), (1, right, "left")):
        axes.plot([x] * len(places), list(places.values()), "o", color="black", markersize=4)
        for name, y in places.items():
            pad = -0.03 if side == "right" else 0.03
            axes.text(x + pad, y, name, ha=side, va="center", fontsize=8)
    axes.set_xlim(-0.9, 1.7)
    axes.set_ylim(0, 1)
    axes.axis("off")
