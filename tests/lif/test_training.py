"""From PyTorch to the engine: batch normalisation, export, training through the quantiser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("spikingjelly")
pytest.importorskip("nir")

from spikingjelly.activation_based import functional, layer, neuron  # noqa: E402
from torch import nn  # noqa: E402

from spynq.lif import load, run_float, write_nir  # noqa: E402
from spynq.lif.digits import mnist  # noqa: E402
from spynq_train.mnist import Settings, accuracy, network, samples_of, train  # noqa: E402
from spynq_train.nir_export import to_graph  # noqa: E402
from spynq_train.quantised import QuantisedWeight, fold_batch_norm, quantise_weights  # noqa: E402


def _trained_norm(module: nn.Module, seed: int = 1) -> None:
    """Batch normalisations as training leaves them."""
    generator = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            for name, low, high in (
                ("running_mean", -0.5, 0.5), ("running_var", 0.2, 3), ("weight", 0.3, 2), ("bias", -0.3, 0.3)
            ):  # fmt: skip
                values = torch.rand(len(part.weight), generator=generator) * (high - low) + low
                getattr(part, name).data.copy_(values)


def test_folded_batch_normalisation_changes_no_output() -> None:
    torch.manual_seed(1)
    convolved = [nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten()]
    net = nn.Sequential(*convolved, nn.Linear(48, 5), nn.BatchNorm1d(5)).double()
    _trained_norm(net)
    folded = fold_batch_norm(net)
    assert not any(isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d) for part in folded)
    x = torch.rand(7, 2, 6, 6, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(folded(x), net.eval()(x), rtol=1e-12, atol=1e-12)
    with pytest.raises(ValueError, match="batch normalisation stands behind ReLU"):
        fold_batch_norm(nn.Sequential(nn.ReLU(), nn.BatchNorm2d(3)))


def test_an_exported_network_spikes_as_in_pytorch(tmp_path: Path) -> None:
    """All conventions of spikingjelly, through a file."""
    torch.manual_seed(2)
    net = nn.Sequential(
        layer.Conv2d(1, 4, 3, padding=1),
        layer.BatchNorm2d(4),
        neuron.LIFNode(2.0, v_threshold=0.25, v_reset=None),
        layer.AvgPool2d(2),
        layer.Flatten(),
        layer.Linear(64, 6),
        neuron.LIFNode(tau=3.0, decay_input=False, v_reset=-0.1),
    ).double()
    functional.set_step_mode(net, "m")
    _trained_norm(net)
    with torch.no_grad():
        net[5].weight.mul_(3).add_(0.1)
    folded = fold_batch_norm(net)
    path = write_nir(to_graph(folded, (1, 8, 8)), tmp_path / "net.nir")
    compiled = load(path)
    assert compiled.conventions["reset"] == "hard (file), soft (file)"
    x = (np.random.default_rng(3).random((20, 5, 1, 8, 8)) < 0.5).astype(np.float64)
    with torch.no_grad():
        want = folded(torch.from_numpy(x)).numpy()
    assert 0.05 < want.mean() < 0.9
    np.testing.assert_array_equal(run_float(compiled.graph, x).outputs[..., 0, 0], want)


def test_a_layer_without_counterpart_is_named() -> None:
    with pytest.raises(ValueError, match="layer 0, ReLU, has no counterpart"):
        to_graph(nn.Sequential(nn.ReLU()), (1, 8, 8))
    with pytest.raises(ValueError, match="layer 0: give the padding as numbers"):
        to_graph(nn.Sequential(nn.Conv2d(1, 1, 3, padding="same")), (1, 8, 8))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_quantised_weights_lie_on_their_grid_and_let_gradients_through(bits: int) -> None:
    torch.manual_seed(bits)
    weight = torch.randn(5, 3, 3, 3)
    quantiser = QuantisedWeight(weight, bits)
    held = weight.clone().requires_grad_()
    found = quantiser(held)
    units = (found / quantiser.scale).detach().numpy()
    most = (1 << max(bits - 1, 1)) - 1
    np.testing.assert_allclose(units, np.rint(units), atol=1e-4)
    assert np.abs(units).max() <= most + 1e-4 and (bits > 1 or np.abs(units).min() > 0.5)
    found.sum().backward()
    clipped = (weight / quantiser.scale).abs() > most
    assert torch.equal(held.grad != 0, ~clipped)
    with pytest.raises(ValueError, match="weights have 1 to 8 bits, not 9"):
        quantise_weights(nn.Sequential(), 9)


def test_training_learns_and_four_bits_come_out_exact(tmp_path: Path) -> None:
    """A few images and epochs, to see every step of the main job: far from its accuracy, far from chance."""
    torch.manual_seed(1)
    images, test = mnist("train").first(400), mnist("test").first(100)
    net = network((1, 28, 28))
    before = accuracy(net, samples_of(test, steps=4))
    train(net, samples_of(images, steps=4), Settings(epochs=4))
    folded = fold_batch_norm(net)
    trained = accuracy(folded, samples_of(test, steps=4))
    assert before < 0.4 < 0.6 < trained
    tuned = quantise_weights(folded, 4)
    train(tuned, samples_of(images.first(100), steps=4), Settings(epochs=1, rate=2e-4))
    path = write_nir(to_graph(tuned, (1, 28, 28), pixels=True), tmp_path / "tuned.nir")
    compiled = load(path, weights="int4")
    # The importer finds the grid of the fine-tuning again; only the first layer may need a coarser one.
    assert [stage.error < 1e-6 for stage in compiled.stages[1:]] == [True, True]
    result = compiled.run(test.pixels, "golden", coding="direct", steps=4)
    assert result.accuracy(test.labels) > 0.5
