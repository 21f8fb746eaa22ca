"""Pictures of a run: who fires when, and what membranes do meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spynq.pictures import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from spynq.lif.results import Result

__all__ = ["result"]

_NEURONS = 200
_TRACES = 5


def result(found: Result, sample: int = 0) -> Figure:
    """Raster of every layer, membranes of some of its neurons below.

    Parameters
    ----------
    found : Result
    sample : int
        Which one.
    """
    count = found.outputs.shape[0]
    if not 0 <= sample < count:
        raise ValueError(f"sample {sample} is not among the {count} that ran, 0 to {count - 1}")
    membranes = found.membranes(sample)
    names = [name for name in membranes]
    figure = new_figure(3.2 * len(names) + 0.6, 4.6)
    panels = figure.subplots(2, len(names), squeeze=False, sharex=True)
    for (upper, lower), name in zip(panels.T, names, strict=True):
        traces = membranes[name].reshape(len(membranes[name]), -1)
        spikes = found.spikes[name][:, sample].reshape(len(traces), -1) if name in found.spikes else None
        _raster(upper, name, spikes)
        activity = traces.max(axis=0) if spikes is None else spikes.sum(axis=0)
        _traces(lower, traces[:, _chosen(activity)], _threshold(found, name))
    panels[0][0].set_ylabel("neuron")
    panels[1][0].set_ylabel("membrane before firing")
    return figure


def _raster(axes: Axes, name: str, spikes: np.ndarray | None) -> None:  # type: ignore[type-arg]
    if spikes is None:
        axes.set_title(f"{name}: membranes alone", fontsize=8)
        axes.set_yticks([])
        return
    # More rows than pixels show nothing more.
    shown = spikes[:, :: max(1, spikes.shape[1] // _NEURONS)]
    axes.eventplot(
        [np.flatnonzero(row) for row in shown.T], colors="#35618a", linelengths=0.9, linewidths=1.5
    )
    axes.set_title(f"{name}: {spikes.mean():.1%} of {spikes.shape[1]:,} neurons per step", fontsize=8)


def _chosen(activity: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """Neurons from the busiest to the least busy of those that fire at all."""
    order = np.argsort(-activity, kind="stable")
    active = max(int(np.count_nonzero(activity > 0)), min(_TRACES, len(order)))
    return np.asarray(order[np.unique(np.linspace(0, active - 1, _TRACES).astype(int))])


def _traces(axes: Axes, traces: np.ndarray, threshold: float | None) -> None:  # type: ignore[type-arg]
    axes.plot(traces, "o-", markersize=2, linewidth=0.9)
    if threshold is not None:
        axes.axhline(threshold, color="k", linestyle=":", linewidth=0.9)
    axes.set_xlabel("time step", fontsize=8)


def _threshold(found: Result, name: str) -> float | None:
    """Its threshold, if all channels of a firing layer share one."""
    stage = next(item.stage for item in found.network.stages if item.stage.name == name)
    neuron = stage.neuron
    if neuron is None or not neuron.fires or np.ptp(neuron.threshold) > 0:
        return None
    return float(neuron.threshold[0])
