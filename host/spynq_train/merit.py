"""Figure of merit over all ways to cut: ``AL + 0.25 (MC + MA + ADD + MAC)``, each against BPTT (eq. 18)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from spynq_train.costs import Setting, training_costs
from spynq_train.footprint import saved_words, weight_words

__all__ = ["Merit", "intervals", "merit", "sweep"]


@dataclass(frozen=True)
class Merit:
    """One (k, n) against end-to-end training through all steps.

    Attributes
    ----------
    k, n : int
    memory, accesses, additions, macs : float
        As parts of BPTT's: 1 is as much.
    loss : float or None
        Accuracy lost, as a part of BPTT's accuracy; ``None`` where no accuracy is known.
    """

    k: int
    n: int
    memory: float
    accesses: float
    additions: float
    macs: float
    loss: float | None = None

    @property
    def cost(self) -> float:
        """Mean of the four costs; BPTT has 1."""
        return 0.25 * (self.memory + self.accesses + self.additions + self.macs)

    @property
    def figure(self) -> float | None:
        """The figure of merit, small is good; ``None`` without accuracy."""
        return None if self.loss is None else self.loss + self.cost


def merit(setting: Setting, accuracy: float | None = None, reference: float | None = None) -> Merit:
    """One setting against BPTT of the same network.

    Parameters
    ----------
    setting : Setting
    accuracy, reference : float, optional
        Of the setting, and of BPTT.
    """
    whole = replace(setting, k=setting.steps, n=len(setting.layers))
    ours, theirs = training_costs(setting), training_costs(whole)
    words = [saved_words(one) + weight_words(one) for one in (setting, whole)]
    lost = None
    if accuracy is not None and reference:
        lost = (reference - accuracy) / reference
    return Merit(
        setting.k,
        setting.n,
        words[0] / words[1],
        ours.accesses / theirs.accesses,
        ours.additions / theirs.additions,
        ours.macs / theirs.macs,
        lost,
    )


def intervals(steps: int) -> list[int]:
    """Every k that divides the time steps, longest first."""
    return [k for k in range(steps, 0, -1) if steps % k == 0]


def sweep(
    setting: Setting,
    ks: Sequence[int] | None = None,
    ns: Sequence[int] | None = None,
    accuracies: Mapping[tuple[int, int], float] | None = None,
) -> list[Merit]:
    """Every (k, n): by default all k that divide T, and n halved from all layers to 1.

    Parameters
    ----------
    setting : Setting
        Its own k and n are not used.
    ks, ns : sequence of int, optional
    accuracies : mapping of (k, n) to float, optional
        Percent; that of (T, all layers) is the reference.
    """
    layers, known = len(setting.layers), accuracies or {}
    depths = ns or sorted({max(1, layers >> shift) for shift in range(layers.bit_length())}, reverse=True)
    reference = known.get((setting.steps, layers))
    return [
        merit(replace(setting, k=k, n=n), known.get((k, n)), reference)
        for n in depths
        for k in (ks or intervals(setting.steps))
    ]
