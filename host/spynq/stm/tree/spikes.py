"""Spikes: the root's population as a population code, and what a reader of its spikes would estimate.

Neuron i fires in proportion to its weight w_i, the likelihood of its preferred value. Given n spikes in
all the counts are multinomial(n, w), so divisive normalisation r_i / n has the mean w_i exactly, and a
read-out sum f_i r_i / n the variance Var_w(f) / n on top of the population's own sampling error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spynq.stm.golden_spikes import MEAN_ONE, spike_counts
from spynq.stm.params import MAX_GAIN_BITS, W_ONE
from spynq.stm.tree.model import Tree
from spynq.stm.tree.nodes import Floats
from spynq.stm.tree.posterior import TreePosterior, moments

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["MOST_SPIKES", "SpikeCounts", "Spiking", "drawn", "spike_seed", "spikes"]

_LARGEST = (1 << MAX_GAIN_BITS) - 1
MOST_SPIKES = {False: _LARGEST, True: int(_LARGEST / MEAN_ONE)}
"""Most spikes of a run, or the largest mean of a Poisson total."""


@dataclass(frozen=True)
class Spiking:
    """Which spikes to draw.

    Parameters
    ----------
    spikes : int
        Spikes of the whole population; with ``poisson`` their mean.
    poisson : bool
        Draw the total too: counts of the neurons are then independent Poisson numbers.
    seed : int
        Of the spikes alone.
    """

    spikes: int
    poisson: bool = False
    seed: int = 1

    def __post_init__(self) -> None:
        most = MOST_SPIKES[bool(self.poisson)]
        if isinstance(self.spikes, bool) or not isinstance(self.spikes, int | np.integer):
            raise ValueError(f"spikes must be a whole number, not {self.spikes!r}")
        if not 1 <= self.spikes <= most:
            raise ValueError(
                f"spikes must be 1 to {most}, not {self.spikes}; read out several times for more"
            )
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, not {self.seed}")

    @property
    def number(self) -> int:
        """What the kernel is told: the number, or the mean in its units."""
        return round(self.spikes * MEAN_ONE) if self.poisson else int(self.spikes)


def drawn(weights: Floats, spiking: Spiking) -> npt.NDArray[np.int64]:
    """Spike counts of normalised weights, as the kernel draws them from its integers."""
    whole = np.rint(weights / max(float(weights.max()), 1e-300) * W_ONE).astype(np.int64)
    return spike_counts(whole, spike_seed(spiking.seed), spiking.number, poisson=spiking.poisson)


def spike_seed(seed: int) -> int:
    """State of the kernel's spike generator for a seed: 128 bits, not zero."""
    words = np.random.SeedSequence([seed, 0x5B1CE]).generate_state(4, np.uint32).tolist()
    return sum(word << 32 * place for place, word in enumerate(words)) or 1


@dataclass(frozen=True, eq=False)
class SpikeCounts:
    """Spikes of the root's population, and the posterior read from them.

    Parameters
    ----------
    counts : ndarray of int64, shape [points]
        Spikes of each neuron; of equal neurons that are kept as one, together.
    posterior : TreePosterior
        From the weights themselves: what infinitely many spikes would tell.
    spiking : Spiking
    """

    counts: npt.NDArray[np.int64]
    posterior: TreePosterior
    spiking: Spiking

    @property
    def total(self) -> int:
        """Spikes in all."""
        return int(self.counts.sum())

    @property
    def rates(self) -> Floats:
        """Divisive normalisation: share of each neuron in all spikes; all 0 without a spike."""
        shares: Floats = self.counts / max(self.total, 1)
        return shares

    @property
    def shares(self) -> Floats:
        """Probability of each state of a discrete root, read from spikes."""
        return np.array(
            [float(self.rates[self.posterior.points == s].sum()) for s in range(len(self.posterior.states))]
        )

    @property
    def mean(self) -> float:
        """Mean of a continuous root, read from spikes."""
        return moments(self.posterior.points, self.rates)[0] if self.total else math.nan

    @property
    def standard_error(self) -> Floats:
        """Error of each probability, or of the mean: sampling of the population and of its spikes."""
        one = self.posterior
        spread = one.shares * (1 - one.shares) if one.states else np.array([one.standard_deviation**2])
        error: Floats = np.sqrt(one.standard_error**2 + spread / max(self.total, 1))
        return error

    def raster(self, steps: int = 50, neurons: int = 60, seed: int = 0) -> Figure:
        """Spike raster: each neuron's spikes spread over time steps at random, by preferred value."""
        from spynq.stm.tree.pictures import raster

        return raster(self, steps, neurons, seed)


def spikes(tree: Tree, evidence: Mapping[str, Any] | None, spiking: Spiking, **options: Any) -> SpikeCounts:
    """Infer, and let the root's population fire; see :meth:`spynq.stm.tree.model.Tree.spikes`."""
    from spynq.stm.tree.infer import infer

    found = infer(tree, evidence, spiking=spiking, **options)
    assert found.spikes is not None
    return SpikeCounts(found.spikes, found, spiking)
