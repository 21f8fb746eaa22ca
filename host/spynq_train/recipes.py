"""A method, its network and its plan from a preset: one place for the command, the bench and the sweeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch

from spynq_train.albsnn import AdaptiveBinary, PlanesBlock
from spynq_train.brp import BRP
from spynq_train.data import DataSet
from spynq_train.fit import Plan
from spynq_train.lif import surrogate_named
from spynq_train.method import Method
from spynq_train.network import SpikingNetwork, set_gain
from spynq_train.presets import Preset, preset
from spynq_train.snnwm import WorkingMemory, memory_network
from spynq_train.tlbptt import TruncatedLocal
from spynq_train.topology import parse

__all__ = ["OPTIONS", "PLAN", "Run", "prepare"]

OPTIONS: dict[str, dict[str, Any]] = {
    "brp": {"rule": "brp"},
    "tlbptt": {"k": None, "n": 1, "random_heads": False, "order": "step", "gain": 0.7, "loss": "mse"},
    "albsnn": {"keep": "ale", "criterion": "top-2"},
    "snnwm": {
        "memory": None,
        "form": "segment",
        "fusion": True,
        "surrogate": "gauss",
        "norm": "bn",
        "loss": "cross-entropy",
        "sparsity": 0.0,
    },
}
"""Options of every method with their defaults; ``None`` means all time steps."""

PLAN = ("network", "steps", "epochs", "batch", "rate", "schedule", "augment", "judge_steps")
"""What may be given instead of a preset's, besides the options of the method."""

_SCHEDULES = {"albsnn": "cosine", "tlbptt": "halving"}


@dataclass(frozen=True)
class Run:
    """Ready to train.

    Attributes
    ----------
    method : Method
    plan : Plan
    identity : dict
        What a checkpoint must agree in, besides the plan.
    """

    method: Method
    plan: Plan
    identity: dict[str, object]


def prepare(name: str, data: DataSet, preset_name: str, seed: int = 0, **given: Any) -> Run:
    """Build a method for a data set.

    Parameters
    ----------
    name : str
        ``brp``, ``tlbptt``, ``albsnn`` or ``snnwm``.
    data : DataSet
    preset_name : str
    seed : int
        Of weights, projections, order and codings.
    **given
        Parts of :data:`PLAN` instead of the preset's, and options of the method (:data:`OPTIONS`); ``None``
        is as if it was not given.

    Raises
    ------
    ValueError
        A name is not known, or the parts do not fit together.
    """
    settings = preset(name, preset_name)
    asked = {key: value for key, value in given.items() if value is not None}
    unknown = set(asked) - set(OPTIONS[name]) - set(PLAN)
    if unknown:
        raise ValueError(
            f"{name} has no option {', '.join(sorted(unknown))}; its options are {', '.join(OPTIONS[name])}"
        )
    settings = replace(settings, **{key: asked[key] for key in PLAN if key in asked})
    settings = _fitted(settings, data, "steps" in asked)
    options = {**OPTIONS[name], **(settings.options or {}), **asked}
    plan = _plan(name, settings, options, "rate" in asked, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        method = _BUILD[name](settings, data, options)
    used = {key: options[key] for key in OPTIONS[name]}
    identity = {
        "method": name,
        "network": settings.network,
        "data": f"{data.name}, {len(data.train)} samples of {'x'.join(map(str, data.shape))}",
        **used,
    }
    return Run(method, plan, identity)


def _fitted(settings: Preset, data: DataSet, steps_asked: bool) -> Preset:
    """Events bring their own time steps."""
    if data.kind == "images":
        return settings
    steps = data.train.shape[1]
    if steps_asked and settings.steps != steps:
        raise ValueError(f"{data.name} has {steps} time steps, not {settings.steps}; leave --steps out")
    if settings.judge_steps not in (None, steps):
        raise ValueError(
            f"{data.name} has {steps} time steps, not {settings.judge_steps}; leave --judge-steps out"
        )
    return replace(settings, steps=steps)


def _plan(name: str, settings: Preset, options: Mapping[str, Any], rate_asked: bool, seed: int) -> Plan:
    rate = settings.rate
    # With k steps per update there are T/k updates per batch: each k has its own rate.
    if name == "tlbptt" and not rate_asked:
        rate = (settings.options or {}).get("rates", {}).get(options["k"] or settings.steps, rate)
    return Plan(
        settings.steps,
        settings.coding,
        settings.epochs,
        settings.batch,
        rate,
        settings.optimiser,
        settings.schedule or _SCHEDULES.get(name, "constant"),
        seed,
        augment=settings.augment,
        judge_steps=settings.judge_steps,
    )


def _brp(settings: Preset, data: DataSet, options: Mapping[str, Any]) -> Method:
    layers = parse(settings.network, data.shape, data.classes)
    return BRP(SpikingNetwork(layers, settings.neuron, whole=True), data.classes, options["rule"])


def _tlbptt(settings: Preset, data: DataSet, options: Mapping[str, Any]) -> Method:
    layers = parse(settings.network, data.shape)
    norm = bool((settings.options or {}).get("norm"))
    k = options["k"] or settings.steps
    method = TruncatedLocal(
        SpikingNetwork(layers, settings.neuron, width=0.5, norm=norm),
        data.classes,
        k=k,
        n=options["n"],
        steps=settings.steps,
        surrogate=surrogate_named("rect", 0.5),
        random_heads=options["random_heads"],
        order=options["order"],
        loss=options["loss"],
    )
    set_gain(method, options["gain"])
    return method


def _albsnn(settings: Preset, data: DataSet, options: Mapping[str, Any]) -> Method:
    layers = parse(settings.network, data.shape, data.classes)
    network = SpikingNetwork(layers, settings.neuron, norm=True, bias=False, whole=True, block=PlanesBlock)
    # The paper takes cross-entropy where there are many classes.
    loss: Literal["mse", "cross-entropy"] = "cross-entropy" if data.classes > 20 else "mse"
    return AdaptiveBinary(
        network, data.classes, keep=options["keep"], criterion=options["criterion"], loss=loss
    )


def _snnwm(settings: Preset, data: DataSet, options: Mapping[str, Any]) -> Method:
    layers = parse(settings.network, data.shape, data.classes)
    if settings.judge_steps not in (None, settings.steps):
        raise ValueError(
            f"the memory of snnwm was made for {settings.steps} time steps and cannot be judged with "
            f"{settings.judge_steps}; leave --judge-steps out"
        )
    network = memory_network(
        layers,
        settings.neuron,
        surrogate_named(options["surrogate"]),
        steps=settings.steps,
        memory=options["memory"] or settings.steps,
        form=options["form"],
        fusion=options["fusion"],
        norm=options["norm"],
    )
    return WorkingMemory(network, data.classes, loss=options["loss"], sparsity=options["sparsity"])


_BUILD: dict[str, Callable[[Preset, DataSet, Mapping[str, Any]], Method]] = {
    "brp": _brp,
    "tlbptt": _tlbptt,
    "albsnn": _albsnn,
    "snnwm": _snnwm,
}
