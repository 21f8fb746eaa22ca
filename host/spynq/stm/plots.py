"""Pictures: posterior bars, the weights of a population, a fusion. matplotlib is imported when asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spynq.pictures import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from spynq.stm.fusion import Fusion

__all__ = ["fusion", "population", "posterior"]

_SHOWN = 2000


def posterior(
    probabilities: Mapping[str, float],
    standard_error: Mapping[str, float] | None = None,
    exact: Mapping[str, float] | None = None,
    title: str = "",
) -> Figure:
    """Bars of one node's posterior.

    Parameters
    ----------
    probabilities : mapping of str to float
        State to probability.
    standard_error : mapping of str to float, optional
        Drawn as error bars of one standard error.
    exact : mapping of str to float, optional
        Drawn as dashes.
    title : str
        Above the bars.
    """
    figure = new_figure(1.5 + 0.6 * len(probabilities), 3)
    axes = figure.subplots()
    places = np.arange(len(probabilities))
    errors = None if standard_error is None else [standard_error[state] for state in probabilities]
    axes.bar(places, list(probabilities.values()), yerr=errors, color="#7aa6c2", capsize=3, label="estimate")
    if exact is not None:
        axes.plot(places, [exact[state] for state in probabilities], "k_", markersize=14, label="exact")
        axes.legend(fontsize=7)
    axes.set_xticks(places, list(probabilities), rotation=45, ha="right")
    axes.set(ylim=(0, 1), ylabel="probability", title=title)
    return figure


def population(samples: npt.ArrayLike, weights: npt.ArrayLike, name: str = "value") -> Figure:
    """Weight of each sample over its value: which neurons of the population fire for this evidence.

    Parameters
    ----------
    samples : array_like of float, shape [samples]
    weights : array_like of float, shape [samples]
        Normalised or not.
    name : str
        Of the coordinate.
    """
    figure = new_figure(6, 2.5)
    axes = figure.subplots()
    _raster(axes, np.asarray(samples, np.float64), np.asarray(weights, np.float64))
    axes.set(xlabel=name)
    return figure


def _raster(axes: Axes, samples: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> None:
    # More lines than pixels show nothing more.
    chosen = slice(None, None, max(1, len(samples) // _SHOWN))
    axes.vlines(samples[chosen], 0, weights[chosen] / weights.max(), color="#7aa6c2", linewidth=0.5)
    axes.set(ylim=(0, 1.05), ylabel="weight / largest")


def fusion(found: Fusion) -> Figure:
    """Cues, exact posterior and estimate above; the population's weights below."""
    figure = new_figure(7, 4.5)
    upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (3, 1)})
    width = np.diff(found.edges)
    middle = (found.edges[:-1] + found.edges[1:]) / 2
    upper.stairs(found.histogram / width, found.edges, fill=True, color="#7aa6c2", label="fused")
    upper.errorbar(
        middle,
        found.histogram / width,
        found.histogram_error / width,
        fmt="none",
        ecolor="0.3",
        elinewidth=0.7,
    )
    upper.stairs(found.exact_histogram / width, found.edges, color="k", linestyle="--", label="exact")
    fine = np.linspace(found.edges[0], found.edges[-1], 1001)
    for index, (value, sd) in enumerate(found.cues):
        density = np.exp(-0.5 * ((fine - value) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))
        upper.plot(fine, density, f"C{index + 1}", linewidth=1, label=f"cue {value:g}, sd {sd:g}")
    reach = 5 * found.exact_standard_deviation
    low = min([found.exact_mean - reach, *(value - 2 * sd for value, sd in found.cues)])
    high = max([found.exact_mean + reach, *(value + 2 * sd for value, sd in found.cues)])
    upper.set(
        xlim=(max(low, found.edges[0]), min(high, found.edges[-1])),
        ylabel="density",
        title=f"{found.mean:.3f} ± {found.standard_error:.2g} (exact {found.exact_mean:.3f}), "
        f"{found.samples} samples on {found.device}",
    )
    upper.legend(fontsize=8)
    _raster(lower, found.population, found.weights)
    lower.set(xlabel="value")
    return figure
