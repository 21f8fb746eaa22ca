"""Reward propagation: the linear local loss is the published rule, and it beats frozen layers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from spynq_train.brp import BRP, RULES
from spynq_train.data import DataSet
from spynq_train.fit import Evaluation, evaluate, fit
from spynq_train.network import SpikingNetwork
from spynq_train.neuron import Neuron
from spynq_train.recipes import prepare
from spynq_train.topology import parse

NEURON = Neuron(0.2, 0.5)


def _method(network: str, rule: str, seed: int = 3) -> BRP:
    torch.manual_seed(seed)
    return BRP(SpikingNetwork(parse(network, (1, 6, 6), 4), NEURON), 4, rule)


def _batch() -> tuple[Tensor, Tensor]:
    torch.manual_seed(11)
    return (torch.rand(7, 5, 1, 6, 6) > 0.5).float(), torch.tensor([0, 1, 2, 3, 1])


def _gradients(method: BRP) -> dict[str, Tensor]:
    x, y = _batch()
    method.learn(x, y, torch.optim.SGD(method.trained(), lr=0.0))
    return {name: p.grad.clone() for name, p in method.network.named_parameters() if p.grad is not None}


def _rule_by_hand(method: BRP, x: Tensor, taught: Tensor) -> Tensor:
    """dW of the first full layer by eqs. 1.1 to 1.3, step by step backwards, without autograd."""
    block = method.network.chain[0]
    with torch.no_grad():
        current = block.current(x)
        a, th = NEURON.decay, NEURON.threshold
        u, s, v = [], [], torch.zeros_like(current[0])
        for drive in current:
            u.append(a * v + drive)
            s.append((u[-1] >= th).float())
            v = u[-1] * (1 - s[-1])
        window = [((one - th).abs() < 0.5).float() for one in u]
        projection = method.get_buffer("projection_0").flatten(1)
        modulation = taught @ projection / len(taught)
        gamma, change = torch.zeros_like(u[0]), torch.zeros_like(block.weights.weight)
        for t in reversed(range(len(u))):
            through = a * (1 - s[t]) - a * u[t] * window[t]
            gamma = modulation * window[t] + gamma * through
            change += gamma.T @ x[t].flatten(1)
    return change


@pytest.mark.parametrize("network", ["9FC-4FC", "9FC-8FC-4FC"])
def test_the_local_loss_is_the_published_rule(network: str) -> None:
    method = _method(network, "brp")
    x, y = _batch()
    expected = _rule_by_hand(method, x, nn.functional.one_hot(y, 4).float())
    found = _gradients(method)["blocks.0.weights.weight"]
    assert expected.abs().max() > 0.01
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_the_output_layer_learns_as_with_bp() -> None:
    found = [_gradients(_method("9FC-4FC", rule))["blocks.1.weights.weight"] for rule in ("brp", "bp")]
    torch.testing.assert_close(*found)


def test_variants_project_what_they_are_named_for() -> None:
    x, y = _batch()
    taught = nn.functional.one_hot(y, 4).float()
    for rule in ("err", "sign"):
        method = _method("9FC-4FC", rule)
        rates = method.scores(x)
        signal = rates - taught if rule == "err" else torch.sign(rates - taught)
        expected = _rule_by_hand(method, x, signal)
        found = _gradients(method)["blocks.0.weights.weight"]
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_frozen_layers_are_frozen_and_the_last_one_is_not() -> None:
    assert set(_gradients(_method("9FC-8FC-4FC", "frozen"))) == {
        "blocks.2.weights.weight",
        "blocks.2.weights.bias",
    }


def test_the_projection_acts_on_spikes_before_the_pool() -> None:
    method = _method("3C3-AP2-4FC", "brp")
    assert method.get_buffer("projection_0").shape == (4, 3, 6, 6)
    assert _gradients(method)["blocks.0.weights.weight"].abs().max() > 0


def test_projections_are_part_of_the_state_and_are_not_trained() -> None:
    method = _method("9FC-4FC", "brp")
    assert "projection_0" in method.state_dict()
    assert all("projection" not in name for name, _ in method.named_parameters())


def test_unknown_rules_list_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown rule 'stdp'; known rules are brp, err, sign, bp, frozen"):
        _method("9FC-4FC", "stdp")


@pytest.fixture(scope="module")
def outcomes(digits: DataSet) -> dict[str, Evaluation]:
    """The rule and both baselines on the digits, one seed; a fifth of the preset's work."""
    found = {}
    for rule in ("bp", "brp", "frozen"):
        run = prepare("brp", digits, "digits", seed=0, rule=rule, steps=10, epochs=8)
        fit(run.method, digits, run.plan)
        found[rule] = evaluate(run.method, digits, run.plan)
    return found


def test_it_learns_more_than_its_output_layer(outcomes: dict[str, Evaluation]) -> None:
    right = {rule: found.accuracy for rule, found in outcomes.items()}
    assert right["bp"] > 95, right
    assert right["brp"] > 91, right
    assert right["brp"] - right["frozen"] > 5, right


def test_reports_have_rates_and_silent_neurons(outcomes: dict[str, Evaluation]) -> None:
    hidden = {rule: found.layers[0] for rule, found in outcomes.items()}
    # Nothing but the window of the derivative stops the rate: it rises far above that of BP.
    assert hidden["brp"].rate > 0.3 > hidden["bp"].rate
    for one in hidden.values():
        assert 0 < one.silent < 1
        assert 0 <= one.dead <= one.silent


@pytest.mark.full
def test_mnist_as_the_specification_has_it(shared_data: object) -> None:
    """784-200-10 on 6,000 and 2,000 images: bp >= 92, brp >= 86, and 15 points above frozen layers."""
    from spynq_train.data import load

    data = load("mnist", str(shared_data), train=6000, test=2000)
    right = {}
    for rule in RULES[:1] + RULES[3:5]:
        run = prepare("brp", data, "mnist-small", seed=0, rule=rule)
        fit(run.method, data, run.plan)
        right[rule] = evaluate(run.method, data, run.plan).accuracy
    assert right["bp"] >= 92, right
    assert right["brp"] >= 86, right
    assert right["brp"] - right["frozen"] >= 15, right
