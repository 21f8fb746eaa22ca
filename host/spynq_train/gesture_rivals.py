"""Classifiers that learn with gradients, on the same gestures: rivals of the spike gating flow.

A small convolutional network on binned events, and what scikit-learn offers on the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spynq.events.recording import EventArray
from spynq.sgf.synthetic.render import SIZE

__all__ = ["WEIGHTS", "binned", "forest", "linear", "nearest", "train_network"]

Images = NDArray[np.float32]
Numbers = NDArray[np.int64]

WEIGHTS = 20_474
"""Of the network."""
_BINS, _SIDE, _FRAMES, _EVENTS = 10, 32, 80, 1000


def binned(events: EventArray, side: int = _SIDE) -> Images:
    """Logarithms of event counts: ten bins of eight frames of 1,000 events, shape [10, side, side]."""
    taken = events[: _FRAMES * _EVENTS]
    bin_ = np.arange(len(taken)) // (_FRAMES // _BINS * _EVENTS)
    shrink = SIZE // side
    place = (bin_ * side + taken["y"] // shrink) * side + taken["x"] // shrink
    counts = np.bincount(place, minlength=_BINS * side * side).reshape(_BINS, side, side)
    return np.asarray(np.log1p(counts), np.float32)


def train_network(
    images: Images,
    labels: Numbers,
    tested: Images,
    *,
    epochs: Sequence[int],
    classes: int = 10,
    seed: int = 0,
) -> dict[int, Numbers]:
    """Train the network and answer after some epochs; nothing is chosen by the answers.

    Three convolutions of 3 x 3 (16, 32, 32 channels), each with a rectifier and a maximum over 2 x 2, and
    one linear layer; Adam at 1e-3, batches of 32.

    Parameters
    ----------
    images, tested : ndarray of float32, shape [trials, 10, 32, 32]
        Of :func:`binned`.
    labels : ndarray of int64, shape [trials]
    epochs : sequence of int
        After which epochs to answer.
    classes, seed : int

    Returns
    -------
    dict of int to ndarray
        Class of every tested trial, by epoch.
    """
    import torch
    from torch import nn

    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for before, after in ((_BINS, 16), (16, 32), (32, 32)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * (_SIDE // 8) ** 2, classes))
    mean, spread = float(images.mean()), float(images.std())
    x, z = (torch.from_numpy((part - mean) / spread) for part in (images, tested))
    y = torch.from_numpy(labels)
    optimiser: Any = torch.optim.Adam(network.parameters(), 1e-3)
    loss: Any = nn.functional.cross_entropy
    shuffled: Any = torch.randperm
    found: dict[int, Numbers] = {}
    for epoch in range(1, max(epochs) + 1):
        for batch in shuffled(len(x)).split(32):
            optimiser.zero_grad()
            loss(network(x[batch]), y[batch]).backward()
            optimiser.step()
        if epoch in epochs:
            with torch.no_grad():
                found[epoch] = network(z).argmax(dim=1).numpy()
    return found


def linear(train: NDArray[np.generic], labels: Numbers, tested: NDArray[np.generic]) -> Numbers:
    """Logistic regression (inverse strength 0.3, fixed beforehand) on standardised columns."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=2000))
    return np.asarray(model.fit(train, labels).predict(tested))


def forest(train: Numbers, labels: Numbers, tested: Numbers, seed: int = 0) -> Numbers:
    """Random forest of 400 trees on the raw integer statistics."""
    from sklearn.ensemble import RandomForestClassifier

    return np.asarray(RandomForestClassifier(400, random_state=seed).fit(train, labels).predict(tested))


def nearest(train: NDArray[np.bool_], labels: Numbers, tested: NDArray[np.bool_]) -> Numbers:
    """Class of the training vector with the fewest differing bits; the first of equals."""
    differing = (tested[:, None, :] != train[None, :, :]).sum(axis=2)
    return np.asarray(labels[differing.argmin(axis=1)])
