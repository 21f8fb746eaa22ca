"""The class SGF: teaching, asking, keeping, merging, streaming, rejecting; and every refusal."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spynq import devices
from spynq.errors import FormatError, SpynqError
from spynq.events import EventWarning, Recording
from spynq.sgf import SGF, Setup

TinyTrial = Callable[[np.random.Generator, str], Recording]
EACH = 6


def _many(
    tiny_trial: TinyTrial, setup: Setup, seed: int, each: int = EACH
) -> tuple[list[Recording], list[str]]:
    rng = np.random.default_rng(seed)
    labels = [label for _ in range(each) for label in setup.classes]
    return [tiny_trial(rng, label) for label in labels], labels


@pytest.fixture(params=["tiny_flat", "tiny_gated", "tiny_group"])
def setup(request: pytest.FixtureRequest) -> Setup:
    found: Setup = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def kept(tiny_flat: Setup, tiny_trial: TinyTrial, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was taught six trials of each class."""
    path = tmp_path_factory.mktemp("sgf") / "kept.json"
    with SGF(tiny_flat, device="golden") as sgf:
        sgf.fit(*_many(tiny_trial, tiny_flat, 1)).save(path)
    return path


@pytest.fixture
def fitted(kept: Path) -> Iterator[SGF]:
    with SGF.load(kept, device="golden") as sgf:
        yield sgf


def test_what_was_taught_is_recognised_in_others(setup: Setup, tiny_trial: TinyTrial, seed: int) -> None:
    with SGF(setup, device="golden") as sgf:
        sgf.fit(*_many(tiny_trial, setup, seed))
        trials, labels = _many(tiny_trial, setup, seed + 1)
        right = [a == b for a, b in zip(sgf.predict(trials), labels, strict=True)]
    assert np.mean(right) > 0.7  # by lot: 0.25


def test_gates_open_one_path(tiny_group: Setup, tiny_trial: TinyTrial) -> None:
    with SGF(tiny_group, device="golden") as sgf:
        sgf.fit(*_many(tiny_trial, tiny_group, 3))
        rng = np.random.default_rng(4)
        alone, below = sgf.infer(tiny_trial(rng, "left")), sgf.infer(tiny_trial(rng, "clockwise"))
    assert (alone.winner, alone.gates) == ("left", ("A",))
    assert below.gates == ("A", "C")
    assert set(below.scores) == {"A", "C"} == set(below.vectors)
    assert set(below.scores["A"]) == {"left", "right", "clockwise | counter"}
    assert set(below.scores["C"]) == {"clockwise", "counter"}
    assert len(below.vectors["C"]) == len(sgf.bits["C"])


def test_a_result_says_what_the_kernel_counted(fitted: SGF, tiny_trial: TinyTrial) -> None:
    trial = tiny_trial(np.random.default_rng(5), "right")
    result = fitted.infer(trial)
    assert (result.device, result.events, result.frames, result.dropped) == ("golden", len(trial), 12, 0)
    assert result.cycles is None
    assert result.winner is not None
    # The score of the winner is that of its row, floored to 1/65536.
    assert 0 <= result.scores["A"][result.winner] - result.score < 1 / 65536
    assert set(result.as_json()) >= {
        "device", "winner", "scores", "gates", "flags", "events", "frames", "cycles", "dropped", "seconds",
    }  # fmt: skip


def test_naive_bayes_scores_are_log_likelihoods(tiny_flat: Setup, tiny_trial: TinyTrial) -> None:
    with SGF(replace(tiny_flat, scoring="naive Bayes"), device="golden") as sgf:
        sgf.fit(*_many(tiny_trial, tiny_flat, 6))
        result = sgf.infer(tiny_trial(np.random.default_rng(7), "left"))
        counters = sgf.counters()
    vector, row = result.vectors["A"], tiny_flat.classes.index("left")
    share = (counters.counts[row, : len(vector)] + 1) / (counters.trials[row] + 2)
    wanted = np.log2(np.where(vector, share, 1 - share)).sum()
    assert result.scores["A"]["left"] == pytest.approx(wanted, abs=len(vector) / 256)


def test_labels_are_names_or_numbers(fitted: SGF, tiny_trial: TinyTrial) -> None:
    trial = tiny_trial(np.random.default_rng(8), "right")
    before = fitted.counters()
    fitted.teach(trial, "right")
    fitted.unteach(trial, 1)
    assert fitted.counters() == before
    with pytest.raises(ValueError, match="no class is called 'up'; the classes are left, right"):
        fitted.teach(trial, "up")


def test_a_trial_never_taught_cannot_be_taken_back(tiny_flat: Setup, tiny_trial: TinyTrial) -> None:
    rng = np.random.default_rng(9)
    with SGF(tiny_flat, device="golden") as sgf:
        sgf.calibrate([tiny_trial(rng, label) for label in tiny_flat.classes])
        with pytest.raises(ValueError, match="was never taught to 'left', so it cannot be taken back"):
            sgf.unteach(tiny_trial(rng, "left"), "left")


def test_few_events_make_no_trial(fitted: SGF, tiny_trial: TinyTrial) -> None:
    few = tiny_trial(np.random.default_rng(10), "left").events[:20]
    result = fitted.infer(few)
    assert (result.winner, result.flags) == (None, ("PADDED", "EMPTY"))
    with pytest.raises(ValueError, match="20 events make no frame of 24, so nothing can be taught to 'left'"):
        fitted.teach(few, "left")


def test_thresholds_come_first_and_stay(tiny_flat: Setup, tiny_trial: TinyTrial, fitted: SGF) -> None:
    trial = tiny_trial(np.random.default_rng(11), "left")
    with SGF(tiny_flat, device="golden") as sgf:
        with pytest.raises(SpynqError, match="no thresholds yet; call calibrate or fit"):
            sgf.infer(trial)
        with pytest.raises(SpynqError, match="no thresholds yet"):
            sgf.teach(trial, "left")
    with pytest.raises(SpynqError, match="thresholds cannot change under what was taught; call clear first"):
        fitted.calibrate([trial])
    fitted.clear()
    assert fitted.infer(trial).winner is None
    fitted.calibrate([trial, tiny_trial(np.random.default_rng(12), "right")])


def test_trials_and_labels_must_match(tiny_flat: Setup, tiny_trial: TinyTrial) -> None:
    with (
        SGF(tiny_flat, device="golden") as sgf,
        pytest.raises(ValueError, match="1 trials came with 2 labels"),
    ):
        sgf.fit([tiny_trial(np.random.default_rng(13), "left")], ["left", "right"])


def test_a_model_survives_its_file(setup: Setup, tiny_trial: TinyTrial, tmp_path: Path, seed: int) -> None:
    path = tmp_path / "model.json"
    trials, labels = _many(tiny_trial, setup, seed)
    with SGF(setup, device="golden") as sgf:
        sgf.fit(trials, labels)
        sgf.set_limit(trials, labels)
        sgf.save(path)
        with SGF.load(path, device="golden", config=setup) as again:
            assert (again.config, again.bits, again.limit) == (sgf.config, sgf.bits, sgf.limit)
            assert again.counters() == sgf.counters()
            assert again.infer(trials[0]).scores == sgf.infer(trials[0]).scores


def test_merging_is_teaching_on_both(setup: Setup, tiny_trial: TinyTrial, tmp_path: Path, seed: int) -> None:
    trials, labels = _many(tiny_trial, setup, seed)
    with SGF(setup, device="golden") as whole:
        whole.fit(trials, labels)
        parts = [SGF(setup, whole.bits, device="golden") for _ in range(2)]
        for index, (trial, label) in enumerate(zip(trials, labels, strict=True)):
            parts[index % 2].teach(trial, label)
        parts[0].merge(parts[1])
        merged, taught = parts[0].counters(), whole.counters()
    assert (merged.counts == taught.counts).all()
    assert (merged.trials == taught.trials).all()


def test_other_models_are_not_merged(fitted: SGF, tiny_gated: Setup, tiny_flat: Setup) -> None:
    with (
        SGF(tiny_gated, device="golden") as other,
        pytest.raises(ValueError, match="the models differ in gates"),
    ):
        fitted.merge(other)
    with (
        SGF(tiny_flat, {"A": fitted.bits["A"][:3]}, device="golden") as other,
        pytest.raises(ValueError, match=f"differ in their bits \\({len(fitted.bits['A'])} and 3\\)"),
    ):
        fitted.merge(other)


def test_a_model_of_another_configuration_is_refused(fitted: SGF, tiny_gated: Setup, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    fitted.save(path)
    with pytest.raises(ValueError, match="is of another configuration: it differs in gates"):
        SGF.load(path, config=tiny_gated)
    with pytest.raises(ValueError, match="SGF takes a Setup, such as"):
        SGF("gestures")  # type: ignore[arg-type]
    driver = devices.open_kernel("sgf", "golden", config=replace(tiny_gated.build, bits=64))
    with driver, pytest.raises(SpynqError, match=r"built as SgfConfig.*bits=64.*needs SgfConfig.*bits=32"):
        SGF(tiny_gated, device=driver)


DAMAGES: list[tuple[Callable[[dict[str, object]], object], str]] = [
    (lambda m: m.pop("bits"), "no 'bits'; the file is damaged"),
    (lambda m: m["bits"]["A"].pop(), "has counts beyond its"),  # type: ignore[index]
    (lambda m: m["bits"]["A"].append(["speed", 1]), "no 'speed'"),  # type: ignore[index]
    (lambda m: m["bits"].update(Z=[]), "units are A, B, C, not A, Z"),  # type: ignore[attr-defined]
    (lambda m: m["rows"][0]["counts"].pop(), "row 0 has 31 counters and the build holds 32"),  # type: ignore[index]
    (lambda m: m["rows"][0].update(trials=1), "row 0 counts more than its 1 trials"),  # type: ignore[index]
    (lambda m: m.update(format="x"), "no model of sgf; one begins with the format"),
    (lambda m: m.update(limit=7), "the limit of agreement is a share, not 7"),
    (lambda m: m["setup"].update(events=0), "events must be 1 to 65535, not 0"),  # type: ignore[attr-defined]
    (lambda m: m["setup"].update(colour=1), "a setup has no 'colour'"),  # type: ignore[attr-defined]
]


@pytest.mark.parametrize(("damage", "sentence"), DAMAGES)
def test_a_damaged_model_is_told(
    fitted: SGF, tmp_path: Path, damage: Callable[[dict[str, object]], object], sentence: str
) -> None:
    path = tmp_path / "model.json"
    fitted.save(path)
    content = json.loads(path.read_text())
    damage(content)
    path.write_text(json.dumps(content))
    with pytest.raises(FormatError) as error:
        SGF.load(path)
    assert str(error.value).startswith(f"{path}: ")
    assert sentence in str(error.value)


def test_what_is_no_json_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(b"\xff\x00")
    with pytest.raises(FormatError, match="no model of sgf, as it is not JSON"):
        SGF.load(path)


def test_recordings_of_another_sensor_are_refused(fitted: SGF, tiny_trial: TinyTrial) -> None:
    trial = replace(tiny_trial(np.random.default_rng(14), "left"), width=34, height=34)
    with pytest.raises(ValueError) as error:
        fitted.infer(trial)
    assert str(error.value) == (
        "the recording is of a sensor of 34 x 34 pixels (N-MNIST) and the model of one of 16 x 16 pixels; "
        "make a model with sensor=(34, 34), or take another recording"
    )


def test_drops_over_one_in_a_hundred_name_the_likely_sensor(fitted: SGF, tiny_trial: TinyTrial) -> None:
    events = tiny_trial(np.random.default_rng(15), "left").events
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        events["x"][5:7] = 200
        assert fitted.infer(events).dropped == 2
    events["x"][:20] = 200
    with pytest.warns(EventWarning, match=r"20 of \d+ events lie outside 16 x 16 pixels .*DAVIS240"):
        assert fitted.infer(events).dropped == 20


def test_coordinates_that_no_word_holds_are_refused(fitted: SGF, tiny_trial: TinyTrial) -> None:
    events = tiny_trial(np.random.default_rng(16), "left").events
    events["y"][3] = -1
    with pytest.raises(ValueError, match="and an event word holds 0 to 16383; take these events out first"):
        fitted.infer(events)


def test_y_up_recordings_are_turned(fitted: SGF, tiny_trial: TinyTrial) -> None:
    trial = tiny_trial(np.random.default_rng(17), "clockwise")
    flipped = trial.events.copy()
    flipped["y"] = 15 - flipped["y"]
    turned = replace(trial, events=flipped, y_up=True)
    assert fitted.infer(turned).scores == fitted.infer(trial).scores


def test_a_stream_gives_the_answers_of_its_trials(fitted: SGF, tiny_trial: TinyTrial, seed: int) -> None:
    rng = np.random.default_rng(seed)
    trials = [tiny_trial(rng, label).events[: 12 * 24] for label in fitted.config.classes]
    wanted = [fitted.infer(trial) for trial in trials]
    joined = np.concatenate([*trials, trials[0][:50]])
    cuts = np.sort(rng.choice(len(joined), 7, replace=False))
    found = list(fitted.stream(np.split(joined, cuts)))
    assert [r.winner for r in found] == [r.winner for r in wanted]
    assert [r.scores for r in found] == [r.scores for r in wanted]
    # What had begun is gone: the next trial is its own.
    assert fitted.infer(trials[1]).scores == wanted[1].scores


def test_unknown_gestures_have_no_winner(tiny_flat: Setup, tiny_trial: TinyTrial, seed: int) -> None:
    known = replace(tiny_flat, classes=("left", "right", "clockwise"), gates=("left", "right", "clockwise"))
    trials, labels = _many(tiny_trial, known, seed, each=12)
    with SGF(known, device="golden") as sgf:
        sgf.fit(trials, labels)
        limit = sgf.set_limit(trials, labels, rejected=0.1)
        rng = np.random.default_rng(seed + 1)
        turned_away = [sgf.infer(tiny_trial(rng, "counter")) for _ in range(20)]
        kept = [sgf.infer(tiny_trial(rng, label)) for label in known.classes * 10]
        sgf.limit = None
        assert sgf.infer(trials[0]).winner is not None
    assert 0 < limit <= 1
    for result in turned_away + kept:
        assert result.agreement is not None
        below = result.agreement < limit
        assert (("UNKNOWN" in result.flags), (result.winner is None)) == (below, below)
    shares = [np.mean([r.winner is None for r in part]) for part in (turned_away, kept)]
    assert shares[0] > shares[1] + 0.1


def test_a_limit_needs_right_answers(fitted: SGF, tiny_trial: TinyTrial) -> None:
    trial = tiny_trial(np.random.default_rng(18), "left")
    wrong = next(name for name in fitted.config.classes if name != fitted.infer(trial).winner)
    with pytest.raises(ValueError, match="no trial is answered rightly, so there is no agreement"):
        fitted.set_limit([trial], [wrong])
    with pytest.raises(ValueError, match="the share of known gestures to reject is 0 to below 1"):
        fitted.set_limit([trial], [fitted.infer(trial).winner or ""], rejected=1.5)


def test_forgetting_leaves_the_others(fitted: SGF, tiny_group: Setup) -> None:
    before = fitted.counters()
    fitted.forget("right")
    after = fitted.counters()
    assert after.trials.tolist() == [6, 0, 6, 6, 0, 0, 0, 0]
    assert (after.counts[[0, 2, 3]] == before.counts[[0, 2, 3]]).all()
    with SGF(tiny_group, device="golden") as sgf, pytest.raises(ValueError, match="shares a row of unit A"):
        sgf.forget("counter")
