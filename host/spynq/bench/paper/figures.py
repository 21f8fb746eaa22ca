"""Figures 9B, 10B and 11: error against neurons, and fused estimates against theory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from spynq.pictures import new_figure
from spynq.stm.tree import experiments
from spynq.stm.tree.experiments import (
    E3_SDS,
    causal,
    compare_rules,
    error_rates,
    fusion_errors,
    multilayer,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FIGURES", "Curve", "PaperFigure", "figure"]

Make = Callable[[int, float], experiments.Question]
NEURONS = (50, 100, 200, 500, 1000, 2000, 4000, 8000, 16000)
FIGURES = ("9b", "10b", "11")
_TITLES = {
    "9b": "Figure 9B: causal inference, error against neurons in each population",
    "10b": "Figure 10B: multi-layer causal inference, error against neurons in each population",
    "11": "Figure 11: multisensory integration, fused estimate against the theory",
}
_SAYS = {
    "9b": "The paper prints a curve without numbers: 'when there are 2,000 sampled neurons, the error rate "
    "[...] is already quite small', and 'accuracy up to 98 %'.",
    "10b": "The paper prints a curve without numbers.",
    "11": "The paper prints curves without numbers.",
}
_SWEEP = (-20.0, -10.0, 0.0, 10.0, 20.0)
_SHIFT = {"haptic": 8.0, "visual": -4.0, "auditory": 2.0}
_KERNEL_NETWORKS = 20


@dataclass(frozen=True)
class Curve:
    """A line of a figure: y against x."""

    name: str
    x: list[float]
    y: list[float]


@dataclass
class PaperFigure:
    """A figure of the paper, measured by us.

    Parameters
    ----------
    name, title : str
    paper : str
        What the paper says of it.
    x, y : str
        What the axes are.
    curves : list of Curve
    errors : list of Curve
        Figure 11: root mean square error of the estimate against neurons, drawn in a panel of its own.
    """

    name: str
    title: str
    paper: str
    x: str
    y: str
    curves: list[Curve] = field(default_factory=list)
    errors: list[Curve] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """All of it."""
        lists = {name: [dict(c.__dict__) for c in getattr(self, name)] for name in ("curves", "errors")}
        return {**self.__dict__, **lists}

    def plot(self) -> Figure:
        """Draw it; errors on logarithmic axes."""
        panels = 2 if self.errors else 1
        drawn = new_figure(6 * panels, 4)
        left, *right = drawn.subplots(1, panels, squeeze=False)[0]
        _draw(left, self.curves, logarithmic=not self.errors)
        left.set(xlabel=self.x, ylabel=self.y)
        for axes in right:
            _draw(axes, self.errors, logarithmic=True)
            axes.set(xlabel="neurons", ylabel="rms error of the posterior mean")
        drawn.suptitle(self.title, fontsize=9)
        return drawn


def _draw(axes: Axes, curves: Sequence[Curve], logarithmic: bool) -> None:
    for curve in curves:
        axes.plot(curve.x, curve.y, ".--" if "theory" in curve.name else ".-", label=curve.name)
    if logarithmic:
        axes.set(xscale="log", yscale="log")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)


def figure(
    name: str,
    *,
    networks: int = 400,
    device: str = "golden",
    advance: Callable[[str], object] = lambda name: None,
) -> PaperFigure:
    """Measure a figure.

    Parameters
    ----------
    name : str
        ``"9b"``, ``"10b"`` or ``"11"``.
    networks : int
        Random networks that errors are averaged over; of them a device answers the first 20.
    device : str
        Kernel that is drawn beside float64.
    advance : callable
        Called with what is measured next.
    """
    if name not in FIGURES:
        raise ValueError(f"the figures are {', '.join(FIGURES)}, not {name!r}")
    if name == "11":
        return _fusion(device, advance)
    made = PaperFigure(
        name, _TITLES[name], _SAYS[name], "neurons in each population", "total variation from exact"
    )
    made.curves += _causal(networks, advance) if name == "9b" else _multilayer(networks, advance)
    advance(f"kernel on {device}")
    make, power = (causal, 1.0) if name == "9b" else (multilayer, 4.0)
    made.curves.append(_kernel(make, power, min(networks, _KERNEL_NETWORKS), device))
    return made


def _causal(networks: int, advance: Callable[[str], object]) -> list[Curve]:
    curves = []
    for label, known in (("float64", False), ("float64, known prior of A", True)):
        errors = []
        for neurons in NEURONS:
            advance(f"{label}, {neurons} neurons")
            errors.append(error_rates(causal, neurons, networks=networks, exact_root_shares=known).tv)
        curves.append(Curve(label, [float(n) for n in NEURONS], errors))
    return curves


def _multilayer(networks: int, advance: Callable[[str], object]) -> list[Curve]:
    curves = []
    for power, what in ((1.0, "random"), (4.0, "informative")):
        found = []
        for neurons in NEURONS:
            advance(f"float64, both rules, {what} tables, {neurons} neurons")
            found.append(compare_rules(neurons, power=power, networks=networks))
        for rule in ("published", "lambda"):
            errors = [rates[rule].tv for rates in found]
            curves.append(Curve(f"float64, {rule}, {what} tables", [float(n) for n in NEURONS], errors))
    return curves


def _kernel(
    make: Callable[[int, float], experiments.Question], power: float, networks: int, device: str
) -> Curve:
    """Total variation of the kernel's answers, one population for each network."""
    errors = []
    for neurons in NEURONS:
        away = []
        for t in range(networks):
            tree, evidence = make(t, power)
            found = tree.infer(evidence, neurons=neurons, rao_blackwell=False, seed=t, device=device)
            truth = list((tree.exact(evidence).probabilities or {}).values())
            away.append(0.5 * float(np.abs(found.shares - truth).sum()))
        errors.append(float(np.mean(away)))
    what = f"device {device}, lambda, first {networks} {'informative ' if power > 1 else ''}networks"
    return Curve(what, [float(n) for n in NEURONS], errors)


def _fusion(device: str, advance: Callable[[str], object]) -> PaperFigure:
    made = PaperFigure("11", _TITLES["11"], _SAYS["11"], "true S", "posterior mean of S")
    for senses in (tuple(E3_SDS), ("visual", "haptic")):
        # With two cues the paper's variances are 16 and 16.
        sds = {s: E3_SDS[s] if len(senses) == 3 else 4.0 for s in senses}
        tree, what = experiments.multisensory(sds), f"{len(senses)} cues"
        means, theory = [], []
        for truth in _SWEEP:
            advance(f"{what}, S = {truth:g}")
            evidence = {s: truth + _SHIFT[s] for s in senses}
            runs = [tree.infer(evidence, neurons=1000, seed=k, device=device).mean for k in range(10)]
            means.append(float(np.mean(runs)))
            theory.append(tree.exact(evidence).mean)
        made.curves += [
            Curve(f"{what}, device {device}, 1,000 neurons, mean of 10", list(_SWEEP), means),
            Curve(f"{what}, theory", list(_SWEEP), theory),
        ]
    advance("errors against neurons")
    counts = (100, 1000, 4000)
    for kind in ("random", "stratified"):
        rms = [fusion_errors(n, populations=kind, trials=400).rms for n in counts]
        made.errors.append(Curve(f"{kind} populations", [float(n) for n in counts], rms))
    return made
