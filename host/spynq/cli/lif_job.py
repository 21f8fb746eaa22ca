"""The LIF engine's part of ``spynq demo``: a trained network on real images, beside its float model."""

from __future__ import annotations

from typing import Any

from spynq.cli.output import Waiting, table
from spynq.errors import MissingDependency

__all__ = ["show"]

_SAMPLE = 4
"""Images on the simulated gateware."""


def show(device: str, people: bool, count: int | None = None) -> dict[str, Any]:
    """Run the job, print a table for people, and return its figures.

    Parameters
    ----------
    device : str
        Where a sample of the images runs; all of them run on ``golden``.
    people : bool
        Print.
    count : int, optional
        Images; by default the whole test part.
    """
    from spynq.lif import job
    from spynq.lif.digits import mnist

    try:
        images = mnist("test") if count is None else mnist("test").first(count)
        with Waiting("the float model of the LIF network", quiet=not people):
            reference = job.float_accuracy(images)
    except MissingDependency as error:
        note = f"the LIF engine's main job is left out: {error}"
        if people:
            print(note, end="\n\n")
        return {"note": note}
    with Waiting(f"{len(images)} images on golden, {_SAMPLE} on {device}", quiet=not people):
        found = list(job.rows(device, _SAMPLE, images))
    if people:
        print(_text(found, reference, len(images)), end="\n\n")
    return {"float_accuracy": reference, "images": len(images), "rows": [vars(row) for row in found]}


def _text(rows: list[Any], reference: float, images: int) -> str:
    lines = [
        (
            row.weights,
            row.device,
            row.columns,
            row.images,
            f"{row.accuracy:.1%}",
            round(row.cycles) or None,
            round(row.operations),
            "-" if row.utilisation is None else f"{row.utilisation:.0%}",
        )
        for row in rows
    ]
    header = (
        "weights",
        "device",
        "columns",
        "images",
        "accuracy",
        "cycles an image",
        "additions an image",
        "utilisation",
    )
    return (
        "MNIST: 16C5-AP2-32C3-AP2-10, trained in float, in integers on the LIF engine\n"
        f"{table(header, lines)}\n"
        f"float model {reference:.1%} of the same {images} test images"
    )
