"""What a run gives back: outputs, spikes of every layer, what it cost, pictures, and how far from float."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from spynq.lif.network import CompiledNetwork

__all__ = ["LayerCounters", "LayerDifference", "Result"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LayerCounters:
    """What the device counted for one layer, over all samples and steps.

    Parameters
    ----------
    synaptic_operations : int
        Additions that happened: a spike met the weight of an output channel.
    spikes_in, spikes_out : int
        Bits set in what was read, and spikes fired.
    saturated : int
        Membranes that were clipped to 16 bits.
    cycles : int
        Clock cycles; 0 on a device without a clock.
    density : float
        Share of neurons and steps with a spike.
    """

    synaptic_operations: int
    spikes_in: int
    spikes_out: int
    saturated: int
    cycles: int
    density: float


@dataclass(frozen=True)
class LayerDifference:
    """One layer of a run beside the float model.

    Parameters
    ----------
    differing : int
        Spikes that one has and the other has not.
    total : int
        Neurons times steps times samples.
    rate, float_rate : float
        Share of them that spike.
    """

    differing: int
    total: int
    rate: float
    float_rate: float


@dataclass
class Result:
    """Outputs and costs of a run.

    Attributes
    ----------
    device : str
    outputs : ndarray of float64, shape [N, classes]
        Spike counts per output channel, or its real membrane after the last step, over all positions.
    spikes : dict of str to ndarray of int64
        ``[T, N, C, H, W]`` of every layer that writes spikes; values of layers that add others.
    counters : dict of str to LayerCounters
    cycles : int
        From start to done; 0 on a device without a clock.
    utilisation : float or None
        Synaptic operations per cycle, of what the build could do at most; None without a clock.
    seconds : float
        Of the whole call on this computer, not of the kernel.
    """

    device: str
    outputs: Floats
    spikes: dict[str, Ints]
    counters: dict[str, LayerCounters]
    cycles: int
    utilisation: float | None
    network: CompiledNetwork = field(repr=False)
    inputs: npt.NDArray[Any] = field(repr=False)
    seconds: float = 0.0

    @property
    def predictions(self) -> Ints:
        """Class with the largest output per sample; the first wins a tie."""
        return np.asarray(self.outputs.argmax(axis=1), np.int64)

    @property
    def synaptic_operations(self) -> int:
        """Of all layers."""
        return sum(layer.synaptic_operations for layer in self.counters.values())

    def accuracy(self, labels: npt.ArrayLike) -> float:
        """Share of samples that are predicted as labelled."""
        wanted = np.asarray(labels)
        if wanted.shape != self.predictions.shape:
            raise ValueError(f"{len(self.predictions)} samples ran, and labels have shape {wanted.shape}")
        return float((self.predictions == wanted).mean())

    def differences(self) -> dict[str, LayerDifference]:
        """Layer by layer against the float model on the same inputs."""
        found = self.network.run_float(self.inputs)
        compared = {}
        for stage in self.network.stages:
            name = stage.stage.name
            if name not in self.spikes or stage.stage.kind == "copy":
                continue
            ours = self.spikes[name]
            theirs = found.values[name].reshape(ours.shape)
            compared[name] = LayerDifference(
                int(np.count_nonzero(ours != theirs)), ours.size, float(ours.mean()), float(theirs.mean())
            )
        return compared

    def membranes(self, sample: int = 0) -> Mapping[str, Floats]:
        """Real membranes ``U`` before the comparison, ``[T, C, H, W]`` per layer, of one sample.

        No device stores them: the golden model, which equals every device bit for bit, runs the sample
        again and is watched.
        """
        from spynq.lif.running import watch

        return watch(self.network, self.inputs[:, sample : sample + 1])

    def plot(self, sample: int = 0) -> Figure:
        """Spikes of every layer over time, and some membranes below: :func:`spynq.lif.plots.result`."""
        from spynq.lif.plots import result

        return result(self, sample)

    def to_dict(self) -> dict[str, object]:
        """For JSON: the keys of ``spynq lif run --json``."""
        return {
            "device": self.device,
            "network": self.network.name,
            "layers": {name: vars(layer) for name, layer in self.counters.items()},
            "outputs": self.outputs,
            "predictions": self.predictions,
            "spikes": {name: int(np.count_nonzero(values)) for name, values in self.spikes.items()},
            "cycles": self.cycles,
            "synaptic_operations": self.synaptic_operations,
            "utilisation": self.utilisation,
            "seconds": self.seconds,
        }
