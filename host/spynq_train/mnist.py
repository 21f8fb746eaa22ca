"""The network of the LIF engine's main job: trained on MNIST, exported to NIR, fine-tuned for few bits.

``python -m spynq_train.mnist FOLDER`` trains for some minutes on one core and writes ``mnist.nir`` (float
weights) and ``mnist_int4.nir`` (the same network after fine-tuning with 4-bit weights).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import Tensor, nn
from tqdm import tqdm

from spynq.lif.digits import Images, mnist
from spynq.lif.nir_writer import write_nir
from spynq_train.nir_export import to_graph
from spynq_train.quantised import fold_batch_norm, quantise_weights

Pixels = npt.NDArray[np.uint8]
__all__ = ["Settings", "accuracy", "main", "network", "train"]


@dataclass(frozen=True)
class Settings:
    """How long and how fast to train."""

    steps: int = 6
    epochs: int = 10
    batch: int = 50
    rate: float = 2e-3
    seed: int = 7


def network(channels: int = 1) -> nn.Sequential:
    """16C5-AP2-32C3-AP2-10, batch normalisation before each neuron of a map; all steps at once."""

    def lif() -> nn.Module:
        node: nn.Module = neuron.LIFNode(tau=2.0, decay_input=False, surrogate_function=surrogate.ATan())
        return node

    net = nn.Sequential(
        layer.Conv2d(channels, 16, 5, bias=False),
        layer.BatchNorm2d(16),
        lif(),
        layer.AvgPool2d(2),
        layer.Conv2d(16, 32, 3, bias=False),
        layer.BatchNorm2d(32),
        lif(),
        layer.AvgPool2d(2),
        layer.Flatten(),
        layer.Linear(800, 10),
        lif(),
    )
    functional.set_step_mode(net, "m")
    return net


def _inputs(pixels: Pixels, steps: int) -> Tensor:
    """Direct coding: the pixel is the current, in every step."""
    x = torch.from_numpy(pixels.astype(np.float32) / 255)
    return x.unsqueeze(0).expand(steps, *x.shape)


def accuracy(net: nn.Module, images: Images, steps: int) -> float:
    """Share of images whose label's output fires most (the first wins a tie)."""
    net.eval()
    right = 0
    with torch.no_grad():
        for begin in range(0, len(images), 200):
            functional.reset_net(net)
            counts = net(_inputs(images.pixels[begin : begin + 200], steps)).sum(0)
            right += int((counts.argmax(1).numpy() == images.labels[begin : begin + 200]).sum())
    return right / len(images)


def train(net: nn.Module, images: Images, settings: Settings, progress: bool = False) -> None:
    """Train in place: cross entropy of the firing rates, one-cycle learning rate."""
    rng = np.random.default_rng(settings.seed)
    per_epoch = -(-len(images) // settings.batch)
    optimiser = torch.optim.Adam(net.parameters(), lr=settings.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, settings.epochs * per_epoch)
    with tqdm(total=settings.epochs * per_epoch, unit="batch", disable=not progress) as bar:
        for _ in range(settings.epochs):
            net.train()
            for chosen in np.array_split(rng.permutation(len(images)), per_epoch):
                functional.reset_net(net)
                rates = net(_inputs(_shifted(images.pixels[chosen], rng), settings.steps)).mean(0)
                loss = nn.functional.cross_entropy(rates * 4, torch.from_numpy(images.labels[chosen]))
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                schedule.step()
                bar.update()


def _shifted(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Each image moved by up to two pixels: few images teach more."""
    wide = np.pad(pixels, ((0, 0), (0, 0), (2, 2), (2, 2)))
    rows, columns = rng.integers(0, 5, (2, len(pixels)))
    return np.stack(
        [image[:, r : r + 28, c : c + 28] for image, r, c in zip(wide, rows, columns, strict=True)]
    )


def main(argv: list[str] | None = None) -> None:
    """Train, export, fine-tune, export again; accuracies of the test part are printed, never used."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=Settings.epochs)
    parser.add_argument("--no-progress", action="store_true")
    arguments = parser.parse_args(argv)
    settings = Settings(epochs=arguments.epochs)
    torch.manual_seed(settings.seed)
    images, test = mnist("train"), mnist("test")
    net = network()
    train(net, images, settings, not arguments.no_progress)
    folded = fold_batch_norm(net)
    write_nir(to_graph(folded, (1, 28, 28), pixels=True), arguments.folder / "mnist.nir")
    print(f"float: {accuracy(folded, test, settings.steps):.2%} of {len(test)} test images")
    tuning = Settings(epochs=max(1, arguments.epochs // 3), rate=5e-4)
    tuned = quantise_weights(folded, bits=4)
    train(tuned, images, tuning, not arguments.no_progress)
    print(f"4-bit weights, fine-tuned: {accuracy(tuned, test, settings.steps):.2%}")
    write_nir(to_graph(tuned, (1, 28, 28), pixels=True), arguments.folder / "mnist_int4.nir")


if __name__ == "__main__":
    main()
