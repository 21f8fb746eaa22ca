"""From stages to the engine's integers: weights in few bits, everything else in units of the membrane.

One integer of the membrane of channel c is worth ``unit[c] * 2**-F``, where ``unit`` is what one integer
weight that meets one integer of the input adds. Thresholds, biases, resets are divided by it, and no factor
remains. F is the largest for which 16 bits hold the membranes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from spynq.lif.codes import Combine, Leak, Output, Pool, Refractory, Reset, WeightFormat
from spynq.lif.errors import LifError
from spynq.lif.graph import Floats, Input
from spynq.lif.layers import Fir, Layer, Neuron
from spynq.lif.stages import Stage
from spynq.lif.weights import FORMATS, best_scales, codebook, round_weights

__all__ = ["Quantised", "quantise"]

Ints = npt.NDArray[np.int64]

_DECAY_ONE = 4096
_ROOM = 29_000
"""Largest membrane in integers: 16 bits and a tenth of room."""
_DEPTH, _DEEP = 2, 4
"""Thresholds of room below zero, and above for soft resets, with a fast and with a slow leak; what is beyond
saturates, and is counted. More room is less resolution: of 1, 2, 4 and 8, two differed least from the float
model on training images (decay one half)."""
_FAST, _SLOW = 0.5, 0.9
_LARGEST_F = 7
_TAP_BITS = 10
_FIELD = (1 << 23) - 1
"""Largest threshold, bias and reset that a channel record holds."""
_RESETS = {"hard": Reset.HARD, "soft": Reset.SOFT, "soft_delayed": Reset.SOFT_DELAYED, "none": Reset.NONE}
_POLICIES = {"freeze": Refractory.FREEZE, "leak": Refractory.LEAK, "integrate": Refractory.INTEGRATE}
_POOLS = {"none": Pool.NONE, "sum": Pool.SUM, "or": Pool.OR}
_OUTPUTS = {"": Output.SPIKES, "spikes": Output.SPIKES, "counts": Output.COUNTS, "membrane": Output.MEMBRANE}


@dataclass
class Quantised:
    """A stage in integers, and what its integers are worth.

    Parameters
    ----------
    stage : Stage
    layer : Layer
    lsb : ndarray of float64, shape [channels]
        Real membrane of integer 1.
    error : float
        Root mean square error of the weights, relative to their own root mean square.
    notes : list of str
        Channels that always or never fire.
    """

    stage: Stage
    layer: Layer
    lsb: Floats
    error: float = 0.0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Weights:
    """Integer weights, the real value of 1, and how they are held."""

    values: Ints | None
    scale: Floats
    format: WeightFormat | None
    codebook: tuple[int, ...] | None = None
    error: float = 0.0


def quantise(
    stages: list[Stage],
    entry: Input,
    formats: str | Mapping[str, str] = "int8",
    ranges: Mapping[str, Floats] | None = None,
) -> list[Quantised]:
    """Integers of all stages.

    Parameters
    ----------
    stages : list of Stage
    entry : Input
        Its ``scale`` is what integer 1 of the input is worth.
    formats : str or mapping of str to str
        Weight format of all layers, or by layer name with ``"*"`` for the others: ``int8``, ``int4``,
        ``int2``, ``int1``, ``codebook`` (2 or 4 bits, as its distinct values need), ``codebook2``,
        ``codebook4``.
    ranges : mapping of str to ndarray, optional
        Largest real membrane seen per stage and channel, if the network was run on samples.
    """
    names = [stage.name for stage in stages]
    chosen = {"*": formats} if isinstance(formats, str) else dict(formats)
    unknown = sorted(set(chosen) - {"*", *names})
    if unknown:
        raise LifError("E03", f"weights: no layer {', '.join(unknown)}; layers are {', '.join(names)}")
    worth = {"input": entry.scale}
    planes = {"input": entry.planes or 1}
    found = []
    for stage in stages:
        units = {worth.get(source, 1.0) for source in stage.sources}
        if len(units) > 1:
            raise LifError(
                "E03",
                f"layer {stage.name!r} adds spikes and an input of scale {entry.scale:g}; use an input of "
                "scale 1",
            )
        if stage.kind == "copy":
            bits = max(planes.get(source, 1) for source in stage.sources)
            planes[stage.name] = min(bits + 1, 8)
            found.append(_copy(stage, planes[stage.name]))
            continue
        seen = None if ranges is None else ranges.get(stage.name)
        found.append(_quantise(stage, units.pop(), chosen.get(stage.name, chosen.get("*", "int8")), seen))
    return found


def _copy(stage: Stage, planes: int) -> Quantised:
    layer = Layer(
        stage.name, "copy", stage.sources, combine=Combine.ADD, output=Output.VALUE, planes_out=planes
    )
    return Quantised(stage, layer, np.ones(stage.shape[0]))


def _quantise(stage: Stage, worth: float, wanted: str, seen: Floats | None) -> Quantised:
    assert stage.neuron is not None
    weights = _weights(stage, wanted)
    unit = weights.scale * stage.factor * worth
    fir, per_tap = _fir(stage)
    unit = unit * per_tap
    unit, rounded = _wide_enough(stage, unit, weights, seen)
    fraction = _fraction(stage, unit, seen)
    lsb = unit * 2.0**-fraction
    neuron, notes = _neuron(stage, lsb, fraction)
    layer = Layer(
        stage.name,
        stage.kind,
        stage.sources,
        rounded.values,
        kernel=stage.kernel if stage.kind == "pool" else (1, 1),
        stride=stage.stride,
        padding=stage.padding,
        dilation=stage.dilation,
        groups=1 if stage.kind == "pool" else stage.groups,
        format=rounded.format,
        codebook=rounded.codebook,
        pool_in=_POOLS[stage.pool],
        pool_size=stage.pool_size,
        # A threshold over a pool of two sums asks whether anything in it spikes.
        combine=Combine.OR if stage.pool == "or" and len(stage.sources) == 2 else Combine.ADD,
        neuron=neuron,
        fir=fir,
        output=_OUTPUTS[stage.readout],
    )
    return Quantised(stage, layer, lsb, rounded.error, notes)


def _weights(stage: Stage, wanted: str) -> _Weights:
    """Weights in a format, before the range of the membrane is looked at."""
    if stage.weight is None:
        return _Weights(None, np.ones(stage.shape[0]), None)
    if wanted == "codebook":
        wanted = "codebook2" if len(np.unique(stage.weight)) <= 4 else "codebook4"
    if wanted not in FORMATS:
        raise LifError(
            "E03",
            f"layer {stage.name!r}: unknown weight format {wanted!r}; known are {', '.join(FORMATS)}, "
            "codebook",
        )
    form = FORMATS[wanted]
    if form.levels:
        values, codes = codebook(stage.name, stage.weight, form.levels)
        scale = max(float(np.abs(values).max()), 1e-30) / 127
        levels = np.rint(values / scale).astype(np.int64)
        kept = {2: WeightFormat.CODEBOOK2, 4: WeightFormat.CODEBOOK4}[form.bits]
        error = _error(stage.weight, levels[codes] * scale)
        full = np.full(stage.shape[0], scale)
        return _Weights(levels[codes], full, kept, tuple(levels.tolist()), error)
    flat = stage.weight.reshape(stage.shape[0], -1)
    scale_each = best_scales(flat, form.bits)
    if stage.readout == "membrane":
        # Membranes of several channels are compared: one scale for all.
        scale_each = np.full_like(scale_each, best_scales(flat.reshape(1, -1), form.bits)[0])
    return _rounded(stage, scale_each, form.bits)


def _rounded(stage: Stage, scale: Floats, bits: int) -> _Weights:
    assert stage.weight is not None
    flat = stage.weight.reshape(stage.shape[0], -1)
    values = round_weights(flat, scale, bits)
    kept = {8: WeightFormat.S8, 4: WeightFormat.S4, 2: WeightFormat.S2, 1: WeightFormat.S1}[bits]
    return _Weights(
        values.reshape(stage.weight.shape), scale, kept, None, _error(flat, values * scale[:, None])
    )


def _error(weight: Floats, found: Floats) -> float:
    size = float(np.sqrt(np.mean(weight**2)))
    return float(np.sqrt(np.mean((found - weight) ** 2))) / size if size else 0.0


def _fir(stage: Stage) -> tuple[Fir | None, float]:
    """Taps in 12 bits, and the real value of one unit of the sum; delays run back from the last step."""
    taps = stage.taps
    if taps is None:
        return None, 1.0
    back = [taps.segment - 1 - delay if taps.segment else delay for delay in taps.delays]
    if not 0 <= min(back) <= max(back) <= 15:
        raise LifError(
            "E07",
            f"layer {stage.name!r}: delays {taps.delays} reach over {max(back) + 1} steps; the engine has 16",
        )
    if np.any(stage.bias != 0) and not taps.segment:
        raise LifError(
            "E03", f"layer {stage.name!r}: a bias before overlapping delays would be missing in the first "
            "steps; "
            "give it to the delays (Taps.bias)",
        )  # fmt: skip
    largest = float(np.abs(taps.weights).max()) or 1.0
    row = np.zeros(max(back) + 1)
    np.add.at(row, back, taps.weights / largest)
    # Four bits of the sum's fraction are kept; the division that drops the others truncates.
    taps_row = tuple(np.rint(row * (1 << _TAP_BITS)).astype(int).tolist())
    return Fir(taps_row, _TAP_BITS - 4, taps.segment), largest / 16


def _bias(stage: Stage) -> Floats:
    """What is added in every step, behind the delays."""
    taps = stage.taps
    if taps is None:
        return stage.bias
    through = stage.bias * taps.weights.sum()
    return np.asarray(through if taps.bias is None else through + taps.bias)


def _reach(stage: Stage, seen: Floats | None) -> tuple[Floats, float]:
    """Real values that must fit into 16 bits per channel, and how many integers they may take."""
    assert stage.neuron is not None
    neuron = stage.neuron
    still = np.maximum(np.abs(neuron.rest), np.abs(neuron.reset_value) if neuron.reset == "hard" else 0)
    # A slow leak remembers what was clipped; a fast one forgets it by the next step.
    slow = np.clip((neuron.decay - _FAST) / (_SLOW - _FAST), 0, 1)
    most = (_DEPTH + slow * (_DEEP - _DEPTH)) * np.abs(neuron.threshold)
    if seen is not None and neuron.fires:
        most = np.minimum(seen, most)
    return np.maximum(most, still), _ROOM


def _wide_enough(
    stage: Stage, unit: Floats, weights: _Weights, seen: Floats | None
) -> tuple[Floats, _Weights]:
    """Coarser weights for channels whose membrane would not fit even with F = 0."""
    assert stage.neuron is not None
    reach, room = _reach(stage, seen)
    narrow = reach / room > unit
    if not stage.neuron.fires or not np.any(narrow) or weights.values is None or weights.codebook is not None:
        return unit, weights
    ratio = np.where(narrow, reach / room / unit, 1.0)
    assert weights.format is not None
    return unit * ratio, _rounded(stage, weights.scale * ratio, weights.format.bits)


def _fraction(stage: Stage, unit: Floats, seen: Floats | None) -> int:
    assert stage.neuron is not None
    reach, room = _reach(stage, seen)
    if not stage.neuron.fires:
        # 24 bits and no threshold.
        most = 32 * _strongest(stage) if seen is None else seen
        return _largest(float(np.max(most / unit)), 256 * _ROOM)
    return _largest(float(np.max(reach / unit)), room)


def _strongest(stage: Stage) -> Floats:
    """Largest current of a step if all inputs were 1."""
    if stage.weight is None:
        return np.asarray(stage.factor * (stage.kernel[0] * stage.kernel[1]))
    total = np.abs(stage.weight).sum(axis=(1, 2, 3)) * stage.factor
    return np.asarray(total * stage.pool_size**2)


def _largest(size: float, room: float) -> int:
    return int(np.clip(np.floor(np.log2(room / size)) if size > 0 else _LARGEST_F, 0, _LARGEST_F))


def _neuron(stage: Stage, lsb: Floats, fraction: int) -> tuple[Neuron, list[str]]:
    source, notes = stage.neuron, []
    assert source is not None
    exact = source.threshold / lsb
    # What was a whole number before the division is one after it.
    near = np.where(
        np.abs(exact - np.rint(exact)) < 1e-9 * np.maximum(1, np.abs(exact)), np.rint(exact), exact
    )
    theta = np.ceil(near) if source.tie == ">=" else np.floor(near) + 1
    decay = np.rint(source.decay * _DECAY_ONE).astype(np.int64)
    bias = _bias(stage)
    whole = {
        "bias": np.rint(bias / lsb),
        "zeta": np.rint(source.subtract / lsb),
        "v_reset": np.rint(source.reset_value / lsb),
        "rest": np.rint(source.rest / lsb),
    }
    if source.fires:
        always, never = int((theta <= 0).sum()), int((theta > _FIELD).sum())
        theta = np.minimum(theta, _FIELD)
        notes += [
            f"{stage.name}: {always} channels have a threshold of 0 or less and may fire always"
        ] * bool(always)
        notes += [f"{stage.name}: {never} channels have thresholds beyond 24 bits and never fire"] * bool(
            never
        )
    else:
        theta = np.full_like(theta, _FIELD)
    for name, values in whole.items():
        if np.any(np.abs(values) > _FIELD):
            raise LifError(
                "E07",
                f"layer {stage.name!r}: {name} is {np.abs(values).max():.0f} integers, and a channel holds "
                f"{_FIELD}; "
                "check the scale of its weights",
            )
    ints = {name: values.astype(np.int64) for name, values in whole.items()}
    neuron = Neuron(
        theta.astype(np.int64),
        ints["bias"],
        ints["zeta"],
        decay,
        ints["v_reset"],
        ints["rest"],
        _RESETS[source.reset],
        Leak.NONE if np.all(decay == _DECAY_ONE) else Leak.MULTIPLY,
        source.refractory,
        _POLICIES[source.policy],
        source.fires,
        fraction,
    )
    return neuron, notes
