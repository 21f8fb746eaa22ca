"""A compiled network: loaded, quantised, reported, run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spynq.lif.assemble import assemble
from spynq.lif.calibration import membrane_ranges
from spynq.lif.coding import encode, frames
from spynq.lif.errors import LifError
from spynq.lif.float_model import FloatResult
from spynq.lif.float_model import run as run_float
from spynq.lif.folding import stages_of
from spynq.lif.graph import Graph, Input
from spynq.lif.image import Image
from spynq.lif.layers import MapShape, Network
from spynq.lif.nir_reader import read_nir
from spynq.lif.params import LifConfig
from spynq.lif.quantise import Quantised, quantise

if TYPE_CHECKING:
    from spynq.lif.results import Result

__all__ = ["CompiledNetwork", "load"]

_NOT_WHOLE = 1e-6


def load(
    source: str | Path | Graph | object,
    *,
    profile: str | None = None,
    dt: float | None = None,
    reset: str | None = None,
    tie: str | None = None,
    weights: str | Mapping[str, str] = "int8",
    calibrate: npt.ArrayLike | None = None,
    planes: int | None = None,
    config: LifConfig | None = None,
) -> CompiledNetwork:
    """Read, check and quantise a trained network.

    Parameters
    ----------
    source : path, Graph, nir.NIRGraph or mapping
        A NIR file or graph, or a graph of :mod:`spynq.lif.graph`.
    profile : str, optional
        Library that wrote the file: ``snntorch``, ``spikingjelly``, ``norse`` or ``sinabs``.
    dt : float, optional
        Seconds of a step.
    reset : str, optional
        ``"hard"``, ``"soft"``, ``"soft_delayed"`` or ``"none"``.
    tie : str, optional
        ``">="`` or ``">"``.
    weights : str or mapping of str to str
        ``"int8"``, ``"int4"``, ``"int2"``, ``"int1"`` or ``"codebook"``; or by layer, ``"*"`` for the others.
    calibrate : array_like, shape [T, N, C, H, W], optional
        Samples of the input; the float model's membranes on them set the number formats, which without
        them leave more room.
    planes : int, optional
        Bits of an input value, where file and samples do not tell: 1 for spikes.
    config : LifConfig, optional
        Build of the kernel.

    Returns
    -------
    CompiledNetwork

    Raises
    ------
    LifError
        E02 to E08, each with layer, value, limit and way out; E06 if reset, tie or dt are nowhere said.
    FormatError
        The file is not NIR.
    """
    if isinstance(source, Graph):
        graph = source
    else:
        graph = read_nir(source, profile=profile, dt=dt, reset=reset, tie=tie)
    stages = stages_of(graph)
    samples = None if calibrate is None else np.asarray(calibrate)
    entry = _entry(graph.input, samples, planes)
    ranges = None
    if samples is not None:
        ranges = membrane_ranges(graph, stages, run_float(graph, _real(samples, entry)))
    quantised = quantise(stages, entry, weights, ranges)
    name = Path(source).stem if isinstance(source, str | Path) else "network"
    return CompiledNetwork(name, graph, entry, quantised, config or LifConfig(), samples is not None)


def _entry(entry: Input, samples: npt.NDArray[Any] | None, planes: int | None) -> Input:
    """The input with its bits settled."""
    if planes is not None:
        if not 1 <= planes <= 8:
            raise LifError("E07", f"planes must be 1 to 8, not {planes}; requantise the input")
        return replace(entry, planes=planes)
    if entry.planes is not None:
        return entry
    if samples is None or not samples.size:
        return replace(entry, planes=1)
    low, high = float(np.min(samples)), float(np.max(samples))
    whole = bool(np.all(samples == np.rint(samples)))
    if whole and max(abs(low), high) < 256:
        bits = max(int(max(high, 0)).bit_length(), (int(-low) - 1).bit_length() if low < 0 else 0)
        return replace(entry, planes=max(bits + (low < 0), 1), signed=low < 0)
    # Real values: eight bits over what was seen.
    most = max(high, -low)
    scale = most / (127 if low < 0 else 255)
    return replace(entry, planes=8, signed=low < 0, scale=scale)


def _real(samples: npt.NDArray[Any], entry: Input) -> npt.NDArray[np.float64]:
    """Real values; integers count in units of the input's scale."""
    if samples.dtype.kind in "biu":
        return np.asarray(samples * entry.scale, np.float64)
    return samples.astype(np.float64, copy=False)


@dataclass
class CompiledNetwork:
    """A network in the engine's integers, beside the real one it came from.

    Attributes
    ----------
    name : str
    graph : Graph
        In real numbers, with the conventions that were taken and notes.
    entry : Input
        The input with its bits and scale.
    stages : list of Quantised
        Layers in integers.
    config : LifConfig
        Build they are compiled for.
    calibrated : bool
        Whether number formats were chosen on samples.
    """

    name: str
    graph: Graph
    entry: Input
    stages: list[Quantised]
    config: LifConfig
    calibrated: bool = False
    _images: dict[tuple[int, int, bool], Image] = field(default_factory=dict, repr=False)

    @property
    def conventions(self) -> dict[str, str]:
        """What was taken for reset, tie and dt, and from where."""
        return dict(self.graph.conventions)

    @property
    def notes(self) -> list[str]:
        """What a user should know."""
        return [*self.graph.notes, *(note for stage in self.stages for note in stage.notes)]

    def for_build(self, config: LifConfig) -> CompiledNetwork:
        """The same network, compiled for another build of the kernel."""
        return replace(self, config=config, _images={})

    def integers(self, steps: int, static: bool = False) -> Network:
        """The integer network for a number of time steps."""
        channels, height, width = self.entry.shape
        entry = MapShape(channels, height, width, self.entry.planes or 1, self.entry.signed)
        return Network(self.name, entry, steps, tuple(stage.layer for stage in self.stages), static)

    def image(self, steps: int, samples: int = 1, static: bool = False) -> Image:
        """The binary image for a run (kept for the next of the same size)."""
        key = steps, samples, static
        if key not in self._images:
            if steps < 1:
                raise LifError("E01", f"network {self.name!r}: {steps} time steps, and at least 1 is needed")
            self._images[key] = assemble(self.integers(steps, static), self.config, samples=samples)
        return self._images[key]

    def values(
        self,
        given: Any,
        *,
        coding: str | None = None,
        steps: int | None = None,
        frame: int | None = None,
        seed: int = 1,
    ) -> npt.NDArray[Any]:
        """Whatever :meth:`run` takes, as an array [T, N, C, H, W] of real or integer values."""
        shape = self.entry.shape
        if frame is not None:
            return frames(given, frame, shape, steps, counts=(self.entry.planes or 1) > 1)
        if coding is not None:
            if steps is None:
                raise LifError("E01", f"coding {coding!r} needs a number of time steps; give steps=8")
            images = np.asarray(given)
            return encode(images[None] if images.ndim == 3 else images, coding, steps, seed)
        array = np.asarray(given)
        if array.dtype.names is not None:
            raise LifError("E08", "events need the length of a frame in microseconds; give frame=10000")
        if array.dtype.kind not in "biuf":
            raise LifError("E08", f"inputs are numbers, not {array.dtype}; give spikes or real values")
        if array.ndim == 4 and array.shape[1:] == shape:
            raise LifError(
                "E08",
                "inputs have no time axis; give coding= and steps= for still images, or [T, N, C, H, W]",
            )
        if array.ndim != 5 or array.shape[2:] != shape:
            told = ", ".join(map(str, shape))
            raise LifError("E08", f"inputs have shape {array.shape}, not [T, N, {told}]; reshape them")
        if not len(array):
            raise LifError("E01", "inputs have no time steps (T = 0), and at least 1 is needed; give some")
        if not array.shape[1]:
            raise LifError("E08", "inputs hold no sample (N = 0), and at least 1 is needed; give some")
        return array

    def whole(self, values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Input values in integers.

        Raises
        ------
        LifError
            E08: a value is no multiple of the input's scale, or more than its bits hold.
        """
        bits = self.entry.planes or 1
        exact = values / (1 if values.dtype.kind in "biu" else self.entry.scale)
        if not np.all(np.isfinite(exact)):
            raise LifError("E08", "inputs are not all finite; replace what is NaN or infinite")
        rounded = np.rint(exact)
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if self.entry.signed else (0, (1 << bits) - 1)
        off = float(np.abs(exact - rounded).max()) if exact.size else 0.0
        # Eight-bit inputs are rounded, as a camera does; spikes and counts must be what they are.
        if (off > _NOT_WHOLE and bits < 8) or rounded.min() < low or rounded.max() > high:
            partly = " with fractions" if off > _NOT_WHOLE else ""
            raise LifError(
                "E08",
                f"inputs go from {values.min():g} to {values.max():g}{partly}, and {bits} "
                f"bit{'s' * (bits > 1)} of scale "
                f"{self.entry.scale:g} hold whole numbers from {low} to {high}; load with calibrate= "
                "or planes=8",
            )
        return np.asarray(rounded, np.int64)

    def run_float(self, values: npt.NDArray[Any]) -> FloatResult:
        """The float model on an array [T, N, C, H, W]."""
        return run_float(self.graph, _real(values, self.entry))

    def run(
        self,
        given: Any,
        device: Any = None,
        *,
        coding: str | None = None,
        steps: int | None = None,
        frame: int | None = None,
        seed: int = 1,
        timeout: float | None = None,
        progress: bool | None = None,
    ) -> Result:
        """Run on a device.

        Parameters
        ----------
        given : array_like or recordings
            ``[T, N, C, H, W]``: spikes, integers in units of the input's scale, or real values. With
            ``coding``: still images ``[N, C, H, W]``. With ``frame``: recordings or arrays of events.
        device : str or driver, optional
            ``"golden"``, ``"rtl"``, ``"board"``, or an open driver, which stays open.
        coding : str, optional
            ``"direct"``, ``"rate"`` or ``"latency"``.
        steps : int, optional
            Time steps of coded images; frames per recording.
        frame : int, optional
            Microseconds of a frame of events.
        seed : int
            Of the draws of rate coding.
        timeout : float, optional
            Seconds that one start may take.
        progress : bool, optional
            Show a progress bar; by default only in a notebook.

        Returns
        -------
        Result

        Raises
        ------
        LifError
            E01, E08: the input. E09: the device has another build. E10: it did not end in time.
        """
        from spynq.lif.running import execute

        begin = time.monotonic()
        values = self.values(given, coding=coding, steps=steps, frame=frame, seed=seed)
        result = execute(self, values, device, timeout, progress)
        result.seconds = time.monotonic() - begin
        return result
