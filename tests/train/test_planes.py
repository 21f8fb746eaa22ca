"""Bit planes by least squares, and the estimate of what each layer loses: exact, and before any training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spynq_train.ale import CRITERIA, choose, estimates, initial_weights, paper_choices
from spynq_train.planes import bit_planes, straight_through, three_planes
from spynq_train.topology import parse


def _weights(seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(0.1, 0.3, (12, 5, 3, 3)))


def test_planes_are_signs_at_three_ordered_levels(seed: int) -> None:
    w = _weights(seed)
    planes = bit_planes(w)
    for plane, shift in zip(planes, (-1, 0, 1), strict=True):
        expected = np.where(w.numpy() - w.numpy().mean() + shift * w.numpy().std(ddof=1) >= 0, 1, -1)
        np.testing.assert_array_equal(plane.numpy(), expected)
    patterns = {tuple(p) for p in planes.flatten(1).T.tolist()}
    assert patterns == {(-1, -1, -1), (-1, -1, 1), (-1, 1, 1), (1, 1, 1)}


def test_factors_are_least_squares_and_weights_take_four_values(seed: int) -> None:
    w = _weights(seed)
    planes, alpha, total = three_planes(w)
    basis = planes.flatten(1).T.numpy()
    expected, *_ = np.linalg.lstsq(basis, w.flatten().numpy(), rcond=None)
    np.testing.assert_allclose(alpha.numpy(), expected, atol=1e-12)
    np.testing.assert_allclose(total.flatten().numpy(), basis @ expected, atol=1e-12)
    assert len(np.unique(total.numpy().round(12))) == 4


def test_equal_weights_are_kept_though_their_planes_agree() -> None:
    w = torch.full((3, 4), 0.25)
    torch.testing.assert_close(three_planes(w)[2], w)


def test_gradient_goes_straight_through(seed: int) -> None:
    w = _weights(seed).requires_grad_()
    total = three_planes(w)[2]
    used = straight_through(w, total)
    torch.testing.assert_close(used.detach(), total)
    (used**2).sum().backward()
    assert w.grad is not None
    torch.testing.assert_close(w.grad, 2 * total)


def test_the_papers_choice_on_all_five_networks() -> None:
    found = {name: (ours, printed) for name, (_, ours, printed) in paper_choices(seed=0).items()}
    assert len(found) == 5
    assert all(ours == printed for ours, printed in found.values()), found


@pytest.fixture(scope="module")
def fashion() -> list[float]:
    """R of the Fashion-MNIST network, untrained."""
    layers = parse("16C3-16C3-AP2-64C3-64C3-AP2-256C3-1024C3-GAP", (1, 28, 28), 10)
    return estimates(initial_weights(layers, 0), 10)


def test_estimates_are_those_of_the_table(fashion: list[float]) -> None:
    # Measured before, with another draw; the first layer has 144 weights and varies most.
    table = [1.115, 0.103, 0.015, 0, 0.004, 0.004, 0.032]
    assert fashion[0] == pytest.approx(table[0], rel=0.2)
    assert fashion[1:] == pytest.approx(table[1:], rel=0.1, abs=6e-4)


def test_criteria_choose_as_printed(fashion: list[float]) -> None:
    """Table 8, Fashion-MNIST; its SC2 prints 1,6 and has the accuracy of {1, 2}."""
    chosen = {criterion: choose(fashion, criterion) for criterion in CRITERIA}
    assert chosen == {"top-2": [1, 2], "SC1": [1], "SC2": [1, 2], "SC3": [1, 2, 7], "SC4": [1, 3, 7]}


def test_criteria_of_cifar_10() -> None:
    values = [0.236, 0.009, 0.0005, 0.0003, 0.002, 0.045]  # the table of the specification
    assert choose(values, "SC1") == [1]
    assert choose(values, "SC3") == [1, 2, 6]
    assert choose(values, "SC4") == [1, 5, 6]


def test_the_position_term_is_zero_in_the_middle_and_later_layers_count_log_k() -> None:
    w = initial_weights(parse("8C3-8C3-8C3-8C3-8C3", (8, 8, 8)), 1)
    same = [w[0]] * 5
    few, many = estimates(same, 10), estimates(same, 100)
    assert few[2] == 0
    assert few[3] == pytest.approx(few[1])
    assert many[:3] == few[:3]
    assert many[4] == pytest.approx(2 * few[4])


def test_unknown_criteria_and_single_layers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown criterion 'SC5'; known criteria are top-2, SC1"):
        choose([1.0, 2.0], "SC5")
    with pytest.raises(ValueError, match=r"compares at least 2 layers, not 1"):
        estimates([torch.ones(2, 2)], 10)
