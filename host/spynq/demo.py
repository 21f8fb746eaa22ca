"""The demonstration: two published networks and a fusion of three cues, beside exact answers.

Everything runs through the public interface on one device, as a notebook would do it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spynq import devices
from spynq.errors import MissingDependency, SpynqError
from spynq.pictures import new_figure
from spynq.stm.params import StmConfig

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CUES", "QUESTIONS", "Answer", "Question", "answer", "choose_device", "draw", "fuse"]


@dataclass(frozen=True)
class Question:
    """What is asked of a network that comes with the project."""

    network: str
    story: str
    evidence: Mapping[str, str]
    targets: tuple[str, ...]


QUESTIONS = (
    Question(
        "asia",
        "a smoker is short of breath, and the X-ray shows something",
        {"smoke": "yes", "dysp": "yes", "xray": "yes"},
        ("lung", "bronc", "tub"),
    ),
    Question(
        "alarm",
        "blood pressure is low, central venous pressure high, the heart fast",
        {"BP": "LOW", "CVP": "HIGH", "HRBP": "HIGH"},
        ("HYPOVOLEMIA", "LVFAILURE", "ANAPHYLAXIS"),
    ),
)

CUES = {"haptic": (14.0, 8.0), "visual": (5.5, 4.0), "auditory": (10.0, 6.0)}
"""Cue and standard deviation of the multisensory experiment (variances 64, 16, 36)."""

SAMPLES = 16384


@dataclass(frozen=True)
class Answer:
    """A posterior beside the exact one.

    Parameters
    ----------
    question : Question
        What was asked.
    posterior : Posterior
        What the device said.
    exact : mapping of str to mapping of str to float
        Exact posterior per node and state.
    """

    question: Question
    posterior: Any
    exact: Mapping[str, Mapping[str, float]]

    def rows(self) -> list[tuple[str, str, float, float, float]]:
        """Node, state, posterior, exact, standard error."""
        return [
            (node, state, probability, self.exact[node][state], self.posterior.standard_error[node][state])
            for node, states in self.posterior.probabilities.items()
            for state, probability in states.items()
        ]


def choose_device(wanted: str = "rtl") -> tuple[str, str]:
    """The device to show, and a sentence if it is not the wanted one.

    Parameters
    ----------
    wanted : str
        Device to try first.

    Returns
    -------
    tuple of str
        Name of a device that opens, and why it is not ``wanted`` (empty if it is).
    """
    if wanted == "golden":
        return wanted, ""
    try:
        devices.open_kernel("stm", wanted).close()
    except MissingDependency as error:
        return "golden", f"device {wanted} is not available ({error}), so this runs on golden, without cycles"
    return wanted, ""


def answer(question: Question, device: str, seed: int = 1, samples: int = SAMPLES) -> Answer:
    """Ask the device and exact inference the same question."""
    from spynq.stm import example

    network = example(question.network)
    targets, evidence = list(question.targets), dict(question.evidence)
    posterior = network.query(targets, evidence, samples=samples, seed=seed, device=device)
    return Answer(question, posterior, network.exact(targets, evidence).probabilities)


def fuse(device: str, seed: int = 1) -> Any:
    """Fuse the three cues of the multisensory experiment."""
    from spynq.stm import fuse as fuse_cues

    # As many samples as the standard kernel holds, so that no second one is compiled.
    return fuse_cues(list(CUES.values()), samples=StmConfig().population, seed=seed, device=device)


def draw(answers: list[Answer], fusion: Any, path: Path) -> Path:
    """Picture of all answers: bars with standard errors, a dash where the exact value is.

    Raises
    ------
    MissingDependency
        Without matplotlib.
    """
    if not answers:
        raise SpynqError("there is nothing to draw: no network was queried")
    figure = new_figure(11, 3.4)
    panels = figure.subplots(1, len(answers) + 1)
    for axes, one in zip(panels, answers, strict=False):
        _draw_answer(axes, one)
    _draw_fusion(panels[-1], fusion)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    return path


def _draw_answer(axes: Axes, one: Answer) -> None:
    rows = one.rows()
    places = range(len(rows))
    axes.bar(
        places,
        [row[2] for row in rows],
        yerr=[row[4] for row in rows],
        color="#7aa6c2",
        capsize=3,
        label=f"{one.posterior.device}, {one.posterior.samples:,} samples",
    )
    axes.plot(places, [row[3] for row in rows], "k_", markersize=14, label="exact")
    axes.set_xticks(places, [f"{node}\n{state}" for node, state, *_ in rows], fontsize=6, rotation=90)
    given = ", ".join(f"{node}={state}" for node, state in one.question.evidence.items())
    axes.set_title(f"{one.question.network.upper()} given {given}", fontsize=8)
    # Room above the bars for the legend.
    axes.set_ylim(0, 1.25)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.legend(fontsize=7, loc="upper center", ncols=2)


def _draw_fusion(axes: Axes, fusion: Any) -> None:
    grid = [-20 + 0.25 * i for i in range(241)]
    axes.stairs(fusion.histogram, fusion.edges, fill=True, color="#7aa6c2", label="fused")
    axes.stairs(fusion.exact_histogram, fusion.edges, color="black", linewidth=1, label="exact")
    for name, (cue, width) in CUES.items():
        # Bins are one wide, so that a density is a probability per bin.
        peak = 1 / (width * math.sqrt(2 * math.pi))
        axes.plot(grid, [peak * math.exp(-0.5 * ((x - cue) / width) ** 2) for x in grid], label=name)
    axes.set_xlim(grid[0], grid[-1])
    axes.set_title("three cues fused", fontsize=8)
    axes.legend(fontsize=7)
