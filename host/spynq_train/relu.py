"""The plain network with ReLU beside every spiking one: same layers, same samples, as many epochs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spynq_train.data import DataSet
from spynq_train.fit import Plan
from spynq_train.network import weighted
from spynq_train.topology import Layer

__all__ = ["Relu", "accelerator", "microseconds", "plain_network", "train_relu"]

_RATE = 1e-3
_TIMED = 20


@dataclass(frozen=True)
class Relu:
    """Percent of the test part, and microseconds per sample in batches of 100: here, and on CUDA if any."""

    accuracy: float
    microseconds: float
    cuda_microseconds: float | None


def plain_network(layers: Sequence[Layer]) -> nn.Sequential:
    """Layers with ReLU between them, pools where they were, mean over the map behind a ``GAP``."""
    parts: list[nn.Module] = []
    for number, layer in enumerate(layers):
        if layer.kind == "full" and (number == 0 or layers[number - 1].kind != "full"):
            parts.append(nn.Flatten())
        parts.append(weighted(layer, bias=True))
        if layer.pool is not None:
            kind = nn.MaxPool2d if layer.pool.kind == "max" else nn.AvgPool2d
            parts.append(kind(layer.pool.size))
        if number < len(layers) - 1:
            parts.append(nn.ReLU())
    if layers[-1].kind == "gap":
        parts += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*parts)


def train_relu(layers: Sequence[Layer], data: DataSet, plan: Plan, device: str = "cpu") -> Relu:
    """Train it with Adam on cross-entropy, and time it; events are summed over time first."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        network = plain_network(layers).to(device)
    optimiser = torch.optim.Adam(network.parameters(), lr=_RATE)
    train, test = (_still(data, part).to(device) for part in (data.train, data.test))
    labels = torch.from_numpy(data.train_labels).to(device)
    for epoch in range(plan.epochs):
        order = torch.from_numpy(np.random.default_rng((plan.seed, epoch)).permutation(len(train)))
        for chosen in torch.split(order, plan.batch):
            optimiser.zero_grad()
            torch.autograd.backward(nn.functional.cross_entropy(network(train[chosen]), labels[chosen]))
            optimiser.step()
    network.eval()
    with torch.no_grad():
        answers = torch.cat([network(part).argmax(1) for part in torch.split(test, 200)]).cpu().numpy()
        here = microseconds(network, test[:100])
        there = None
        if (place := accelerator()) is not None:
            there = microseconds(network.to(place), test[:100].to(place))
    return Relu(100 * float((answers == data.test_labels).mean()), here, there)


def accelerator() -> str | None:
    """Where the plain network is timed besides the CPU."""
    return "cuda" if torch.cuda.is_available() else None


def _still(data: DataSet, part: Any) -> Tensor:
    values = torch.from_numpy(np.ascontiguousarray(part)).float()
    return values.sum(1) if data.kind == "events" else values


def microseconds(network: Callable[[Tensor], Any], batch: Tensor, samples: int | None = None) -> float:
    """Median wall time per sample of some calls; of ``samples``, or of as many as the batch is long."""
    times = []
    for _ in range(_TIMED):
        begin = time.perf_counter()
        network(batch)
        if batch.is_cuda:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - begin)
    return 1e6 * median(times) / (samples or len(batch))
