"""NIR's neurons in discrete time: decay and gain from tau, r and dt, per channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.lif.conventions import Conventions
from spynq.lif.errors import LifError
from spynq.lif.graph import Floats, Neuron, Shape

__all__ = ["neuron", "per_channel"]

_AGREE = 0.01
"""Relative difference of dt and tau / r above which one of them is wrong."""


def neuron(
    name: str,
    kind: str,
    fields: Mapping[str, Any],
    shape: Shape,
    conventions: Conventions,
    notes: list[str],
) -> Neuron:
    """The neuron of an I, IF, LI or LIF node.

    ``tau dV/dt = v_leak - V + r I`` in steps of dt: ``decay = 1 - dt / tau`` (or ``exp(-dt / tau)``, where
    the library integrates so) and ``gain = r (1 - decay)``; without a leak ``gain = r dt``.

    Raises
    ------
    LifError
        E03: parameters differ within a channel. E06: a convention is missing. E07: a value is out of range.
    """
    own = fields["metadata"]
    values = {key: per_channel(name, key, fields[key], shape) for key in fields if key != "metadata"}
    fires = kind in ("IF", "LIF")
    decay, gain = _dynamics(name, values, own, conventions)
    zero = np.zeros(shape[0])
    threshold = values.get("v_threshold", zero)
    reset = conventions.reset_of(name, own) if fires else "none"
    tie = conventions.tie_of(name, own) if fires else ">="
    if fires and reset == "hard" and "v_reset" not in values:
        notes.append(f"{name}: the file holds no v_reset (nir before 1.0.7 wrote none), so 0 was taken")
    steps, policy = conventions.refractory_of(name, own)
    subtract = per_channel(name, "subtract", own["subtract"], shape) if "subtract" in own else threshold
    return Neuron(
        decay,
        gain,
        threshold,
        values.get("v_leak", zero),
        values.get("v_reset", zero),
        subtract,
        reset,
        tie,
        fires,
        steps,
        policy,
    )


def _dynamics(
    name: str, values: Mapping[str, Floats], own: Mapping[str, Any], conventions: Conventions
) -> tuple[Floats, Floats]:
    """Decay and gain."""
    rules, dt, r = conventions.rules, conventions.dt_of(name, own), values["r"]
    if "tau" not in values:
        scale = dt if rules is None or rules.if_gain is None else rules.if_gain * dt / rules.dt
        if rules is not None and rules.if_gain is None:
            raise LifError(
                "E03",
                f"layer {name!r}: an IF of {rules.library} does more than its node says (V is clipped from "
                "below); use LIF, or give dt, reset and tie instead of the profile",
            )
        gain = r * scale
        _agree(name, gain, dt, conventions.states_dt(own), "1 / r")
        return np.ones_like(r), gain
    tau = values["tau"] / dt if rules is not None and rules.tau_times_dt else values["tau"]
    if np.any(tau <= 0):
        raise LifError("E07", f"layer {name!r}: tau is {tau.min():g} s, and must be above 0")
    # r = 1: the input is scaled by the leak; then nothing but the metadata could contradict dt.
    if not np.allclose(r, 1, rtol=1e-6):
        _agree(name, r * dt / tau, dt, conventions.states_dt(own), "tau / r")
    exponential = rules is not None and rules.exponential
    decay = np.exp(-dt / tau) if exponential else 1 - dt / tau
    if np.any(decay < 0):
        raise LifError(
            "E07",
            f"layer {name!r}: tau {tau.min():g} s is shorter than dt {dt:g} s, so the decay 1 - dt/tau is "
            f"{decay.min():g}, below 0; check dt",
        )
    return decay, r * (1 - decay)


def _agree(name: str, gain: Floats, dt: float, stated: bool, what: str) -> None:
    if stated or np.all(np.abs(gain - 1) <= _AGREE):
        return
    worst = gain[np.argmax(np.abs(gain - 1))]
    raise LifError(
        "E06",
        f"layer {name!r}: {what} says a step of {dt / worst:g} s, and dt is {dt:g} s; "
        f"give dt={dt / worst:g}, or write dt into the node's metadata if a gain other than 1 is meant",
    )


def per_channel(name: str, key: str, value: npt.ArrayLike, shape: Shape) -> Floats:
    """A parameter as one value per channel, from a scalar, a value per channel, or a value per neuron.

    Raises
    ------
    LifError
        E03: neurons of one channel differ. E08: the shape is none of these.
    """
    array = np.asarray(value, np.float64)
    channels, height, width = shape
    if array.size == 1:
        return np.full(channels, array.reshape(-1)[0])
    if array.size == channels and array.shape[:1] == (channels,):
        return array.reshape(channels)
    if array.size != channels * height * width:
        raise LifError(
            "E08",
            f"layer {name!r}: {key} has shape {array.shape}, and its input is {channels}x{height}x{width}; "
            "give one value, one per channel, or one per neuron",
        )
    flat = array.reshape(channels, height * width)
    if np.any(flat != flat[:, :1]):
        channel = int(np.argmax(np.any(flat != flat[:, :1], axis=1)))
        raise LifError(
            "E03",
            f"layer {name!r}: {key} goes from {flat[channel].min():g} to {flat[channel].max():g} within "
            f"channel {channel}, and the engine has one value per channel; train it per channel",
        )
    return np.asarray(flat[:, 0])
