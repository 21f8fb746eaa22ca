"""Pictures of trees: a spike raster, the weights, and two populations on an edge step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from spynq.pictures import new_figure
from spynq.stm.tree.estimator import edge_density, exchange, log_likelihood
from spynq.stm.tree.evidence import read_evidence
from spynq.stm.tree.model import Tree
from spynq.stm.tree.nodes import Floats
from spynq.stm.tree.plan import plan
from spynq.stm.tree.posterior import TreePosterior

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from spynq.stm.tree.spikes import SpikeCounts

__all__ = ["edge_steps", "raster", "tree"]

_BLUE, _RED = "#7aa6c2", "#c0392b"


def raster(fired: SpikeCounts, steps: int = 50, neurons: int = 60, seed: int = 0) -> Figure:
    """Spikes of some neurons over time, and beside it what all spikes say.

    Parameters
    ----------
    fired : SpikeCounts
    steps : int
        Time steps that each neuron's spikes are spread over at random: counts say nothing of times.
    neurons : int
        Neurons shown, evenly over their preferred values.
    seed : int
        Of the times.
    """
    found = fired.posterior
    order = np.argsort(found.points, kind="stable")
    shown = order[np.linspace(0, len(order) - 1, min(neurons, len(order))).astype(int)]
    times = np.random.default_rng(seed)
    figure = new_figure(9, 4)
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": (3, 2)})
    for row, neuron in enumerate(shown):
        when = times.uniform(0, steps, int(fired.counts[neuron]))
        left.plot(when, np.full(len(when), row), "|", color="k", markersize=4)
    labels = np.linspace(0, len(shown) - 1, 5).astype(int)
    left.set_yticks(labels, [f"{found.points[shown[i]]:.3g}" for i in labels])
    left.set(xlabel="time step", ylabel=f"preferred value of {found.root}", xlim=(0, steps))
    left.set_title(f"{fired.total} spikes, {len(shown)} of {len(order)} neurons shown", fontsize=9)
    _read_out(right, fired)
    return figure


def _read_out(axes: Axes, fired: SpikeCounts) -> None:
    found = fired.posterior
    if found.states:
        places = np.arange(len(found.states))
        axes.bar(places, fired.shares, yerr=fired.standard_error, color=_BLUE, capsize=3, label="spikes")
        axes.plot(places, found.shares, "k_", markersize=14, label="weights")
        axes.set_xticks(places, found.states)
    else:
        edges = np.linspace(found.points.min(), found.points.max(), 41)
        axes.stairs(
            np.histogram(found.points, edges, weights=fired.rates)[0],
            edges,
            fill=True,
            color=_BLUE,
            label="spikes",
        )
        axes.stairs(found.histogram(edges), edges, color="k", label="weights")
    axes.set(xlabel=found.root, ylabel="posterior")
    axes.legend(fontsize=7)


def edge_steps(
    tree: Tree, evidence: dict[str, object], posterior: TreePosterior, neurons: int = 40
) -> Figure:
    """Two populations, one above the other, in the steps of equation (E); one child is followed in red.

    Parameters
    ----------
    tree : Tree
        Root and one child population, both continuous.
    evidence : dict
        As for :meth:`Tree.infer`.
    posterior : TreePosterior
        Its answer, for the last step.
    neurons : int
        Neurons drawn of each population.
    """
    from spynq.stm.tree.infer import Options, populations_of

    top = plan(tree, read_evidence(tree, evidence))
    if len(top.children) != 1 or top.discrete or top.children[0].discrete:
        raise ValueError("the picture shows a continuous root with one continuous population below it")
    child = top.children[0]
    drawn = populations_of(tree, Options(neurons=neurons, seed=posterior.seed))
    lower, upper = drawn[child.name], drawn[top.name]
    names = [node.name for node in child.nodes]
    x, y = upper.points[tree.root], np.mean([lower.points[name] for name in names], axis=0)
    rows, columns = np.argsort(y), np.argsort(x)
    log = log_likelihood(child, lower)[rows]
    weight = np.exp(log - log.max())
    density = edge_density(child, lower, upper)[np.ix_(rows, columns)]
    votes = density / np.maximum(density @ upper.counts, np.finfo(float).tiny)[:, None]
    message, _ = exchange(density, weight, upper.counts)
    panels = new_figure(12, 6.5).subplots(2, 3).ravel()
    many = "mean of " + ", ".join(names) if len(names) > 1 else names[0]
    _sticks(panels[0], y[rows], weight, f"1. weight $u_i$ of each {child.name} neuron:\nhow well it explains "
            "the evidence", f"{many} (what the neuron stands for)", int(weight.argmax()))  # fmt: skip
    titles = (
        f"2. $P(y_i|x_k)$: could this {tree.root} neuron\nhave caused this {child.name} neuron?",
        "3. each row divided by its sum:\none vote per child, split over its parents",
        "4. each vote times the child's weight $u_i$:\nwho explains the evidence has a say",
    )
    for axes, cells, title in zip(
        panels[1:], (density, votes, weight[:, None] * votes), titles, strict=False
    ):
        _grid(axes, cells, title, (x[columns], tree.root), (y[rows], child.name), int(weight.argmax()))
    _sticks(
        panels[4],
        x[columns],
        message,
        f"5. columns added up: the message $m(x_k)$,\nthe weight of each {tree.root} neuron",
        f"{tree.root} (what the neuron stands for)",
    )
    _answer(panels[5], tree, evidence, posterior)
    return panels[0].get_figure()  # type: ignore[no-any-return]


def _sticks(
    axes: Axes, x: Floats, height: Floats, title: str, name: str, followed: int | None = None
) -> None:
    axes.vlines(x, 0, height / height.max(), color=_BLUE, linewidth=1.5)
    axes.plot(x, np.zeros(len(x)), "|", color="0.4", markersize=5)
    if followed is not None:
        axes.vlines(x[followed], 0, height[followed] / height.max(), color=_RED, linewidth=2)
    axes.set(xlabel=name, ylabel="of the largest", ylim=(-0.06, 1.08), yticks=[0, 0.5, 1])
    axes.set_title(title, fontsize=9)


def _grid(
    axes: Axes, cells: Floats, title: str,
    parents: tuple[Floats, str], children: tuple[Floats, str], followed: int,
) -> None:  # fmt: skip
    """A cell per pair, dark where large; neurons in the order of what they stand for."""
    # A few rows at the ends, with hardly a parent near them, would leave the others pale.
    dark = np.quantile(cells.max(axis=1), 0.8) or cells.max()
    axes.imshow(cells, aspect="auto", origin="lower", cmap="Blues", vmin=0, vmax=dark)
    axes.axhline(followed - 0.5, color=_RED, linewidth=0.8)
    axes.axhline(followed + 0.5, color=_RED, linewidth=0.8)
    for axis, (values, name) in ((axes.xaxis, parents), (axes.yaxis, children)):
        shown = np.linspace(0, len(values) - 1, 5).astype(int)
        axis.set_ticks(shown.tolist(), [f"{values[i]:.1f}" for i in shown])
        axis.set_label_text(f"{name} neurons, in order")
    axes.set_title(title, fontsize=9)


def _answer(axes: Axes, tree: Tree, evidence: dict[str, object], posterior: TreePosterior) -> None:
    """Weights of all neurons, added up where neurons stand close together."""
    exact = tree.exact(evidence)
    middle, sd = exact.mean, exact.standard_deviation
    edges = np.linspace(middle - 5 * sd, middle + 5 * sd, 41)
    curve = np.linspace(edges[0], edges[-1], 200)
    height = np.exp(-0.5 * ((curve - middle) / sd) ** 2) * (edges[1] - edges[0]) / (sd * np.sqrt(2 * np.pi))
    axes.stairs(posterior.histogram(edges), edges, fill=True, color=_BLUE, label="populations")
    axes.plot(curve, height, "k-", linewidth=1, label="exact (normal)")
    axes.set(xlabel=tree.root, ylabel="probability per bin")
    axes.set_title(
        f"6. the answer of all {len(posterior.points):,} neurons:\nweights added up where neurons are close",
        fontsize=9,
    )
    axes.legend(fontsize=7)


def tree(model: Tree, evidence: dict[str, object] | None = None) -> Figure:
    """The tree itself: nodes by level, arrows, populations as frames, observed nodes filled."""
    seen = read_evidence(model, evidence)
    places = _places(model)
    right, bottom = max(x for x, _ in places.values()), min(y for _, y in places.values())
    figure = new_figure(2 + 1.1 * right, 2.1 - 1.1 * bottom)
    axes = figure.subplots()
    for name, (x, y) in places.items():
        parent = model[name].parent
        if parent is not None:
            axes.annotate("", (x, y + 0.22), places[parent], arrowprops={"arrowstyle": "->", "shrinkA": 14})
        colour = "0.8" if name in seen else "white"
        axes.text(
            x,
            y,
            name,
            ha="center",
            va="center",
            bbox={"boxstyle": "circle,pad=0.45", "facecolor": colour, "edgecolor": "k"},
        )
    for pool in dict.fromkeys(node.pool for node in model.nodes.values()):
        _frame(axes, [places[n.name] for n in model.nodes.values() if n.pool == pool])
    axes.set(xlim=(-0.8, right + 0.8), ylim=(bottom - 0.7, 0.7))
    axes.set_axis_off()
    return figure


def _frame(axes: Axes, corners: Sequence[tuple[float, float]]) -> None:
    if len(corners) < 2:
        return
    left, right = min(x for x, _ in corners) - 0.42, max(x for x, _ in corners) + 0.42
    level = corners[0][1]
    box_x = [left, right, right, left, left]
    axes.plot(
        box_x, [level - 0.42, level - 0.42, level + 0.42, level + 0.42, level - 0.42], "--", color=_BLUE
    )


def _places(model: Tree) -> dict[str, tuple[float, float]]:
    """Leaves side by side, every other node above the middle of its children."""
    places: dict[str, tuple[float, float]] = {}
    width = 0.0

    def place(name: str, level: float) -> None:
        nonlocal width
        below = model.children(name)
        for child in below:
            place(child.name, level - 1)
        if below:
            x = sum(places[child.name][0] for child in below) / len(below)
        else:
            x, width = width, width + 1.0
        places[name] = (x, level)

    place(model.root, 0.0)
    return places
