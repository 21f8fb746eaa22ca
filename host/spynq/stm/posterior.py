"""Answers: posteriors with their standard errors, made from the kernel's sums."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spynq.pictures import new_figure
from spynq.stm.params import IMPOSSIBLE, L_FRACTION, W_ONE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Posterior", "Sums"]

Floats = npt.NDArray[np.float64]


class Sums:
    """Sums of many chunks on one scale, in float64.

    Every chunk has a smallest negative log2 likelihood of its own; its sums count
    ``2**-((l_min of the chunk - smallest l_min) / 1024)``.

    Parameters
    ----------
    bins : int
        Bins counted.

    Attributes
    ----------
    samples : int
    l_min : int
        Smallest of all chunks; ``IMPOSSIBLE`` while no sample was possible.
    weight, squares : float
        Sum of weights and of squared weights; the best sample weighs 2**16.
    bin_weight, bin_squares : ndarray of float64, shape [bins]
    """

    def __init__(self, bins: int) -> None:
        self.samples = 0
        self.l_min = IMPOSSIBLE
        self.weight = self.squares = 0.0
        self.bin_weight, self.bin_squares = np.zeros(bins), np.zeros(bins)

    def add(self, records: npt.NDArray[Any], samples: int) -> None:
        """Count the records of a run over ``samples`` samples."""
        self.samples += samples
        possible = records[records["L_MIN"] != IMPOSSIBLE]
        if not len(possible):
            return
        l_min = possible["L_MIN"].astype(np.int64)
        smallest = min(self.l_min, int(l_min.min()))
        old = 2.0 ** (-(self.l_min - smallest) / (1 << L_FRACTION)) if self.weight else 0.0
        scale = np.exp2(-(l_min - smallest) / (1 << L_FRACTION))
        self.l_min = smallest
        self.weight = self.weight * old + float(scale @ possible["W"].astype(np.float64))
        self.squares = self.squares * old**2 + float(scale**2 @ possible["S2"].astype(np.float64))
        if len(self.bin_weight):
            bins = possible["BINS"]
            self.bin_weight = self.bin_weight * old + scale @ bins["H"].astype(np.float64)
            self.bin_squares = self.bin_squares * old**2 + scale**2 @ bins["Q"].astype(np.float64)

    @property
    def ess(self) -> float:
        """Effective sample size W**2 / S2."""
        return self.weight**2 / self.squares if self.squares else 0.0

    def log_evidence(self, log2_constant: float) -> float:
        """Natural logarithm of the evidence's probability."""
        if not self.weight:
            return -math.inf
        log2 = math.log2(self.weight / W_ONE / self.samples) - self.l_min / (1 << L_FRACTION)
        return (log2 + log2_constant) * math.log(2)

    def estimate(self, first: int, states: int) -> tuple[Floats, Floats]:
        """Posterior of the node whose bins begin at ``first``, and its standard error.

        The error of a ratio of sums, sqrt(sum w**2 (f - p)**2) / W, and, so that a state never
        seen does not look certain, one effective sample: added in squares.
        """
        place = slice(first, first + states)
        probability = self.bin_weight[place] / self.weight
        inside = self.bin_squares[place]
        variance = (
            inside * (1 - probability) ** 2 + (self.squares - inside) * probability**2
        ) / self.weight**2
        return probability, np.sqrt(np.maximum(variance, 0) + 1 / self.ess**2)


@dataclass
class Posterior:
    """Posterior of some nodes.

    Attributes
    ----------
    probabilities : dict of str to dict of str to float
        Node, state, probability.
    standard_error : dict of str to dict of str to float
        Of each probability; 0 where it is known without sampling.
    ess : float
        Effective sample size: so many samples of the posterior itself would tell as much.
    log_evidence : float
        Natural logarithm of the probability of the evidence.
    cycles : int
        Clock cycles of the kernel; 0 on a device without a clock.
    flags : list of str
        Status flags that were raised.
    samples, seed : int
    device : str
    seconds : float
        Wall-clock time of the whole query.
    evidence : str
        The evidence in words.
    notes : list of str
        What the user should know.
    """

    probabilities: dict[str, dict[str, float]]
    standard_error: dict[str, dict[str, float]]
    ess: float
    log_evidence: float
    cycles: int
    flags: list[str]
    samples: int
    seed: int
    device: str
    seconds: float
    evidence: str = "none"
    notes: list[str] = field(default_factory=list)

    def total_variation(self) -> float:
        """Expected total variation from the exact posterior, of the worst node.

        Half the sum over states of the expected absolute error, sqrt(2/pi) standard errors.
        """
        sums = (sum(errors.values()) for errors in self.standard_error.values())
        return 0.5 * math.sqrt(2 / math.pi) * max(sums, default=0.0)

    def to_dict(self) -> dict[str, object]:
        """All of it under the keys that ``spynq stm query --json`` prints."""
        return {
            "device": self.device,
            "kernel": "stm",
            "samples": self.samples,
            "seed": self.seed,
            "posterior": self.probabilities,
            "standard_error": self.standard_error,
            "ess": self.ess,
            "log_evidence": self.log_evidence,
            "cycles": self.cycles,
            "flags": list(self.flags),
            "seconds": self.seconds,
        }

    def _rows(self) -> list[tuple[str, str, str, str]]:
        return [
            (node if not index else "", state, f"{p:.4f}", f"{self.standard_error[node][state]:.4f}")
            for node, states in self.probabilities.items()
            for index, (state, p) in enumerate(states.items())
        ]

    def _summary(self) -> list[str]:
        drawn = f"{self.samples:,} samples, {self.ess:,.0f} effective"
        how = (
            f"device {self.device}, {drawn if self.samples else 'nothing to sample'}, "
            f"log evidence {self.log_evidence:.4f}, "
            f"{f'{self.cycles:,} cycles' if self.cycles else 'no cycles counted'}, {self.seconds:.2f} s"
        )
        lines = [f"evidence: {self.evidence}", how]
        if self.flags:
            lines.append(f"flags: {', '.join(self.flags)}")
        return lines + [f"note: {note}" for note in self.notes]

    def __str__(self) -> str:
        rows = [("node", "state", "posterior", "error"), *self._rows()]
        width = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = [
            f"{a:<{width[0]}}  {b:<{width[1]}}  {c:>{width[2]}}  {d:>{width[3]}}".rstrip()
            for a, b, c, d in rows
        ]
        return "\n".join([*lines, *self._summary()])

    def _repr_html_(self) -> str:
        def cells(tag: str, row: Sequence[str]) -> str:
            return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) + "</tr>"

        head = cells("th", ("node", "state", "posterior", "standard error"))
        body = "".join(cells("td", row) for row in self._rows())
        return f"<table>{head}{body}</table><p>{'<br>'.join(map(escape, self._summary()))}</p>"

    def plot(self) -> Figure:
        """Bars with error bars of two standard errors, one panel per node (the first 36).

        Raises
        ------
        MissingDependency
            matplotlib is not installed.
        """
        shown = dict(list(self.probabilities.items())[:36])
        columns = max(1, min(3, len(shown)))
        rows = max(1, -(-len(shown) // columns))
        states = max((len(s) for s in shown.values()), default=1)
        figure = new_figure(4 * columns, rows * (0.8 + 0.3 * states))
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for panel, (node, values) in zip(panels, shown.items(), strict=False):
            errors = [2 * self.standard_error[node][state] for state in values]
            panel.barh(list(values), list(values.values()), xerr=errors, color="tab:blue", ecolor="0.3")
            panel.set(title=node, xlim=(0, 1))
            panel.invert_yaxis()
        for panel in panels[len(shown) :]:
            panel.set_visible(False)
        figure.supxlabel(f"posterior given {self.evidence} (bars: two standard errors)", fontsize="small")
        return figure
