"""Trees on the golden device: equal to float64 within the format, honest about error and failure."""

from __future__ import annotations

import json
import math
import re
import warnings
from typing import Any

import numpy as np
import pytest

from spynq import devices
from spynq.errors import ImpossibleEvidence, SpynqError
from spynq.stm import Tree
from spynq.stm.params import IMPOSSIBLE, StmConfig
from spynq.stm.reference import total_variation
from spynq.stm.tree.compiler import to_codes
from spynq.stm.tree.experiments import causal, causal_gaussian, multilayer, multisensory

SEEN = {"I1": 1.0, "I2": 2.5, "I3": 0.3, "I4": 1.7}
CUES = {"haptic": 3.0, "visual": -1.0, "auditory": 2.0}


def mixed() -> tuple[Tree, dict[str, Any]]:
    tree = Tree("mixed").discrete("D", [0.2, 0.5, 0.3])
    tree.gaussian("X", parent="D", mean=[-2, 0, 3], sd=[1, 0.5, 2])
    tree.gaussian("Y", parent="X", slope=2, mean=1, sd=0.7).gaussian("Z", parent="X", sd=0.5)
    tree.gaussian("O", parent="Y", sd=0.4)
    return tree, {"O": 3.0, "Z": (1.2, 0.3)}


def both(tree: Tree, evidence: dict[str, Any], **options: Any) -> tuple[Any, Any]:
    return tuple(tree.infer(evidence, device=d, **options) for d in ("golden", "reference"))  # type: ignore[return-value]


@pytest.mark.parametrize("rule", ["lambda", "published"])
@pytest.mark.parametrize("rao_blackwell", [False, True])
def test_discrete_trees_equal_float64_within_the_format(seed: int, rule: str, rao_blackwell: bool) -> None:
    distances = []
    for t in range(8):
        for make in (causal, multilayer):
            tree, evidence = make(t, 1.0 + t % 4)
            options = {"neurons": 1000, "seed": seed + t, "rule": rule, "rao_blackwell": rao_blackwell}
            kernel, reference = both(tree, evidence, **options)
            distances.append(total_variation(kernel.shares, reference.shares))
            assert kernel.ess == pytest.approx(reference.ess, rel=1e-2)
    assert 0 < max(distances) <= 5e-4


def test_gaussian_trees_equal_float64_within_the_format(seed: int) -> None:
    for tree, evidence in ((causal_gaussian(), SEEN), (multisensory(), CUES)):
        kernel, reference = both(tree, evidence, neurons=1000, seed=seed)
        assert total_variation(kernel.weights, reference.weights) <= 5e-4
        assert abs(kernel.mean - reference.mean) <= 1e-3 * reference.standard_deviation
        assert np.array_equal(kernel.standard_error, reference.standard_error)


def test_mixed_tree_equals_float64_and_the_exact_answer(seed: int) -> None:
    tree, evidence = mixed()
    with warnings.catch_warnings():
        # Whether some row is lost depends on the fresh seed.
        warnings.simplefilter("ignore", UserWarning)
        kernel, reference = both(tree, evidence, neurons=2000, seed=seed)
    assert total_variation(kernel.shares, reference.shares) <= 5e-4
    truth = np.array(list((tree.exact(evidence).probabilities or {}).values()))
    assert np.all(np.abs(kernel.shares - truth) <= 6 * kernel.standard_error + 5e-3)


def test_lane_count_changes_nothing() -> None:
    tree, evidence = causal_gaussian(), SEEN
    answers = [
        tree.infer(
            evidence,
            neurons=300,
            device="golden",
            config=StmConfig(lanes=4, terms=0, states=0, edge=edge, population=1024, columns=8),
        )
        for edge in (4, 16, 64)
    ]
    assert all(np.array_equal(a.weights, answers[0].weights) for a in answers)


def test_soft_evidence_is_a_stimulus_with_the_same_likelihood() -> None:
    tree, evidence = causal(3)
    table = np.asarray(tree["I1"].table)  # type: ignore[union-attr]
    soft = {**evidence, "B1": table[:, evidence["I1"]]}
    del soft["I1"]
    hard, given = tree.infer(evidence, device="golden"), tree.infer(soft, device="golden")
    assert np.array_equal(hard.shares, given.shares)
    names = dict(zip(tree["B1"].states, table[:, evidence["I1"]].tolist(), strict=True))  # type: ignore[union-attr]
    assert np.array_equal(tree.infer({**soft, "B1": names}, device="golden").shares, hard.shares)


def test_evidence_that_says_nothing_returns_the_prior() -> None:
    tree, _ = causal(1)
    prior = np.asarray(tree["A"].table)  # type: ignore[union-attr]
    for evidence in ({}, {"A": [1, 1, 1, 1]}, None):
        assert tree.infer(evidence, device="golden").shares == pytest.approx(prior, abs=1e-4)


def test_exact_populations_give_the_exact_answer() -> None:
    tree, evidence = multilayer(2, 3.0)
    truth = list((tree.exact(evidence).probabilities or {}).values())
    found = tree.infer(evidence, populations="exact", device="golden")
    assert found.shares == pytest.approx(truth, abs=1e-3) and not found.standard_error.any()


def test_stratified_populations_err_less() -> None:
    truth = multisensory().exact(CUES).mean

    def rms(kind: str) -> float:
        means = [
            multisensory().infer(CUES, neurons=1000, populations=kind, seed=s, device="golden").mean
            for s in range(20)
        ]
        return float(np.sqrt(np.mean(np.square(np.array(means) - truth))))

    assert rms("stratified") < rms("random") / 20


def test_known_prior_of_the_root_halves_the_variance() -> None:
    away: dict[bool, list[float]] = {True: [], False: []}
    for t in range(60):
        tree, evidence = causal(t)
        truth = list((tree.exact(evidence).probabilities or {}).values())
        for known, errors in away.items():
            found = tree.infer(evidence, rao_blackwell=known, seed=t, device="reference", neurons=500)
            errors.append(total_variation(found.shares, truth))
    assert 0.55 < np.mean(away[True]) / np.mean(away[False]) < 0.85


def test_a_batch_is_its_evidences_one_by_one() -> None:
    tree = causal_gaussian()
    batch = {"I1": [1.0, -1.0, np.nan], "I2": [0.5, 2.0, 1.0], "B3": [[0.0, 1.0], [1.0, 0.5], [2.0, 2.0]]}
    found = tree.infer_batch(batch, neurons=400, device="golden")
    assert len(found) == 3 and found.mean.shape == (3,) and found.standard_error.shape == (3, 1)
    for index in range(3):
        one = {"I2": batch["I2"][index], "B3": tuple(batch["B3"][index]), "I1": batch["I1"][index]}  # type: ignore[arg-type]
        alone = tree.infer(one, neurons=400, device="golden")
        # Grids cover the whole batch, hence differ from one evidence's by rounding.
        assert found[index].mean == pytest.approx(alone.mean, abs=2e-3 * alone.standard_deviation)
    assert found.ess[2] > found.ess[0] and [p.evidence for p in found][2].count("I1") == 0


def test_discrete_batch_has_probabilities_as_an_array() -> None:
    tree, _ = causal(4)
    states = np.array([[0, 1, 2, 3], [3, 2, 1, 0]])
    found = tree.infer_batch({f"I{m + 1}": states[:, m] for m in range(4)}, neurons=500, device="golden")
    assert found.shares.shape == (2, 4) and found.shares.sum(axis=1) == pytest.approx([1, 1])
    alone = tree.infer({f"I{m + 1}": int(states[1, m]) for m in range(4)}, neurons=500, device="golden")
    assert np.array_equal(found.shares[1], alone.shares)


def test_an_open_driver_is_used_and_stays_open() -> None:
    config = StmConfig(lanes=4, terms=0, states=0, edge=8, population=2048)
    tree, evidence = multilayer(1)
    with devices.open_kernel("stm", "golden", config=config) as driver:
        first = tree.infer(evidence, device=driver)
        assert first.device == "golden" and np.array_equal(
            first.shares, tree.infer(evidence, device=driver).shares
        )
        with pytest.raises(ValueError, match="config builds a new device"):
            tree.infer(evidence, device=driver, config=config)
        with pytest.raises(
            SpynqError, match="need 2104 places with A, 56 more than the 2048 of this kernel; use"
        ):
            multisensory_with_population(2100).infer({"I": 1.0}, device=driver, neurons=2100)


def multisensory_with_population(neurons: int) -> Tree:
    return Tree("wide").gaussian("A", sd=neurons).gaussian("I", parent="A", sd=neurons)


def test_kernels_that_cannot_are_refused() -> None:
    tree, evidence = causal(0)
    with devices.open_kernel("stm", "golden") as flat, pytest.raises(SpynqError, match="no tree front end"):
        tree.infer(evidence, device=flat)
    with (
        devices.open_kernel("echo", "golden") as echo,
        pytest.raises(ValueError, match="takes the name of a device or a driver of kernel stm"),
    ):
        tree.infer(evidence, device=echo)
    many = Tree("many").gaussian("A", sd=1)
    for m in range(8):
        many.gaussian(f"B{m}", parent="A", sd=1, pool="B").gaussian(f"I{m}", parent=f"B{m}", sd=1)
    with pytest.raises(SpynqError, match="population B needs 9 coordinate columns, more than the 8"):
        many.infer({f"I{m}": 0.0 for m in range(8)}, device="golden", neurons=100)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"neurons": 0}, "neurons must be 1 to 65536, not 0"),
        ({"neurons": 70000}, "neurons must be 1 to 65536, not 70000"),
        ({"neurons": 2.5}, "neurons must be a whole number, not 2.5"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
        ({"rule": "loopy"}, "rule must be one of lambda, published, not 'loopy'"),
        ({"populations": "halton"}, "populations must be one of random, stratified, exact, not 'halton'"),
        ({"on_zero": "ignore"}, "on_zero must be one of raise, prior, nan, not 'ignore'"),
        ({"device": "abacus"}, "unknown device 'abacus'"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        multisensory().infer(CUES, **{"device": "golden", **options})
    with pytest.raises(TypeError, match="bogus"):
        multisensory().infer(CUES, bogus=1)


def test_continuous_populations_have_no_exact_shares() -> None:
    with pytest.raises(
        ValueError, match="population S is continuous and has no exact shares; use populations="
    ):
        multisensory().infer(CUES, populations="exact", device="golden")


def sure() -> Tree:
    return Tree("sure").discrete("A", [0.5, 0.5]).discrete("B", [[1, 0], [1, 0]], parent="A")


@pytest.mark.parametrize("device", ["golden", "reference"])
def test_impossible_evidence_is_told_or_answered_as_asked(device: str) -> None:
    with pytest.raises(
        ImpossibleEvidence, match="agrees with the evidence B = 1; take back a part of it, use"
    ):
        sure().infer({"B": 1}, device=device)
    prior = sure().infer({"B": 1}, device=device, on_zero="prior")
    assert prior.shares.tolist() == [0.5, 0.5] and "the answer is prior" in prior.notes[0]
    nothing = sure().infer({"B": 1}, device=device, on_zero="nan")
    assert np.isnan(nothing.shares).all() and nothing.ess == 0


def test_one_neuron_warns_and_is_certain() -> None:
    with pytest.warns(UserWarning, match="a population of one neuron answers every evidence alike"):
        found = multisensory().infer(CUES, neurons=1, device="golden")
    assert found.ess == 1 and found.weights.tolist() == [1]


@pytest.mark.parametrize("neurons", [2, 3, 5, 31, 33])
def test_populations_smaller_than_the_lanes_or_no_multiple_of_them(neurons: int) -> None:
    kernel, reference = both(multisensory(), CUES, neurons=neurons, populations="stratified")
    assert kernel.weights == pytest.approx(reference.weights, abs=1e-3)


def test_narrow_cues_are_refused_before_anything_starts() -> None:
    tree = Tree("narrow").uniform("S", -1000, 1000).gaussian("V", parent="S", sd=0.5)
    with pytest.raises(ValueError, match="and at least 28 are needed; narrow the grid or widen the cue"):
        tree.infer({"V": 0.0}, device="golden")
    with pytest.warns(UserWarning, match=r"sd is .* grid steps, and below 50"):
        Tree("w").uniform("S", -1000, 1000).gaussian("V", parent="S", sd=1.2).infer(
            {"V": 0.0}, device="golden"
        )


def splinters() -> Tree:
    """Children so close to their own cause that few parents of another draw are near."""
    tree = Tree("splinters").gaussian("A", sd=1.0).gaussian("B", parent="A", sd=0.005)
    return tree.gaussian("I", parent="B", sd=1.0)


@pytest.mark.parametrize("device", ["golden", "reference"])
def test_lost_mass_warns_above_one_percent_and_is_refused_above_half(device: str) -> None:
    tree = splinters()
    with pytest.raises(
        SpynqError, match=r"[5-9]\d% of a population's weight has no parent sample near it, the"
    ):
        tree.infer({"I": 0.0}, device=device, neurons=3, seed=1)
    with pytest.warns(
        UserWarning, match=r"% of a population's weight has no parent sample near it and is left"
    ):
        few = tree.infer({"I": 0.0}, device=device, neurons=20, seed=1)
    assert 0.01 < few.lost < 0.5
    assert tree.infer({"I": 0.0}, device=device, neurons=500, seed=1).lost < 0.01


def test_lost_mass_is_the_same_in_float64() -> None:
    with pytest.warns(UserWarning, match="no parent sample near it"):
        kernel, reference = both(splinters(), {"I": 0.0}, neurons=20, seed=1)
    assert kernel.lost == pytest.approx(reference.lost, abs=2e-3)


@pytest.mark.parametrize("side", [-50.0, 50.0])
def test_cues_that_no_neuron_fits_are_refused(side: float) -> None:
    tree = Tree("far").gaussian("A", sd=1.0).gaussian("I", parent="A", sd=0.1)
    with pytest.raises(
        SpynqError, match=r"no neuron of some population fits the evidence I = -?50 to within 32"
    ):
        tree.infer({"I": side}, device="golden", neurons=100)


def test_unseen_states_are_noted() -> None:
    tree = Tree("rare").discrete("A", [0.999, 0.001], states=["often", "rarely"])
    found = tree.infer({}, neurons=20, rao_blackwell=False, device="golden")
    assert found.shares[1] == 0 and "no neuron of A stands for rarely, which is reported as 0" in found.notes


def test_probabilities_too_small_for_a_message_are_noted() -> None:
    """Present, yet below 2**-17 of what another parent state gives: the kernel answers as if it were 0."""
    see = [[1, 0], [0, 1]]
    tree = (
        Tree("sharp").discrete("A", [0.999, 0.001]).discrete("B", [[0.999998, 2e-6], [0.5, 0.5]], parent="A")
    )
    tree.discrete("C", see, parent="B")
    note = "probabilities in B below 2**-17 of the largest above them count as 0"
    kernel, reference = both(tree, {"C": 1})
    assert note in kernel.notes and note not in reference.notes
    assert kernel.shares[0] == 0 and reference.shares[0] > 0.003
    tree = Tree("blunt").discrete("A", [0.5, 0.5]).discrete("B", [[0.9999, 1e-4], [1, 0]], parent="A")
    assert tree.discrete("C", see, parent="B").infer({"C": 1}, device="golden").notes == []


def test_published_rule_is_noted() -> None:
    tree, evidence = multilayer(0)
    found = tree.infer(evidence, rule="published", device="golden", neurons=500)
    assert any("does not converge to the posterior" in note for note in found.notes)
    assert math.isnan(found.log_evidence)


def test_answers_print_and_become_json() -> None:
    tree, evidence = causal(0)
    for found in (tree.infer(evidence, device="golden"), multisensory().infer(CUES, device="golden")):
        text = str(found)
        assert "device golden, 4,000 neurons per population" in text and "evidence: " in text
        told = json.loads(json.dumps(found.to_dict()))
        assert told["kernel"] == "stm" and told["neurons"] == 4000
    edges = np.linspace(-50, 50, 101)
    assert found.histogram(edges).sum() == pytest.approx(1)


def test_answers_are_drawn() -> None:
    pytest.importorskip("matplotlib")
    tree, evidence = causal(0)
    assert len(tree.infer(evidence, device="golden").plot().axes) == 1
    assert len(multisensory().infer(CUES, device="golden").plot().axes) == 1


def test_streamed_evidence_adds_up() -> None:
    """Piece by piece on chip, or at once: the same likelihoods, hence the same answer to rounding."""
    for device in ("golden", "reference"):
        with multisensory().stream(device=device, neurons=1000) as stream:
            stream.update({"haptic": 3.0})
            last = stream.update({"visual": -1.0, "auditory": 2.0})
        at_once = multisensory().infer(CUES, device=device, neurons=1000)
        assert last.mean == pytest.approx(at_once.mean, abs=2e-3 * at_once.standard_deviation)
        assert last.evidence == "haptic = 3; visual = -1, auditory = 2"


def test_streamed_evidence_through_layers() -> None:
    tree, evidence = multilayer(6)
    with tree.stream(device="golden", neurons=1000) as stream:
        for name, state in evidence.items():
            last = stream.update({name: state})
    assert last.shares == pytest.approx(tree.infer(evidence, device="golden", neurons=1000).shares, abs=1e-3)


def test_the_same_stimulus_twice_counts_twice() -> None:
    tree, _ = causal(8)
    with tree.stream(device="golden") as stream:
        once = stream.update({"I1": 2})
        twice = stream.update({"I1": 2})
    table = np.asarray(tree["I1"].table)[:, 2]  # type: ignore[union-attr]
    direct = tree.infer({"B1": table**2}, device="golden")
    assert twice.shares == pytest.approx(direct.shares, abs=1e-3) and not np.allclose(
        once.shares, twice.shares
    )


def test_stream_keeps_populations_on_chip() -> None:
    """After the first update a cue on the root costs two steps: the cue, and the sums."""
    config = StmConfig(lanes=4, terms=0, states=0, edge=8, population=2048)
    with devices.open_kernel("stm", "golden", config=config) as driver:
        counted = []
        original = driver.tree
        driver.tree = lambda tasks, **options: counted.append(len(tasks)) or original(tasks, **options)
        with multisensory().stream(device=driver, neurons=1000) as stream:
            for value in (3.0, 2.0, 1.0):
                stream.update({"visual": value})
        assert counted[1:] == [2, 2]


def test_codes_are_bits_below_the_largest() -> None:
    assert to_codes(np.log([1.0, 0.5, 0.25, 1e-30])).tolist() == [0, 1024, 2048, 102050]
    with np.errstate(divide="ignore"):
        assert to_codes(np.log([0.0, 0.0])).tolist() == [IMPOSSIBLE] * 2
        assert to_codes(np.log([0.5, 0.0])).tolist() == [0, IMPOSSIBLE]
