"""Gradients are cut where they should be and nowhere else; memory falls as the model says, to the byte."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from spynq_train.costs import Setting
from spynq_train.data import DataSet
from spynq_train.fit import evaluate, fit
from spynq_train.footprint import saved_words
from spynq_train.lif import surrogate_named
from spynq_train.memory import count_saved
from spynq_train.network import SpikingNetwork, set_gain
from spynq_train.neuron import Neuron
from spynq_train.recipes import prepare
from spynq_train.tlbptt import TruncatedLocal
from spynq_train.topology import parse

NEURON = Neuron(0.9, 0.5, "soft", subtract=0.5 / 0.9)
NETWORK, SHAPE, CLASSES, STEPS, BATCH = "8C3-AP2-16C3-32C3-AP2-64FC", (1, 8, 8), 10, 10, 16


def build(k: int, n: int, seed: int = 0, **options: object) -> TruncatedLocal:
    torch.manual_seed(seed)
    network = SpikingNetwork(parse(NETWORK, SHAPE), NEURON, width=0.5)
    method = TruncatedLocal(
        network,
        CLASSES,
        k=k,
        n=n,
        steps=STEPS,
        surrogate=surrogate_named("rect", 0.5),
        **options,  # type: ignore[arg-type]
    )
    # A gain at which every layer fires, so that every gradient is there to be compared.
    set_gain(method, 1.2)
    return method


def batch(still: bool = False) -> tuple[Tensor, Tensor]:
    torch.manual_seed(5)
    x = torch.rand(1 if still else STEPS, BATCH, *SHAPE).expand(STEPS, -1, -1, -1, -1)
    return x, torch.randint(0, CLASSES, (BATCH,))


def step(method: TruncatedLocal, x: Tensor, y: Tensor) -> list[Tensor]:
    """Gradients of one interval of all steps, before they are used."""
    method.learn(x, y, torch.optim.SGD(method.trained(), lr=0.0))
    return [p.grad.clone() for p in method.parameters() if p.grad is not None]


def test_end_to_end_without_truncation_is_plain_bptt() -> None:
    x, y = batch()
    ours, plain = build(STEPS, 4), build(STEPS, 4)
    found = step(ours, x, y)
    rates = plain.network.rates(x)
    nn.functional.mse_loss(rates, nn.functional.one_hot(y, CLASSES).float()).backward()
    expected = [p.grad for p in plain.parameters() if p.grad is not None]
    assert len(found) == len(expected) == 10
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)
    assert all(one.abs().max() > 0 for one in found)


@pytest.mark.parametrize("n", [4, 2, 1])
def test_both_orders_give_the_same_gradients(n: int) -> None:
    x, y = batch()
    for one, other in zip(
        step(build(5, n, order="step"), x, y), step(build(5, n, order="block"), x, y), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-8)


def test_a_block_is_taught_by_its_own_head_alone() -> None:
    x, y = batch()
    whole, local = build(STEPS, 2), build(STEPS, 2)
    before = step(whole, x, y)
    # Another second head changes what the second block learns, and nothing of the first.
    with torch.no_grad():
        local.heads[1].weights.weight.mul_(-1)
    after = step(local, x, y)
    names = [name for name, p in local.named_parameters() if p.grad is not None]
    same = {name for name, a, b in zip(names, before, after, strict=True) if torch.equal(a, b)}
    assert {name for name in names if name.startswith(("parts.0", "heads.0"))} == same


def test_an_interval_knows_nothing_of_the_steps_before() -> None:
    """The gradient of the last interval is that of a run whose earlier input is only a state."""
    x, y = batch()
    method = build(5, 4)
    found = step(method, x, y)
    other = build(5, 4)
    other.network.rest()
    with torch.no_grad():
        sums = [part(x[:5]) for part in other.parts]
        other.heads[-1](sums[-1])
    rates = other.heads[-1](other.parts[0](x[5:])).mean(0)
    nn.functional.mse_loss(rates, nn.functional.one_hot(y, CLASSES).float()).backward()
    expected = [p.grad for p in other.parameters() if p.grad is not None]
    for one, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(one, wanted, rtol=1e-5, atol=1e-8)


def test_random_heads_stay_as_drawn_and_the_network_learns() -> None:
    x, y = batch()
    method = build(5, 1, random_heads=True)
    heads = [p.clone() for p in method.heads.parameters()]
    layers = [p.clone() for p in method.parts.parameters()]
    method.learn(x, y, torch.optim.SGD(method.trained(), lr=0.1))
    assert all(torch.equal(a, b) for a, b in zip(heads, method.heads.parameters(), strict=True))
    assert all(not torch.equal(a, b) for a, b in zip(layers, method.parts.parameters(), strict=True))


@pytest.mark.parametrize(
    ("n", "order", "still"), list(itertools.product((4, 2, 1), ("step", "block"), (True, False)))
)
def test_saved_bytes_equal_the_model(n: int, order: str, still: bool) -> None:
    x, y = batch(still)
    layers = parse(NETWORK, SHAPE)
    for k in (10, 5, 2, 1):
        method = build(k, n, order=order)
        with count_saved(method) as saved:
            method.learn(x, y, torch.optim.SGD(method.trained(), lr=0.0))
        words = saved_words(Setting(layers, CLASSES, STEPS, k, n, batch=BATCH), order=order, still=still)
        assert saved.most == 4 * words
        assert saved.now == 0


def test_memory_of_lenet_falls_with_k_and_n() -> None:
    """The proportions measured for the specification: k = 20, 10, 5, 2, 1, and one layer per block."""
    layers = parse("6C5p2-AP2-16C5p0-AP2-120C5p0-128FC", (1, 28, 28))
    words = {(k, n): saved_words(Setting(layers, 47, 20, k, n)) for k in (20, 10, 5, 2, 1) for n in (4, 1)}
    proportions = [words[k, 4] / words[20, 4] for k in (20, 10, 5, 2, 1)]
    assert proportions == pytest.approx([1.0, 0.502, 0.254, 0.104, 0.054], abs=0.002)
    assert 1 - words[1, 1] / words[1, 4] == pytest.approx(0.262, abs=0.001)


def test_what_is_exported_ends_in_the_last_head() -> None:
    method = build(5, 2)
    assert method.network.layers[-1].outputs == (CLASSES, 1, 1)
    x, _ = batch()
    torch.testing.assert_close(method.scores(x), method.head_scores(x)[-1])


@pytest.mark.parametrize(
    ("k", "n", "options", "sentence"),
    [
        (3, 1, {}, r"k must divide the 10 time steps, and 3 does not; take one of 1, 2, 5, 10"),
        (5, 5, {}, r"n must be 1 to the network's 4 layers, not 5"),
        (5, 1, {"loss": "hinge"}, r"loss must be mse or cross-entropy, not 'hinge'"),
        (5, 1, {"order": "layer"}, r"order must be step or block, not 'layer'"),
    ],
)
def test_cuts_that_do_not_fit_are_refused(k: int, n: int, options: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        build(k, n, **options)


def test_events_are_learned_layer_by_layer() -> None:
    from spynq_train.data import load

    data = load("saccade-digits", train=600, test=300)
    run = prepare("tlbptt", data, "events", seed=0, k=2, n=1, epochs=3)
    fit(run.method, data, run.plan)
    assert evaluate(run.method, data, run.plan).accuracy > 60


@pytest.mark.full
def test_the_grid_of_the_specification(digits: DataSet) -> None:
    """8C3-AP2-16C3-32C3-AP2-64FC, three seeds: every cut learns, and truncation costs on still images."""
    found: dict[tuple[int, int], float] = {}
    for k, n in itertools.product((10, 2, 1), (4, 2, 1)):
        right = []
        for seed in range(3):
            run = prepare("tlbptt", digits, "digits", seed=seed, k=k, n=n)
            fit(run.method, digits, run.plan)
            right.append(evaluate(run.method, digits, run.plan).accuracy)
        found[k, n] = sum(right) / 3
    assert found[10, 4] >= 80, found
    assert min(found.values()) >= 30, found
    assert all(found[10, n] > found[1, n] for n in (4, 2, 1)), found
