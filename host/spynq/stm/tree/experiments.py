"""The source paper's three experiments as trees, by the recipe that their reference values were made with.

E1: causal inference, A causes B1..B4, each seen through a stimulus. E2: the same in layers.
E3: multisensory integration. Network t comes from ``default_rng([1, t])``, populations of N neurons
from ``default_rng([7, N])``, the root's first and the published rule's before those of the lambda form;
where the root's prior is known and not sampled, from ``default_rng([8, N])``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from spynq.stm.reference import product_of_gaussians, total_variation
from spynq.stm.tree.draw import draw
from spynq.stm.tree.estimator import estimate
from spynq.stm.tree.evidence import read_evidence
from spynq.stm.tree.exact import exact_root
from spynq.stm.tree.model import Tree
from spynq.stm.tree.nodes import Floats
from spynq.stm.tree.plan import Pool, plan
from spynq.stm.tree.posterior import moments

__all__ = [
    "E3_SDS",
    "STATES",
    "ErrorRates",
    "FusionErrors",
    "causal",
    "causal_gaussian",
    "compare_rules",
    "error_rates",
    "fusion_errors",
    "multilayer",
    "multisensory",
]

STATES = 4
E3_SDS = {"haptic": 8.0, "visual": 4.0, "auditory": 6.0}
"""Square roots of the variances 64, 16 and 36."""

Question = tuple[Tree, dict[str, int]]
Arrow = tuple[str, str | None, str]
"""A node, its parent, and the population it belongs to."""


def _rows(rng: np.random.Generator, shape: tuple[int, ...], power: float) -> Floats:
    # The root's prior has no power; the random numbers are the same for every power.
    table = rng.random(shape) ** (power if len(shape) > 1 else 1.0)
    rows: Floats = table / table.sum(axis=-1, keepdims=True)
    return rows


def _random(tree: Tree, arrows: Sequence[Arrow], t: int, power: float, forward: Sequence[Arrow]) -> Question:
    """Random tables in the order of ``arrows``; a draw in that of ``forward``, whose stimuli are seen."""
    rng = np.random.default_rng([1, t])
    for name, parent, pool in arrows:
        shape = (STATES,) if parent is None else (STATES, STATES)
        tree.discrete(name, _rows(rng, shape, power), parent=parent, pool=pool)
    drawn: dict[str, int] = {}
    for name, parent, _ in forward:
        table = np.asarray(tree[name].table)  # type: ignore[union-attr]
        drawn[name] = int(rng.choice(STATES, p=table if parent is None else table[drawn[parent]]))
    return tree, {name: state for name, state in drawn.items() if name.startswith("I")}


def causal(t: int, power: float = 1.0) -> Question:
    """E1: A over B1..B4 (one population), stimuli I1..I4; a random network and its evidence.

    Parameters
    ----------
    t : int
        Number of the network.
    power : float
        Conditional tables are raised to it and normalised again: 4 makes them informative.
    """
    root: Arrow = ("A", None, "A")
    causes: list[Arrow] = [(f"B{m}", "A", "B") for m in range(1, 5)]
    stimuli: list[Arrow] = [(f"I{m}", f"B{m}", f"I{m}") for m in range(1, 5)]
    # Each stimulus is drawn right after its cause: another order gives other evidence for the same tables.
    forward = [root, *chain.from_iterable(zip(causes, stimuli, strict=True))]
    return _random(Tree("causal inference"), [root, *causes, *stimuli], t, power, forward)


def multilayer(t: int, power: float = 1.0) -> Question:
    """E2: A over (B1, B2), B1 over (C1, C2), B2 over C3, stimuli I1..I3; see :func:`causal`."""
    arrows: list[Arrow] = [("A", None, "A"), ("B1", "A", "B"), ("B2", "A", "B")]
    arrows += [("C1", "B1", "C12"), ("C2", "B1", "C12"), ("C3", "B2", "C3")]
    arrows += [(f"I{m}", f"C{m}", f"I{m}") for m in range(1, 4)]
    return _random(Tree("multi-layer causal inference"), arrows, t, power, arrows)


def causal_gaussian() -> Tree:
    """E1 with Gaussians: A ~ N(0, 9), B_m ~ N(A, 1), I_m ~ N(B_m, 1)."""
    tree = Tree("causal inference").gaussian("A", sd=3)
    for m in range(1, 5):
        tree.gaussian(f"B{m}", parent="A", sd=1, pool="B")
    for m in range(1, 5):
        tree.gaussian(f"I{m}", parent=f"B{m}", sd=1)
    return tree


def multisensory(cues: Mapping[str, float] | None = None) -> Tree:
    """E3: S uniform on [-50, 50], one Gaussian cue per sense with the given sds (all three)."""
    tree = Tree("multisensory integration").uniform("S", -50, 50)
    for name, sd in (E3_SDS if cues is None else cues).items():
        tree.gaussian(name, parent="S", sd=sd)
    return tree


@dataclass(frozen=True)
class ErrorRates:
    """Mean errors over networks and populations, under the names of the STM paper's section VI-B.

    Parameters
    ----------
    tv : float
        Total variation from the exact posterior.
    mean_relative, max_relative : float
        Mean and largest relative error over the root's states.
    map_wrong : float
        Share of wrong most probable states.
    """

    tv: float
    mean_relative: float
    max_relative: float
    map_wrong: float


_Errors = tuple[float, float, float, bool]
"""Fields of :class:`ErrorRates` for one network and its populations."""


def error_rates(
    make: Callable[[int, float], Question],
    neurons: int | None,
    *,
    power: float = 1.0,
    rule: str = "lambda",
    exact_root_shares: bool = False,
    networks: int = 400,
    repeats: int = 5,
    advance: Callable[[], object] = lambda: None,
) -> ErrorRates:
    """Errors of the float64 estimator over random networks.

    Parameters
    ----------
    make : callable
        :func:`causal` or :func:`multilayer`.
    neurons : int or None
        Neurons of each population; None: populations without end, whose error is the rule's own.
    power, rule
        See :func:`causal` and :func:`spynq.stm.tree.estimator.estimate`.
    exact_root_shares : bool
        Use the known prior of the root in place of drawn samples (Rao-Blackwell).
    networks, repeats : int
        Networks, and populations drawn for each.
    advance : callable
        Called after every network.
    """
    rng = np.random.default_rng([8 if exact_root_shares else 7, neurons or 0])
    known = "A" if exact_root_shares else None
    found: list[_Errors] = []
    for t in range(networks):
        found += _errors(make(t, power), neurons, rule, known, repeats, rng)
        advance()
    return _mean(found)


def compare_rules(
    neurons: int,
    *,
    power: float = 1.0,
    networks: int = 400,
    repeats: int = 5,
    advance: Callable[[], object] = lambda: None,
) -> dict[str, ErrorRates]:
    """Errors of both rules on E2, the published one first; see :func:`error_rates`."""
    rng = np.random.default_rng([7, neurons])
    found: dict[str, list[_Errors]] = {"published": [], "lambda": []}
    for t in range(networks):
        question = multilayer(t, power)
        for rule, errors in found.items():
            errors += _errors(question, neurons, rule, None, repeats, rng)
        advance()
    return {rule: _mean(errors) for rule, errors in found.items()}


def _mean(found: Sequence[_Errors]) -> ErrorRates:
    return ErrorRates(*np.mean(found, axis=0).tolist())


def _errors(
    question: Question,
    neurons: int | None,
    rule: str,
    known: str | None,
    repeats: int,
    rng: np.random.Generator,
) -> Iterator[_Errors]:
    tree, evidence = question
    probabilities = exact_root(tree, evidence).probabilities
    assert probabilities is not None
    truth = np.array(list(probabilities.values()))
    top = plan(tree, read_evidence(tree, evidence))
    names = list(_downwards(top))
    for _ in range(1 if neurons is None else repeats):
        kinds = {name: "exact" if neurons is None or name == known else "random" for name in names}
        populations = {name: draw(tree, name, neurons or 1, rng, kind) for name, kind in kinds.items()}
        shares = estimate(top, populations, rule).weights
        relative = np.abs(shares - truth) / truth
        yield (
            0.5 * float(np.abs(shares - truth).sum()),
            float(relative.mean()),
            float(relative.max()),
            bool(shares.argmax() != truth.argmax()),
        )


def _downwards(pool: Pool) -> Iterator[str]:
    yield pool.name
    for child in pool.children:
        yield from _downwards(child)


@dataclass(frozen=True)
class FusionErrors:
    """Errors of E3 over trials.

    Parameters
    ----------
    rms : float
        Root mean square error of the posterior mean.
    sd : float
        The exact posterior's standard deviation.
    ess : float
        Mean effective sample size.
    tv : float
        Mean total variation of the histogram in bins of width one.
    """

    rms: float
    sd: float
    ess: float
    tv: float


_EDGES = np.arange(-50.0, 51.0)


def fusion_errors(
    neurons: int,
    *,
    senses: Mapping[str, float] | None = None,
    populations: str = "random",
    trials: int = 2000,
    advance: Callable[[], object] = lambda: None,
) -> FusionErrors:
    """E3 in float64: the truth uniform on [-25, 25], one noisy cue per sense, a fresh population per trial.

    Parameters
    ----------
    neurons : int
    senses : mapping of str to float, optional
        Sense and sd; by default all three.
    populations : str
        ``"random"`` or ``"stratified"``.
    trials : int
    advance : callable
        Called after every trial.
    """
    tree = multisensory(senses)
    sds = dict(E3_SDS if senses is None else senses)
    rng = np.random.default_rng([3, neurons])
    away, sizes, variations = [], [], []
    for _ in range(trials):
        truth = rng.uniform(-25, 25)
        cues = {name: float(truth + sd * rng.standard_normal()) for name, sd in sds.items()}
        top = plan(tree, read_evidence(tree, cues))
        population = draw(tree, "S", neurons, rng, populations)
        found = estimate(top, {"S": population})
        mean, sd = product_of_gaussians([(cues[name], sds[name]) for name in cues])
        points = population.points["S"]
        away.append(moments(points, found.weights)[0] - mean)
        sizes.append(found.ess)
        steps = np.array([math.erf((edge - mean) / (sd * math.sqrt(2))) for edge in _EDGES.tolist()])
        counted = np.histogram(points, _EDGES, weights=found.weights)[0]
        variations.append(total_variation(counted, np.diff(steps)))
        advance()
    return FusionErrors(
        float(np.sqrt(np.mean(np.square(away)))), sd, float(np.mean(sizes)), float(np.mean(variations))
    )
