"""A trained network on the engine: compiled to its integers, how often it is right there, what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spynq.lif.codes import Output
from spynq.lif.network import CompiledNetwork, load
from spynq_train.albsnn import PlanesBlock
from spynq_train.data import DataSet
from spynq_train.export import to_graph
from spynq_train.fit import Plan, inputs_of
from spynq_train.integers import run_integers
from spynq_train.network import SpikingNetwork
from spynq_train.recipes import Run

__all__ = [
    "compiled",
    "formats",
    "given_to_engine",
    "integer_accuracy",
    "integer_scores",
    "judged_inputs",
    "write_samples",
]

_CALIBRATION = 64
_BATCH = 100


def formats(network: SpikingNetwork, bits: int = 8) -> dict[str, str]:
    """Weight format of every layer: a codebook where there are bit planes, else ``bits``."""
    if bits not in (1, 2, 4, 8):
        raise ValueError(f"weights have 1, 2, 4 or 8 bits on the engine, not {bits}")
    planes = {
        f"neurons{number}": "codebook"
        for number, block in enumerate(network.chain, 1)
        if isinstance(block, PlanesBlock) and not bool(block.full)
    }
    return {"*": f"int{bits}", **planes}


def compiled(network: SpikingNetwork, data: DataSet, plan: Plan, bits: int = 8) -> CompiledNetwork:
    """The network in integers, its number formats chosen on training samples."""
    network.eval()
    graph = to_graph(network, data, plan.coding)
    samples = inputs_of(data, data.train[:_CALIBRATION], plan, torch.device("cpu"), -2)
    return load(graph, weights=formats(network, bits), calibrate=samples.numpy())


def judged_inputs(
    data: DataSet, plan: Plan, count: int | None = None
) -> Iterator[tuple[Tensor, NDArray[Any]]]:
    """Inputs and labels of the test part in batches, coded as :func:`spynq_train.fit.evaluate` codes them."""
    most = len(data.test) if count is None else count
    for begin in range(0, most, 200):
        x = inputs_of(data, data.test[begin : begin + 200], plan, torch.device("cpu"), -1 - begin)
        labels = data.test_labels[begin : begin + 200]
        yield x[:, : most - begin], labels[: most - begin]


def given_to_engine(x: Tensor) -> NDArray[np.float32]:
    """Input as a device takes it; a still image is one step that is repeated."""
    whole: NDArray[np.float32] = x.numpy()
    return np.broadcast_to(whole[:1], whole.shape) if x.stride(0) == 0 else whole


def write_samples(path: Path, data: DataSet, plan: Plan, count: int) -> None:
    """The first test samples, coded, and their labels, as ``spynq lif run --input`` takes them.

    Parameters
    ----------
    path : pathlib.Path
        ``.npz`` with ``input`` ``[T, N, C, H, W]`` and ``labels``.
    data : DataSet
    plan : Plan
    count : int
        As many as there are, at most.
    """
    x, labels = next(judged_inputs(data, plan, min(count, len(data.test))))
    spikes = bool(((x == 0) | (x == 1)).all())
    np.savez_compressed(path, input=x.numpy().astype(np.uint8 if spikes else np.float32), labels=labels)


def integer_scores(network: CompiledNetwork, x: Tensor) -> NDArray[np.float64]:
    """Outputs ``[N, K]`` of the integers in PyTorch: counts, or real membranes."""
    stage = network.stages[-1]
    parts = []
    for part in torch.split(x, _BATCH, dim=1):
        given = part[:1] if part.stride(0) == 0 else part
        whole = torch.from_numpy(network.whole(given.numpy())).expand(len(part), -1, -1, -1, -1)
        found = run_integers(network.integers(len(part)), whole)[stage.layer.name]
        if stage.layer.output == Output.MEMBRANE:
            parts.append(found.sum((2, 3)).numpy() * stage.lsb)
        else:
            parts.append(found.sum((0, 3, 4)).numpy().astype(np.float64))
    return np.concatenate(parts)


def integer_accuracy(run: Run, data: DataSet, bits: int = 8) -> float:
    """Percent of the test part that the integers get right."""
    network = compiled(run.method.network, data, run.plan, bits)
    right = 0
    for x, labels in judged_inputs(data, run.plan):
        right += int((integer_scores(network, x).argmax(1) == labels).sum())
    return 100 * right / len(data.test)
