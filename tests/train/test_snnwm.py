"""Working memory: both forms sum what their equations say, and memory recovers what latency coding loses."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from spynq_train.coding import encode
from spynq_train.data import DataSet
from spynq_train.fit import evaluate, fit
from spynq_train.lif import surrogate_named
from spynq_train.network import SpikingNetwork
from spynq_train.neuron import Neuron
from spynq_train.recipes import prepare
from spynq_train.snnwm import memory_network
from spynq_train.topology import parse

NEURON = Neuron(0.6, 1.0)
STEPS = 6


def _network(memory: int, form: str, fusion: bool = True) -> SpikingNetwork:
    torch.manual_seed(2)
    network = memory_network(
        parse("7FC-3FC", (1, 2, 2), 3),
        NEURON,
        surrogate_named("gauss"),
        steps=STEPS,
        memory=memory,
        form=form,  # type: ignore[arg-type]
        fusion=fusion,
    )
    with torch.no_grad():
        for block in network.chain:
            block.taps.copy_(torch.rand(len(block.taps)) + 0.2)  # type: ignore[operator,arg-type]
            block.norm.running_mean.normal_()  # type: ignore[union-attr,operator]
            block.norm.weight.uniform_(0.5, 1.5)  # type: ignore[union-attr,operator]
    return network.eval()


def _spikes() -> Tensor:
    torch.manual_seed(3)
    return (torch.rand(STEPS, 4, 1, 2, 2) > 0.5).float()


def _plain(network: SpikingNetwork, x: Tensor) -> Tensor:
    """Current of every step of the first layer without memory, and that of silence in front."""
    block = network.chain[0]
    silence = torch.zeros(1, *x.shape[1:])
    with torch.no_grad():
        made = block.norm(block.weights(torch.cat([silence, x]).flatten(2).flatten(0, 1)))
    return made.reshape(len(x) + 1, x.shape[1], -1)


@pytest.mark.parametrize("memory", [1, 3, 6])
def test_overlapping_form_sums_the_last_steps(memory: int) -> None:
    network, x = _network(memory, "overlapping"), _spikes()
    plain, taps = _plain(network, x), network.chain[0].taps
    for t in range(STEPS):
        expected = sum(taps[k] * plain[max(t - k, -1) + 1] for k in range(memory))  # type: ignore[index]
        torch.testing.assert_close(network.chain[0].current(x)[t], expected)


@pytest.mark.parametrize("memory", [1, 2, 3, 6])
def test_segment_form_sums_each_segment_once_and_holds_it(memory: int) -> None:
    network, x = _network(memory, "segment"), _spikes()
    plain, taps = _plain(network, x)[1:], network.chain[0].taps
    for t in range(STEPS):
        begin = t - t % memory
        expected = sum(taps[k] * plain[begin + k] for k in range(memory))  # type: ignore[index]
        torch.testing.assert_close(network.chain[0].current(x)[t], expected)


def test_a_memory_of_one_step_is_a_plain_network() -> None:
    x = _spikes()
    one, other = (_network(1, form)(x) for form in ("segment", "overlapping"))
    torch.testing.assert_close(one, other)


def test_fusion_weighs_the_currents_of_all_steps() -> None:
    network, x = _network(2, "segment"), _spikes()
    spikes = network.layer_spikes(x)
    assert len(spikes) == 1  # the fusion layer sends none
    last = network.chain[-1]
    with torch.no_grad():
        currents = last.norm(last.weights(spikes[0].flatten(0, 1))).reshape(STEPS, 4, 3)
        expected = torch.einsum("tbk,t->bk", currents, last.taps)  # type: ignore[arg-type]
        torch.testing.assert_close(network.rates(x), expected)


def test_latency_coding_sends_one_spike_the_earlier_the_brighter() -> None:
    pixels = torch.tensor([[[[1.0, 0.6], [0.2, 0.0]]]])
    coded = encode(pixels, 6, "latency")[:, 0, 0].flatten(1)
    assert coded.sum(0).tolist() == [1, 1, 1, 0]
    assert coded.argmax(0).tolist()[:3] == [0, 2, 4]


def test_rate_coding_follows_the_pixels_and_alpha() -> None:
    torch.manual_seed(0)
    pixels = torch.tensor([0.0, 0.05, 0.3, 1.0]).repeat(2000, 1, 1, 1)
    assert encode(pixels, 4, "rate").mean((0, 1, 2, 3)).tolist() == pytest.approx([0, 0.05, 0.3, 1], abs=0.02)
    torch.manual_seed(0)
    many = encode(pixels, 4, "rate", alpha=0.1).mean((0, 1, 2, 3)).tolist()
    assert many == pytest.approx([0, 0.5, 1, 1], abs=0.02)
    with pytest.raises(ValueError, match=r"unknown coding 'phase'; known codings are direct, rate, latency"):
        encode(pixels, 4, "phase")


@pytest.mark.full
def test_memory_recovers_what_latency_coding_loses(digits: DataSet) -> None:
    """The paper's claim, and at least one point of it: L = 1 against L = T."""
    means = {}
    for memory in (1, 6):
        right = []
        for seed in (0, 1):
            run = prepare("snnwm", digits, "digits", seed=seed, memory=memory, epochs=8)
            fit(run.method, digits, run.plan)
            right.append(evaluate(run.method, digits, run.plan).accuracy)
        means[memory] = sum(right) / 2
    assert means[6] - means[1] >= 1, means
    assert means[6] > 93, means


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"memory": 7}, r"the memory must be 1 to the 6 time steps long, not 7"),
        (
            {"memory": 4},
            r"segments of 4 steps do not fill the 6 time steps; take a divisor, or the overlapping",
        ),
        ({"form": "tree"}, r"unknown form 'tree'; known forms are overlapping, segment"),
    ],
)
def test_memories_that_do_not_fit_are_refused(given: dict[str, Any], sentence: str, digits: DataSet) -> None:
    with pytest.raises(ValueError, match=sentence):
        prepare("snnwm", digits, "digits", **given)


@pytest.mark.parametrize(
    "options", [{"loss": "tet"}, {"norm": "tdbn"}, {"surrogate": "atan"}, {"surrogate": "rect"}], ids=str
)
def test_options_of_the_survey_learn(options: dict[str, Any], digits: DataSet) -> None:
    """Plain neurons read by their mean rate: far from chance after three epochs on half of the samples."""
    some = digits.limited(700, 200)
    run = prepare("snnwm", some, "digits", seed=1, memory=1, fusion=False, epochs=3, rate=4e-3, **options)
    before = evaluate(run.method, some, run.plan).accuracy
    fit(run.method, some, run.plan)
    assert evaluate(run.method, some, run.plan).accuracy > 60 > before


def test_tet_is_the_mean_loss_of_every_step(digits: DataSet) -> None:
    run = prepare("snnwm", digits, "digits", seed=1, memory=1, fusion=False, loss="tet")
    x = encode(torch.from_numpy(digits.train[:8]), 6, "latency")
    y = torch.from_numpy(digits.train_labels[:8])
    network = run.method.network.train()
    network.rest()
    with torch.no_grad():
        expected = sum(torch.nn.functional.cross_entropy(step, y).item() for step in network(x)) / 6
    network.rest()
    assert run.method.learn(x, y, torch.optim.SGD(run.method.trained(), lr=0.0)) == pytest.approx(
        expected, rel=1e-5
    )


def test_sparsity_takes_spikes_away(digits: DataSet) -> None:
    some, spikes = digits.limited(500, 100), []
    for sparsity in (0.0, 20.0):
        run = prepare("snnwm", some, "digits", seed=1, fusion=False, epochs=2, sparsity=sparsity)
        fit(run.method, some, run.plan)
        spikes.append(sum(layer.rate for layer in evaluate(run.method, some, run.plan).layers))
    assert spikes[1] < 0.8 * spikes[0]


def test_the_first_currents_of_tdbn_are_as_wide_as_the_threshold() -> None:
    neuron = Neuron(0.6, 1.7)
    layers = parse("7FC-3FC", (1, 2, 2), 3)
    made = memory_network(layers, neuron, surrogate_named("gauss"), steps=6, memory=1, norm="tdbn")
    made.train()
    torch.manual_seed(4)
    currents = made.chain[0].current(torch.rand(6, 50, 1, 2, 2))
    assert currents.std().item() == pytest.approx(1.7, rel=0.05)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"loss": "hinge"}, r"loss must be one of cross-entropy, tet, not 'hinge'"),
        ({"loss": "tet"}, r"tet judges every step, and temporal fusion has one answer; add --mean-rate"),
        ({"norm": "layer"}, r"norm must be one of bn, tdbn, not 'layer'"),
        ({"sparsity": -1.0}, r"sparsity must be 0 or more, not -1"),
        ({"surrogate": "step"}, r"unknown surrogate 'step'; known surrogates are rect, gauss, atan"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], sentence: str, digits: DataSet) -> None:
    with pytest.raises(ValueError, match=sentence):
        prepare("snnwm", digits, "digits", **options)
