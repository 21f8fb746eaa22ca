"""Training can be repeated, interrupted and resumed to the same weights, and stops where it diverges."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from spynq.errors import FormatError, SpynqError
from spynq_train import checkpoint
from spynq_train.data import DataSet
from spynq_train.fit import Diverged, Plan, device_named, evaluate, fit, inputs_of
from spynq_train.recipes import Run, prepare

METHODS = {
    "brp": {"steps": 5, "epochs": 2},
    "tlbptt": {"steps": 4, "k": 2, "epochs": 2, "rate": 0.05},
    "albsnn": {"epochs": 2},
    "snnwm": {"epochs": 2, "memory": 3},
}


@pytest.fixture(scope="module")
def small(digits: DataSet) -> DataSet:
    return digits.limited(160, 60)


def _run(method: str, data: DataSet, **given: Any) -> Run:
    return prepare(method, data, "digits", seed=4, **{**METHODS[method], **given})


def _weights(run: Run) -> dict[str, Tensor]:
    return run.method.state_dict()


def _interrupt_after(run: Run, batches: int) -> None:
    """Send this process Ctrl-C while a batch is being learned."""
    learn, seen = run.method.learn, []

    def counted(*given: Any) -> float:
        seen.append(1)
        if len(seen) == batches:
            os.kill(os.getpid(), signal.SIGINT)
        return learn(*given)

    run.method.learn = counted  # type: ignore[method-assign]


@pytest.mark.parametrize("method", METHODS)
def test_interrupted_and_resumed_equals_uninterrupted(method: str, small: DataSet, tmp_path: Path) -> None:
    whole = _run(method, small)
    history = fit(whole.method, small, whole.plan)
    file = tmp_path / "state"
    first = _run(method, small)
    _interrupt_after(first, 3)
    with pytest.raises(KeyboardInterrupt):
        fit(first.method, small, first.plan, checkpoint=file, identity=first.identity)
    second = _run(method, small)
    resumed = fit(second.method, small, second.plan, checkpoint=file, identity=second.identity)
    assert resumed.losses == history.losses
    for (name, ours), theirs in zip(_weights(second).items(), _weights(whole).values(), strict=True):
        assert torch.equal(ours, theirs), name


def test_two_runs_of_a_seed_are_equal_and_of_another_are_not(small: DataSet) -> None:
    losses = []
    for seed in (1, 1, 2):
        run = prepare("brp", small, "digits", seed=seed, steps=5, epochs=1)
        losses.append(fit(run.method, small, run.plan).losses)
    assert losses[0] == losses[1] != losses[2]


def test_a_finished_run_is_not_trained_again(small: DataSet, tmp_path: Path) -> None:
    run = _run("albsnn", small)
    fit(run.method, small, run.plan, checkpoint=tmp_path / "state", identity=run.identity)
    again = _run("albsnn", small)
    _interrupt_after(again, 1)  # would be noticed
    fit(again.method, small, again.plan, checkpoint=tmp_path / "state", identity=again.identity)
    assert torch.equal(*(one.method.network.chain[0].weights.weight for one in (run, again)))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"rule": "bp"}, r"checkpoint with rule 'brp', and this run has 'bp'; name another checkpoint"),
        ({"rate": 0.5}, r"checkpoint with rate 0.002, and this run has 0.5"),
        ({"steps": 6}, r"checkpoint with steps 5, and this run has 6"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(
    change: dict[str, Any], sentence: str, small: DataSet, tmp_path: Path
) -> None:
    run = _run("brp", small, epochs=1)
    fit(run.method, small, run.plan, checkpoint=tmp_path / "state", identity=run.identity)
    other = _run("brp", small, **{"epochs": 1, **change})
    with pytest.raises(SpynqError, match=sentence):
        fit(other.method, small, other.plan, checkpoint=tmp_path / "state", identity=other.identity)


def test_a_checkpoint_of_another_network_is_refused(small: DataSet, tmp_path: Path) -> None:
    run = prepare("brp", small, "digits", epochs=1, steps=5)
    fit(run.method, small, run.plan, checkpoint=tmp_path / "state", identity=run.identity)
    other = prepare("brp", small, "mnist-small", epochs=1, steps=5, batch=50, rate=2e-3)
    with pytest.raises(
        SpynqError, match=r"checkpoint with network '100FC-10FC', and this run has '200FC-10FC'"
    ):
        fit(other.method, small, other.plan, checkpoint=tmp_path / "state", identity=other.identity)


def test_what_is_no_checkpoint_is_refused(small: DataSet, tmp_path: Path) -> None:
    run = _run("brp", small)
    file = tmp_path / "state"
    file.write_bytes(b"not a checkpoint")
    with pytest.raises(
        FormatError, match=r"state is no checkpoint that can be read; remove it to begin anew"
    ):
        fit(run.method, small, run.plan, checkpoint=file, identity=run.identity)
    torch.save({"weights": 1}, file)
    with pytest.raises(FormatError, match=r"is not a checkpoint of spynq train; remove it or name another"):
        fit(run.method, small, run.plan, checkpoint=file, identity=run.identity)


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, ("touch evil",))


def test_a_checkpoint_runs_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"format": "spynq_train checkpoint 1", "identity": {}, "state": _Evil()}, tmp_path / "state")
    with pytest.raises(FormatError, match="no checkpoint that can be read"):
        checkpoint.read(tmp_path / "state", {})
    assert not (tmp_path / "evil").exists()


def test_an_interruption_while_writing_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "state"
    checkpoint.write(file, {"a": 1}, {"epoch": 3})

    def torn(value: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", torn)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.write(file, {"a": 1}, {"epoch": 4})
    assert checkpoint.read(file, {"a": 1}) == {"epoch": 3}


def test_divergence_names_the_step(small: DataSet) -> None:
    run = prepare("snnwm", small, "digits", rate=1e37, epochs=2, steps=6)
    with pytest.raises(
        Diverged,
        match=r"diverged at step \d \(epoch 1, batch \d\): (weights of .* are no numbers|the loss is .*); "
        r"take a learning rate below 1e\+37",
    ):
        fit(run.method, small, run.plan)


def test_a_loss_that_is_no_number_stops_in_its_step(small: DataSet) -> None:
    run = _run("brp", small)
    losses = iter([0.1, 0.1, float("nan")])
    run.method.learn = lambda *given: next(losses)  # type: ignore[method-assign]
    with pytest.raises(Diverged, match=r"diverged at step 3 \(epoch 1, batch 3\): the loss is nan"):
        fit(run.method, small, run.plan)


def test_learning_rates_over_epochs() -> None:
    cosine = Plan(1, "direct", 4, 8, 1.0, schedule="cosine")
    assert [cosine.rate_at(epoch) for epoch in range(4)] == pytest.approx(
        [1, 0.85355, 0.5, 0.14645], abs=1e-4
    )
    halving = Plan(1, "direct", 60, 8, 1.0, schedule="halving")
    assert [halving.rate_at(epoch) for epoch in (0, 19, 20, 40)] == [1, 1, 0.5, 0.25]


def test_every_sample_is_seen_once_per_epoch(small: DataSet) -> None:
    run = _run("albsnn", small, epochs=2)
    seen: list[list[int]] = []
    run.method.learn = lambda x, y, optimiser: seen.append(y.tolist()) or 0.0  # type: ignore
    fit(run.method, small, run.plan)
    per_epoch = len(seen) // 2
    for part in (seen[:per_epoch], seen[per_epoch:]):
        assert sorted(label for batch in part for label in batch) == sorted(small.train_labels.tolist())
    assert seen[:per_epoch] != seen[per_epoch:]


def test_held_out_samples_are_judged_and_not_trained_on(small: DataSet, tmp_path: Path) -> None:
    kept, held = small.held_out(40)
    assert (len(kept.train), len(held.test)) == (120, 40)
    np.testing.assert_array_equal(np.concatenate([kept.train, held.test]), small.train)
    np.testing.assert_array_equal(np.concatenate([kept.train_labels, held.test_labels]), small.train_labels)
    file = tmp_path / "state"
    whole, first, second = (_run("brp", kept) for _ in range(3))
    history = fit(whole.method, kept, whole.plan, held_out=held)
    assert len(history.held_out) == len(history.losses) == 2
    assert history.held_out[-1] == evaluate(whole.method, held, whole.plan).accuracy
    # An interruption loses none of it, and looking does not change what is learned.
    _interrupt_after(first, 5)
    with pytest.raises(KeyboardInterrupt):
        fit(first.method, kept, first.plan, checkpoint=file, held_out=held)
    assert fit(second.method, kept, second.plan, checkpoint=file, held_out=held).held_out == history.held_out
    blind = _run("brp", kept)
    assert fit(blind.method, kept, blind.plan).losses == history.losses


def test_what_is_judged_may_have_more_steps(small: DataSet) -> None:
    run = _run("brp", small, judge_steps=12)
    place = torch.device("cpu")
    assert len(inputs_of(small, small.train[:3], run.plan, place, 0)) == 5
    assert len(inputs_of(small, small.test[:3], run.plan, place, -1)) == 12
    assert evaluate(run.method, small, run.plan).samples == 60


def test_evaluation_is_repeatable_and_takes_the_test_part(small: DataSet) -> None:
    run = _run("brp", small)
    one, other = (evaluate(run.method, small, run.plan) for _ in range(2))
    assert one == other
    assert one.samples == 60
    flipped = 9 - np.asarray(small.test_labels)
    from dataclasses import replace

    assert evaluate(run.method, replace(small, test_labels=flipped), run.plan).accuracy != one.accuracy or (
        one.accuracy == 0
    )


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"epochs": 0}, r"epochs must be at least 1, not 0"),
        ({"batch": -1}, r"batch must be at least 1, not -1"),
        ({"steps": 0}, r"steps must be at least 1, not 0"),
        ({"rate": 0.0}, r"the learning rate must be above 0, not 0"),
        ({"rate": float("nan")}, r"the learning rate must be above 0, not nan"),
    ],
)
def test_impossible_plans_are_refused(given: dict[str, Any], sentence: str, small: DataSet) -> None:
    with pytest.raises(ValueError, match=sentence):
        _run("brp", small, **given)


def test_options_of_another_method_are_refused(small: DataSet) -> None:
    with pytest.raises(ValueError, match=r"brp has no option k; its options are rule"):
        prepare("brp", small, "digits", k=2)


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_named("auto") == device_named("cpu") == torch.device("cpu")
    with pytest.raises(ValueError, match=r"device must be auto, cpu or cuda, not 'tpu'"):
        device_named("tpu")
    with pytest.raises(SpynqError, match=r"PyTorch finds no CUDA device here; take --device cpu or auto"):
        device_named("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device_named("auto") == torch.device("cuda")
