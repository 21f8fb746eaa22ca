"""The networks of the LIF engine's main job: trained on MNIST or N-MNIST, exported, fine-tuned for four bits.

``python -m spynq_train.mnist FOLDER`` trains for some minutes on one core and writes ``mnist.nir`` (float
weights) and ``mnist_int4.nir`` (the same network after fine-tuning with 4-bit weights); with ``--events``
the same on N-MNIST recordings, if they are at hand.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import Tensor, nn
from tqdm import tqdm

from spynq.lif.digits import NMNIST_STEPS, Images, mnist, nmnist
from spynq.lif.nir_writer import write_nir
from spynq_train.nir_export import to_graph
from spynq_train.quantised import fold_batch_norm, quantise_weights

__all__ = ["Samples", "Settings", "accuracy", "main", "network", "samples_of", "train"]

_AT_ONCE = 200


@dataclass(frozen=True)
class Settings:
    """How long and how fast to train."""

    epochs: int = 6
    batch: int = 50
    rate: float = 2e-3
    seed: int = 7


@dataclass(frozen=True)
class Samples:
    """What to train on or to test.

    Parameters
    ----------
    values : ndarray of uint8, shape [N, T, C, H, W]
        T = 1 for still images, which hold for all steps.
    labels : ndarray of int64, shape [N]
    steps : int
    scale : float
        Real value of 1.
    """

    values: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    steps: int
    scale: float

    def __len__(self) -> int:
        return len(self.labels)


def samples_of(images: Images, steps: int = 4) -> Samples:
    """Still images under direct coding: the pixel is the current, in every step."""
    return Samples(images.pixels[:, None], images.labels, steps, 1 / 255)


def network(shape: tuple[int, int, int]) -> nn.Sequential:
    """16C5-AP2-32C3-AP2-10, batch normalisation before each neuron; read by its summed currents."""

    def lif() -> nn.Module:
        node: nn.Module = neuron.LIFNode(tau=2.0, decay_input=False, surrogate_function=surrogate.ATan())
        return node

    size = ((shape[1] - 4) // 2 - 2) // 2
    net = nn.Sequential(
        layer.Conv2d(shape[0], 16, 5, bias=False),
        layer.BatchNorm2d(16),
        lif(),
        layer.AvgPool2d(2),
        layer.Conv2d(16, 32, 3, bias=False),
        layer.BatchNorm2d(32),
        lif(),
        layer.AvgPool2d(2),
        layer.Flatten(),
        layer.Linear(32 * size * size, 10),
    )
    functional.set_step_mode(net, "m")
    return net


def _outputs(net: nn.Sequential, values: npt.NDArray[np.uint8], samples: Samples) -> Tensor:
    """Mean current of the ten outputs, [N, 10]."""
    functional.reset_net(net)
    x = torch.from_numpy(values.swapaxes(0, 1).astype(np.float32) * np.float32(samples.scale))
    first = next(i for i, module in enumerate(net) if isinstance(module, neuron.LIFNode))
    # What stands before the first neurons sees a still image once, and the same in every step.
    current = net[:first](x)
    currents: Tensor = net[first:](current.expand(samples.steps, *current.shape[1:]))
    return currents.mean(0)


def accuracy(net: nn.Sequential, samples: Samples) -> float:
    """Share of samples whose label's output is the largest."""
    net.eval()
    right = 0
    with torch.no_grad():
        for begin in range(0, len(samples), _AT_ONCE):
            outputs = _outputs(net, samples.values[begin : begin + _AT_ONCE], samples)
            right += int((outputs.argmax(1).numpy() == samples.labels[begin : begin + _AT_ONCE]).sum())
    return right / len(samples)


def train(net: nn.Sequential, samples: Samples, settings: Settings, progress: bool = False) -> None:
    """Train in place: cross entropy of the outputs, one-cycle learning rate."""
    rng = np.random.default_rng(settings.seed)
    per_epoch = -(-len(samples) // settings.batch)
    total = settings.epochs * per_epoch
    optimiser = torch.optim.Adam(net.parameters(), lr=settings.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, total)
    with tqdm(total=total, unit="batch", disable=not progress) as bar:
        for _ in range(settings.epochs):
            net.train()
            for chosen in np.array_split(rng.permutation(len(samples)), per_epoch):
                outputs = _outputs(net, _shifted(samples.values[chosen], rng), samples)
                loss = nn.functional.cross_entropy(outputs, torch.from_numpy(samples.labels[chosen]))
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                schedule.step()
                bar.update()


def _shifted(values: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Each sample moved by up to two pixels: few samples teach more."""
    height, width = values.shape[-2:]
    wide = np.pad(values, ((0, 0), (0, 0), (0, 0), (2, 2), (2, 2)))
    rows, columns = rng.integers(0, 5, (2, len(values)))
    return np.stack(
        [part[..., r : r + height, c : c + width] for part, r, c in zip(wide, rows, columns, strict=True)]
    )


def main(argv: list[str] | None = None) -> None:
    """Train, export, fine-tune, export again; accuracies of the test part are printed, never used."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--events", action="store_true", help="N-MNIST instead of MNIST")
    parser.add_argument("--epochs", type=int, default=Settings.epochs)
    parser.add_argument("--no-progress", action="store_true")
    arguments = parser.parse_args(argv)
    settings = Settings(epochs=arguments.epochs)
    torch.manual_seed(settings.seed)
    if arguments.events:
        name, pixels = "nmnist", False
        parts = [Samples(*nmnist(part), NMNIST_STEPS, 1.0) for part in ("train", "test")]
    else:
        name, pixels = "mnist", True
        parts = [samples_of(mnist(part)) for part in ("train", "test")]
    some, test = parts
    shape = tuple(int(size) for size in some.values.shape[2:])
    net = network((shape[0], shape[1], shape[2]))
    train(net, some, settings, not arguments.no_progress)
    folded = fold_batch_norm(net)
    write_nir(
        to_graph(folded, (shape[0], shape[1], shape[2]), pixels=pixels), arguments.folder / f"{name}.nir"
    )
    print(f"float: {accuracy(folded, test):.2%} of {len(test)} test samples", flush=True)
    tuned = quantise_weights(folded, bits=4)
    tuning = replace(settings, epochs=max(1, arguments.epochs // 3), rate=5e-4)
    train(tuned, some, tuning, not arguments.no_progress)
    print(f"4-bit weights, fine-tuned: {accuracy(tuned, test):.2%}")
    write_nir(
        to_graph(tuned, (shape[0], shape[1], shape[2]), pixels=pixels), arguments.folder / f"{name}_int4.nir"
    )


if __name__ == "__main__":
    main()
