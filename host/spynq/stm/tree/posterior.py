"""What a tree answers: the root's posterior with its sampling error, and what the populations did."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spynq.stm.tree.nodes import Floats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["TreeBatch", "TreePosterior"]


@dataclass(frozen=True, eq=False)
class TreePosterior:
    """Posterior of a tree's root under one evidence.

    Parameters
    ----------
    root : str
        Node that is asked for.
    states : tuple of str
        Its states; empty if it is continuous.
    shares : ndarray, shape [states]
        Probability of each state.
    mean, standard_deviation : float
        Of a continuous root, else NaN.
    standard_error : ndarray, shape [states] or [1]
        Of each probability, or of the mean: the noise of every population in use.
    ess : float
        Effective sample size of the root's population.
    log_evidence : float
        Natural log of the evidence's probability, on device ``reference`` in the lambda form; else NaN,
        as messages leave the kernel without their scale (``tree.exact`` has it).
    lost : float
        Largest share of a population's weight that no parent sample could have caused (on a device:
        in the whole batch).
    points, weights : ndarray, shape [points]
        The root's population, equal samples once, and their normalised weights.
    neurons : int
        Samples of each population.
    rule, populations, device : str
    seed : int
    cycles : int
        Clock cycles; 0 on a device without a clock. In a batch, those of the whole batch.
    flags : list of str
        Status flags that were raised.
    evidence : str
        The evidence in words.
    notes : list of str
        What the user should know.
    spikes : ndarray of int64, shape [points], optional
        Spike counts, if they were asked for.
    """

    root: str
    states: tuple[str, ...]
    shares: Floats
    mean: float
    standard_deviation: float
    standard_error: Floats
    ess: float
    log_evidence: float
    lost: float
    points: Floats
    weights: Floats
    neurons: int
    rule: str
    populations: str
    device: str
    seed: int
    cycles: int
    flags: list[str]
    evidence: str
    notes: list[str] = field(default_factory=list)
    spikes: npt.NDArray[np.int64] | None = None

    @property
    def probabilities(self) -> dict[str, float]:
        """Probability of each state by name; empty if the root is continuous."""
        return dict(zip(self.states, self.shares.tolist(), strict=True))

    def histogram(self, edges: Sequence[float] | Floats) -> Floats:
        """Probability of each bin of a continuous root.

        Parameters
        ----------
        edges : sequence of float
            Ascending; the last bin holds its upper end.
        """
        counted: Floats = np.histogram(self.points, np.asarray(edges, np.float64), weights=self.weights)[0]
        return counted

    def to_dict(self) -> dict[str, object]:
        """All but the population, for JSON."""
        answer: dict[str, object] = {"root": self.root, "device": self.device, "kernel": "stm"}
        if self.states:
            answer["posterior"] = self.probabilities
            answer["standard_error"] = dict(zip(self.states, self.standard_error.tolist(), strict=True))
        else:
            answer |= {"mean": self.mean, "standard_deviation": self.standard_deviation}
            answer["standard_error"] = float(self.standard_error[0])
        names = ("ess", "log_evidence", "lost", "neurons", "rule", "populations", "seed", "cycles", "flags")
        return answer | {name: getattr(self, name) for name in (*names, "evidence", "notes")}

    def __str__(self) -> str:
        if self.states:
            rows = zip(self.states, self.shares, self.standard_error, strict=True)
            body = "\n".join(f"{self.root} = {s}  {p:.4f} ± {e:.4f}" for s, p, e in rows)
        else:
            body = (
                f"{self.root}: mean {self.mean:.4f} ± {self.standard_error[0]:.2g}, "
                f"sd {self.standard_deviation:.4f}"
            )
        cost = f"{self.cycles:,} cycles" if self.cycles else "no cycles counted"
        how = (
            f"evidence: {self.evidence}\ndevice {self.device}, {self.neurons:,} neurons per population "
            f"({self.populations}, rule {self.rule}), {self.ess:,.0f} effective, {cost}"
        )
        return "\n".join([body, how, *(f"note: {note}" for note in self.notes)])

    def plot(self) -> Figure:
        """Bars of the states, or the population's weights over its values."""
        from spynq.stm import plots

        if self.states:
            errors = dict(zip(self.states, self.standard_error.tolist(), strict=True))
            return plots.posterior(self.probabilities, errors, title=f"{self.root} given {self.evidence}")
        return plots.population(self.points, self.weights, self.root)


@dataclass(frozen=True, eq=False)
class TreeBatch(Sequence[TreePosterior]):
    """Posteriors of a batch of evidences; properties are arrays over them.

    Parameters
    ----------
    posteriors : tuple of TreePosterior
    cycles : int
        Clock cycles of the whole batch.
    """

    posteriors: tuple[TreePosterior, ...]
    cycles: int

    def __len__(self) -> int:
        return len(self.posteriors)

    def __getitem__(self, index: Any) -> Any:
        return self.posteriors[index]

    def __iter__(self) -> Iterator[TreePosterior]:
        return iter(self.posteriors)

    def _all(self, name: str) -> Floats:
        return np.array([getattr(one, name) for one in self.posteriors], np.float64)

    @property
    def shares(self) -> Floats:
        """Probabilities, shape [evidences, states]."""
        return self._all("shares")

    @property
    def mean(self) -> Floats:
        """Means of a continuous root, shape [evidences]."""
        return self._all("mean")

    @property
    def standard_deviation(self) -> Floats:
        """Widths of the posteriors of a continuous root, shape [evidences]."""
        return self._all("standard_deviation")

    @property
    def standard_error(self) -> Floats:
        """Shape [evidences, states] or [evidences, 1]."""
        return self._all("standard_error")

    @property
    def ess(self) -> Floats:
        """Effective sample sizes, shape [evidences]."""
        return self._all("ess")

    @property
    def log_evidence(self) -> Floats:
        """Natural logs of the evidences' probabilities, shape [evidences]."""
        return self._all("log_evidence")


def moments(points: Floats, weights: Floats) -> tuple[float, float]:
    """Mean and standard deviation under normalised weights."""
    mean = float(weights @ points)
    return mean, math.sqrt(max(float(weights @ (points - mean) ** 2), 0.0))
