"""Networks and settings by name: the papers' tables, and small forms that train in seconds.

A paper's preset carries its network, time steps and neuron; epochs are the paper's too, so that most of
them want a GPU. The small ones are those of the project's own tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spynq_train.neuron import Neuron
from spynq_train.topology import Shape

__all__ = ["ALBSNN_PAPER", "PRESETS", "Preset", "preset", "preset_for"]

_MNIST_LIKE = "16C3-16C3-AP2-64C3-64C3-AP2-256C3-1024C3-GAP"
_CIFAR_LIKE = "128C3-256C3-AP2-512C3-AP2-1024C3-512C3-GAP"
_CIFAR100 = "128C3-256C3-AP2-512C3-AP2-1024C3-512C3-512C3-GAP"
_TABLE7 = "16C3-32C3-AP2-512C3-AP2-512C3-1024C3-GAP"

ALBSNN_PAPER: dict[str, tuple[str, Shape, int, tuple[int, int]]] = {
    "Fashion-MNIST": (_MNIST_LIKE, (1, 28, 28), 10, (1, 2)),
    "CIFAR-10": (_CIFAR_LIKE, (3, 32, 32), 10, (1, 6)),
    "CIFAR-100": (_CIFAR100, (3, 32, 32), 100, (1, 7)),
    "DVS128 Gesture": (_CIFAR_LIKE, (2, 32, 32), 11, (1, 6)),
    "Table 7": (_TABLE7, (3, 32, 32), 10, (1, 2)),
}
"""Network, input, classes and the two full-precision layers of ALBSNN's tables 4 to 7."""


@dataclass(frozen=True)
class Preset:
    """How one network is trained.

    Attributes
    ----------
    network : str
        Notation of :mod:`spynq_train.topology`.
    steps : int
        Time steps T.
    neuron : Neuron
    coding : str
        Of still images: ``direct``, ``rate`` or ``latency``; events are taken as they are.
    epochs, batch : int
    rate : float
        Learning rate.
    optimiser : {"adam", "sgd"}
        SGD has momentum 0.9.
    options : dict
        Of the method, such as ``k`` and ``n``.
    schedule : str, optional
        As of :class:`spynq_train.fit.Plan`; by default the method's.
    augment, judge_steps
        As of :class:`spynq_train.fit.Plan`.
    """

    network: str
    steps: int
    neuron: Neuron
    coding: str
    epochs: int
    batch: int
    rate: float
    optimiser: str = "adam"
    options: dict[str, Any] | None = None
    schedule: str | None = None
    augment: str = "none"
    judge_steps: int | None = None


_BRP = Neuron(0.2, 0.5)
_ALBSNN = Neuron(0.25, 0.5)
_SNNWM = Neuron(0.6065306597126334, 1.0)  # exp(-1/2): tau is 2 by choice, the paper states none


def _soft(decay: float, threshold: float) -> Neuron:
    # TLBPTT subtracts after the leak (eq. 1), hence the division; theta equals the threshold by choice.
    return Neuron(decay, threshold, "soft", subtract=threshold / decay)


PRESETS: dict[str, dict[str, Preset]] = {
    "brp": {
        "digits": Preset("100FC-10FC", 20, _BRP, "rate", 20, 50, 2e-3),
        "mnist-small": Preset("200FC-10FC", 10, _BRP, "rate", 10, 50, 1e-3),
        # The leak is so short that a step hardly knows the one before: two steps teach what twenty do.
        "mnist-fast": Preset(
            "28C5-AP2-1000FC-10FC",
            2,
            _BRP,
            "rate",
            20,
            100,
            8e-4,
            schedule="cosine",
            judge_steps=20,
        ),
        "mnist": Preset("28C5-AP2-1000FC-10FC", 20, _BRP, "rate", 100, 50, 1e-4),
        "cifar-10": Preset("32C5-AP2-1000FC-10FC", 20, _BRP, "rate", 100, 50, 1e-4),
        "tidigits": Preset("100C1x3-1000FC-10FC", 20, _BRP, "rate", 100, 50, 1e-4),
        "dvsgesture": Preset("32C5-AP2-1000FC-11FC", 30, _BRP, "rate", 100, 50, 1e-4),
        "n-mnist": Preset("32C5-AP2-1000FC-10FC", 10, _BRP, "rate", 10, 50, 1e-3),
        "spoken-digits": Preset("200FC-10FC", 20, _BRP, "rate", 20, 50, 1e-3),
    },
    "tlbptt": {
        "digits": Preset(
            "8C3-AP2-16C3-32C3-AP2-64FC",
            10,
            _soft(0.9, 0.5),
            "direct",
            10,
            32,
            0.1,
            "sgd",
            {"gain": 0.7, "rates": {10: 0.1, 2: 0.03, 1: 0.02}},
        ),
        "events": Preset("8C3-AP2-64FC", 12, _soft(0.5, 0.4), "direct", 5, 32, 1e-3, "adam", {"gain": 0.9}),
        "lenet-1": Preset(
            "6C5p2-AP2-16C5p0-AP2-120C5p0-128FC", 20, _soft(0.9, 0.5), "direct", 100, 1024, 0.3, "sgd"
        ),
        "lenet-2": Preset(
            "64C5p0-AP2-128C5p0-AP2-128C5p0-256FC", 60, _soft(0.3, 0.4), "direct", 100, 32, 0.1, "sgd"
        ),
        "alexnet": Preset(
            "96C3-256C3-AP2-384C3-AP2-512C3-384C3-256C3-4096FC-1024FC",
            10,
            _soft(0.8, 0.4),
            "direct",
            100,
            128,
            0.1,
            "sgd",
        ),
        "vgg11": Preset(
            "32C3-AP2-64C3-AP2-128C3-128C3-AP2-256C3-256C3-AP2-512C3-512C3-AP2-1024FC-1024FC",
            60,
            _soft(0.5, 0.5),
            "direct",
            100,
            128,
            3e-4,
            "adam",
            {"norm": True},
        ),
    },
    "albsnn": {
        "digits": Preset("8C3-8C3-AP2-16C3-32C3-GAP", 1, _ALBSNN, "direct", 8, 32, 1e-3),
        "fashion-mnist-small": Preset(
            "8C3-8C3-AP2-16C3-16C3-AP2-32C3-64C3-GAP", 1, _ALBSNN, "direct", 6, 32, 1e-3
        ),
        "fashion-mnist-middle": Preset(
            "16C3-16C3-AP2-64C3-64C3-AP2-128C3-256C3-GAP",
            1,
            _ALBSNN,
            "direct",
            20,
            64,
            2e-3,
            augment="crop-flip",
        ),
        "fashion-mnist": Preset(_MNIST_LIKE, 1, _ALBSNN, "direct", 50, 16, 1e-3, augment="crop-flip"),
        "n-mnist": Preset(_MNIST_LIKE, 10, _ALBSNN, "direct", 50, 16, 1e-3),
        "cifar-10": Preset(_CIFAR_LIKE, 1, _ALBSNN, "direct", 50, 16, 1e-3, augment="crop-flip"),
        "cifar-100": Preset(_CIFAR100, 1, _ALBSNN, "direct", 400, 16, 1e-3, augment="crop-flip"),
        "dvsgesture": Preset(_CIFAR_LIKE, 20, _ALBSNN, "direct", 50, 16, 1e-3),
        "table-7": Preset(_TABLE7, 1, _ALBSNN, "direct", 50, 16, 1e-3),
    },
    "snnwm": {
        "digits": Preset("64FC-64FC-10FC", 6, _SNNWM, "latency", 12, 32, 2e-3),
        "dvsgesture": Preset(
            "128C3-MP2-128C3-MP2-128C3-MP2-128C3-MP2-512FC-11FC",
            16,
            _SNNWM,
            "direct",
            300,
            16,
            1e-3,
        ),
        "cifar10-dvs": Preset(
            "16C3-AP2-32C3-AP2-64C3-64C3-AP2-128C3-128C3-AP2-128C3-128C3-AP2-256FC-10FC",
            10,
            _SNNWM,
            "direct",
            300,
            32,
            1e-3,
        ),
    },
}
"""Presets of every method. TLBPTT's networks lack their classifier: its heads are made for the data."""


def preset(method: str, name: str) -> Preset:
    """Settings of a method by name; an unknown name is answered with the known ones."""
    known = _of(method)
    if name not in known:
        raise ValueError(f"unknown preset {name!r} of {method}; known presets are {', '.join(known)}")
    return known[name]


def preset_for(method: str, data: str) -> str:
    """The preset with the data's name, else the method's first."""
    known = _of(method)
    return data if data in known else next(iter(known))


def _of(method: str) -> dict[str, Preset]:
    if method not in PRESETS:
        raise ValueError(f"unknown method {method!r}; known methods are {', '.join(PRESETS)}")
    return PRESETS[method]
