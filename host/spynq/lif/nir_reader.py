"""From NIR to a graph: every node and key known or refused by name, every convention settled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.lif.conventions import METADATA, Conventions
from spynq.lif.errors import LifError
from spynq.lif.graph import (
    Conv,
    Flatten,
    Floats,
    Graph,
    Input,
    Linear,
    Node,
    Output,
    Pool,
    Scale,
    Shape,
    Taps,
    Threshold,
)
from spynq.lif.nir_files import RawGraph, raw_graph
from spynq.lif.nir_neurons import neuron, per_channel
from spynq.lif.shapes import entering, through

__all__ = ["read_nir"]

_KEYS = {
    "Input": {"shape"},
    "Output": {"shape"},
    "Linear": {"weight"},
    "Affine": {"weight", "bias"},
    "Conv1d": {"weight", "bias", "stride", "padding", "dilation", "groups", "input_shape"},
    "Conv2d": {"weight", "bias", "stride", "padding", "dilation", "groups", "input_shape"},
    "SumPool2d": {"kernel_size", "stride", "padding"},
    "AvgPool2d": {"kernel_size", "stride", "padding"},
    "Flatten": {"start_dim", "end_dim", "input_type"},
    "Scale": {"scale"},
    "Threshold": {"threshold"},
    "Delay": {"delay"},
    "I": {"r"},
    "IF": {"r", "v_threshold", "v_reset"},
    "LI": {"tau", "r", "v_leak"},
    "LIF": {"tau", "r", "v_leak", "v_threshold", "v_reset"},
}
_OPTIONAL = {"v_reset", "input_shape", "input_type", "start_dim", "end_dim"}
_REFUSED = {
    "CubaLIF": "its synaptic current is a second state, which the engine does not have; use LIF",
    "CubaLI": "its synaptic current is a second state, which the engine does not have; use LI",
    "NIRGraph": "graphs within graphs are not read; export the network flat",
}
_NEURONS = ("I", "IF", "LI", "LIF")


def read_nir(
    source: str | Path | object,
    *,
    profile: str | None = None,
    dt: float | None = None,
    reset: str | None = None,
    tie: str | None = None,
) -> Graph:
    """Read a NIR file or graph.

    Parameters
    ----------
    source : path, nir.NIRGraph or mapping
    profile : str, optional
        Library that wrote it: ``snntorch``, ``spikingjelly``, ``norse`` or ``sinabs``.
    dt : float, optional
        Seconds of a step.
    reset : str, optional
        ``"hard"``, ``"soft"``, ``"soft_delayed"`` or ``"none"``.
    tie : str, optional
        ``">="`` or ``">"``.

    Returns
    -------
    Graph
        With :attr:`~spynq.lif.graph.Graph.conventions` and notes.

    Raises
    ------
    FormatError
        Not a NIR graph.
    LifError
        E02, E03, E06, E07 or E08, with the node's name.
    """
    raw = raw_graph(source)
    conventions = Conventions(profile, dt, reset, tie, raw.metadata)
    graph = Graph({}, raw.edges)
    shapes: dict[str, Shape] = {}
    for name in _order(raw):
        fields = _checked(name, raw.nodes[name], graph.notes)
        kind = raw.nodes[name]["type"]
        shape = None if kind == "Input" else entering(graph, name, shapes)
        node = _node(name, kind, fields, shape, conventions, graph.notes)
        graph.nodes[name] = node
        shapes[name] = node.shape if isinstance(node, Input) else through(name, node, shape or (1, 1, 1))
    graph.only(Input), graph.only(Output)
    graph.conventions = conventions.told()
    if conventions.rules is not None and conventions.rules.note and reset is None:
        graph.notes.append(conventions.rules.note)
    steps = {float(told.split()[0]) for told in conventions.chosen.get("dt", ())}
    graph.dt = steps.pop() if len(steps) == 1 else 0.0
    return graph


def _order(raw: RawGraph) -> list[str]:
    """From input to output, by a graph that needs no more than names."""
    return Graph(dict.fromkeys(raw.nodes, Flatten()), raw.edges).order


def _checked(name: str, raw: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """The fields of a node: all known, all there, all finite."""
    kind = raw["type"]
    if kind in _REFUSED:
        raise LifError("E03", f"layer {name!r}: {kind} is not supported: {_REFUSED[kind]}")
    if kind not in _KEYS:
        raise LifError("E03", f"layer {name!r}: unknown node {kind}; known nodes are {', '.join(_KEYS)}")
    fields = {
        key: value for key, value in raw.items() if key not in ("type", "metadata") and value is not None
    }
    unknown = sorted(set(fields) - _KEYS[kind])
    if unknown:
        raise LifError(
            "E03",
            f"layer {name!r}: {kind} has the unknown key {', '.join(unknown)}; known keys are "
            f"{', '.join(sorted(_KEYS[kind]))}",
        )
    missing = sorted(_KEYS[kind] - set(fields) - _OPTIONAL)
    if missing:
        raise LifError("E08", f"layer {name!r}: {kind} has no {', '.join(missing)}; export it again")
    for key, value in fields.items():
        array = np.asarray(value)
        if array.dtype.kind == "f" and not np.all(np.isfinite(array)):
            count = int(np.count_nonzero(~np.isfinite(array)))
            raise LifError(
                "E07",
                f"layer {name!r}: {count} of {array.size} values of {key} are not finite; train it again",
            )
    fields["metadata"] = dict(raw.get("metadata") or {})
    known = {*METADATA, *_EXTRA.get(kind, ())}
    notes += [f"{name}: metadata {key!r} was ignored" for key in fields["metadata"] if key not in known]
    return fields


_EXTRA = {"Input": ("planes", "signed", "scale"), "Delay": ("taps", "segment", "bias")}
"""Metadata of nodes that are no neurons."""


def _node(
    name: str,
    kind: str,
    fields: dict[str, Any],
    shape: Shape | None,
    conventions: Conventions,
    notes: list[str],
) -> Node:
    if kind == "Input":
        return _input(name, fields)
    assert shape is not None
    if kind in _NEURONS:
        return neuron(name, kind, fields, shape, conventions, notes)
    return _PARSERS[kind](name, fields, shape)


def _input(name: str, fields: dict[str, Any]) -> Input:
    sizes = [int(size) for size in np.atleast_1d(fields["shape"])]
    if not 1 <= len(sizes) <= 3 or min(sizes) < 1:
        raise LifError(
            "E08",
            f"layer {name!r}: shape {tuple(sizes)} is not (features), (channels, length) or (channels, "
            "height, width); export it without batch and time",
        )
    channels, *rest = sizes
    height, width = {0: (1, 1), 1: (1, *rest), 2: tuple(rest)}[len(rest)]
    own = fields["metadata"]
    planes = own.get("planes")
    if planes is not None and not 1 <= int(planes) <= 8:
        raise LifError(
            "E07", f"layer {name!r}: {planes} planes, and 1 to 8 are possible; requantise the input"
        )
    return Input(
        (channels, height, width),
        None if planes is None else int(planes),
        bool(own.get("signed", False)),
        float(own.get("scale", 1.0)),
    )


def _conv2d(name: str, fields: dict[str, Any], shape: Shape) -> Conv:
    weight = _floats(name, fields, "weight", 4)
    stride, dilation = _pair(fields["stride"]), _pair(fields["dilation"])
    padding = _padding(name, fields["padding"], weight.shape[2:], stride, dilation)
    if min(*stride, *dilation) < 1 or min(padding) < 0:
        raise LifError("E07", f"layer {name!r}: stride {stride}, dilation {dilation}, padding {padding}; "
                       "strides and dilations are at least 1, paddings at least 0")  # fmt: skip
    return Conv(weight, _bias(fields, len(weight)), stride, padding, dilation, int(fields["groups"]))


def _conv1d(name: str, fields: dict[str, Any], shape: Shape) -> Conv:
    """A convolution along a row."""
    weight = _floats(name, fields, "weight", 3)[:, :, None, :]

    def single(key: str) -> int:
        return int(np.atleast_1d(fields[key])[0])

    padding = fields["padding"]
    flat = {
        **fields,
        "weight": weight,
        "stride": (1, single("stride")),
        "dilation": (1, single("dilation")),
        "padding": padding if isinstance(padding, str) else (0, single("padding")),
    }
    return _conv2d(name, flat, shape)


def _padding(
    name: str, value: Any, kernel: tuple[int, ...], stride: tuple[int, int], dilation: tuple[int, int]
) -> tuple[int, int]:
    if not isinstance(value, str):
        return _pair(value)
    if value == "valid":
        return 0, 0
    if value != "same":
        raise LifError(
            "E03", f"layer {name!r}: padding {value!r} is unknown; give numbers, 'same' or 'valid'"
        )
    if kernel[0] % 2 == 0 or (kernel[1] % 2 == 0 and kernel[1] > 1) or stride != (1, 1):
        raise LifError(
            "E03",
            f"layer {name!r}: padding 'same' with kernel {kernel[0]}x{kernel[1]} and stride {stride} is not "
            "symmetric, and libraries differ on it; give the padding as numbers",
        )
    return dilation[0] * (kernel[0] - 1) // 2, dilation[1] * (kernel[1] - 1) // 2


def _linear(name: str, fields: dict[str, Any], shape: Shape) -> Linear:
    weight = _floats(name, fields, "weight", 2)
    return Linear(weight, _bias(fields, len(weight)))


def _bias(fields: Mapping[str, Any], outputs: int) -> Floats:
    """One value per output; a scalar serves all, none is 0."""
    bias: Floats = np.asarray(fields.get("bias", 0.0), np.float64)
    return np.full(outputs, bias) if bias.ndim == 0 else bias


def _pool(kind: str) -> Callable[[str, dict[str, Any], Shape], Pool]:
    def parse(name: str, fields: dict[str, Any], shape: Shape) -> Pool:
        padding = _pair(fields["padding"])
        if padding != (0, 0):
            raise LifError(
                "E03", f"layer {name!r}: a pool with padding {padding} is not supported; pad with 0"
            )
        return Pool(kind, _pair(fields["kernel_size"]), _pair(fields["stride"]))

    return parse


def _flatten(name: str, fields: dict[str, Any], shape: Shape) -> Flatten:
    begin, end = int(fields.get("start_dim", 0)), int(fields.get("end_dim", -1))
    if begin != 0 or end not in (-1, 0, 1, 2):
        raise LifError(
            "E03",
            f"layer {name!r}: flattens dimensions {begin} to {end}, not the whole map; flatten all of it",
        )
    return Flatten()


def _taps(name: str, fields: dict[str, Any], shape: Shape) -> Taps:
    own = fields["metadata"]
    if "taps" not in own:
        raise LifError(
            "E03",
            f"layer {name!r}: Delay without the metadata 'taps' delays single spikes, which the engine does "
            "not; give the weights of its taps",
        )
    weights = np.atleast_1d(np.asarray(own["taps"], np.float64))
    delays = tuple(int(delay) for delay in np.atleast_1d(fields["delay"]))
    if len(delays) != len(weights) or min(delays) < 0:
        raise LifError(
            "E08",
            f"layer {name!r}: {len(delays)} delays and {len(weights)} taps; give one weight per delay >= 0",
        )
    bias = per_channel(name, "bias", own["bias"], shape) if "bias" in own else None
    return Taps(weights, delays, int(own.get("segment", 0)), bias)


def _floats(name: str, fields: Mapping[str, Any], key: str, dimensions: int) -> Floats:
    array: npt.NDArray[np.float64] = np.asarray(fields[key], np.float64)
    if array.ndim != dimensions:
        raise LifError(
            "E08", f"layer {name!r}: {key} has {array.ndim} dimensions, not {dimensions}; export it again"
        )
    return array


def _pair(value: Any) -> tuple[int, int]:
    sizes = [int(size) for size in np.atleast_1d(value)]
    return (sizes[0], sizes[-1])


_PARSERS: dict[str, Callable[[str, dict[str, Any], Shape], Node]] = {
    "Conv1d": _conv1d,
    "Conv2d": _conv2d,
    "Linear": _linear,
    "Affine": _linear,
    "SumPool2d": _pool("sum"),
    "AvgPool2d": _pool("average"),
    "Flatten": _flatten,
    "Scale": lambda name, fields, shape: Scale(per_channel(name, "scale", fields["scale"], shape)),
    "Threshold": lambda name, fields, shape: Threshold(
        per_channel(name, "threshold", fields["threshold"], shape)
    ),
    "Delay": _taps,
    "Output": lambda name, fields, shape: Output(),
}
