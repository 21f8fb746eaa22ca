"""Training samples that move: the same pixels elsewhere, never those that are judged."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from spynq_train.augment import AUGMENTS, augmented
from spynq_train.data import DataSet
from spynq_train.fit import Plan, inputs_of

PLACE = torch.device("cpu")


def _points(*shape: int) -> torch.Tensor:
    """One bright pixel in the middle of every sample."""
    samples = torch.zeros(200, *shape)
    samples[..., shape[-2] // 2, shape[-1] // 2] = 1
    return samples


@pytest.mark.parametrize("shape", [(1, 13, 13), (3, 13, 15), (4, 2, 13, 13)])
@pytest.mark.parametrize(("how", "most"), [("shift", 2), ("crop-flip", 4)])
def test_samples_move_as_far_as_said(shape: tuple[int, ...], how: str, most: int) -> None:
    torch.manual_seed(5)
    samples = _points(*shape)
    moved = augmented(samples, how)
    assert moved.shape == samples.shape
    # The pixel is still there, in all channels and steps at the same place.
    assert torch.equal(moved.flatten(1).sum(1), samples.flatten(1).sum(1))
    planes = moved.flatten(1, -3)
    assert torch.equal(planes, planes[:, :1].expand_as(planes))
    rows, columns = (planes[:, 0].amax(axis).argmax(1) for axis in (2, 1))
    assert set((rows - shape[-2] // 2).tolist()) == set(range(-most, most + 1))
    assert set((columns - shape[-1] // 2).tolist()) == set(range(-most, most + 1))


def test_half_of_the_crops_are_mirrored() -> None:
    torch.manual_seed(6)
    samples = torch.zeros(400, 1, 20, 20)
    samples[..., 10, 9:11] = torch.tensor([1.0, 2.0])
    moved = augmented(samples, "crop-flip").flatten(2).flatten(1)
    mirrored = moved.argmax(1) < (moved == 1).float().argmax(1)
    assert 160 < int(mirrored.sum()) < 240
    still = augmented(samples, "shift").flatten(1)
    assert bool((still.argmax(1) > (still == 1).float().argmax(1)).all())


def test_what_is_judged_stays_as_it_is(digits: DataSet) -> None:
    plan = Plan(1, "direct", 1, 10, 1e-3, augment="shift")
    plain = replace(plan, augment="none")
    samples = digits.train[:10]
    assert not torch.equal(*(inputs_of(digits, samples, p, PLACE, 0) for p in (plan, plain)))
    assert torch.equal(*(inputs_of(digits, samples, p, PLACE, -1) for p in (plan, plain)))
    assert torch.equal(*(inputs_of(digits, samples, plan, PLACE, 7) for _ in range(2)))


def test_unknown_ones_list_the_known() -> None:
    known = ", ".join(AUGMENTS)
    with pytest.raises(ValueError, match=rf"unknown augmentation 'turn'; known ones are {known}"):
        augmented(torch.zeros(1, 1, 2, 2), "turn")
    with pytest.raises(ValueError, match=rf"unknown augment 'turn'; known are {known}"):
        Plan(1, "direct", 1, 10, 1e-3, augment="turn")
