"""Queries on the golden device: right within their errors, repeatable, and honest when they fail."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spynq import devices
from spynq.bayes.network import Network, Node
from spynq.errors import DeviceTimeout, ImpossibleEvidence, SpynqError
from spynq.stm import Population, example
from spynq.stm.accuracy import accuracy, measure, reference_cases
from spynq.stm.image import record_dtype
from spynq.stm.params import IMPOSSIBLE, StmConfig
from spynq.stm.posterior import Sums

EVIDENCE = {"BP": "LOW", "CVP": "HIGH", "HRBP": "HIGH"}


@pytest.fixture
def golden() -> Iterator[Any]:
    with devices.open_kernel("stm", "golden") as driver:
        yield driver


def test_every_network_of_the_shared_set_within_four_standard_errors(shared_data: Path) -> None:
    """Fixed seed: 48 cases of a few hundred states each leave a fresh one now and then beyond four."""
    variations = []
    for name, case in reference_cases(shared_data / "static" / "bn"):
        found = measure(case, lookahead=0)
        variations.append(found.mean_tv)
        assert found.worst_errors <= 4, f"{name} {case.evidence}: {found}"
        assert abs(found.log_evidence_error or 0) < 4 * max(
            1e-3, math.sqrt(max(0, 1 / found.ess - 1 / 16384)) + 1e-3
        )
    assert len(variations) == 48 and np.mean(variations) <= 0.005


def test_looking_ahead_draws_from_the_posterior_itself(shared_data: Path) -> None:
    """Mean effective share over the 48 cases: plain 0.80, looking ahead 0.98."""
    shares, variations = [], []
    for name, case in reference_cases(shared_data / "static" / "bn"):
        if name in ("andes", "win95pts", "hepar2"):
            continue
        found = measure(case)
        assert found.worst_errors <= 4.2, f"{name} {case.evidence}: {found}"
        shares.append(found.ess / 16384)
        variations.append(found.mean_tv)
    assert np.mean(shares) > 0.95 and np.mean(variations) <= 0.0035


def test_random_networks_against_exact(random_network, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ratios = []
    for _ in range(15):
        network = random_network(rng, nodes=8, states=4, zeros=0.1)
        names = list(rng.permutation(list(network.nodes)))
        evidence = {name: int(rng.integers(network[name].size)) for name in names[:2]}
        soft = {names[3]: rng.random(network[names[3]].size) + 0.1}
        try:
            truth = network.exact(None, evidence, soft)
            found = network.query(None, evidence, soft_evidence=soft, device="golden", seed=seed, lookahead=0)
        except ImpossibleEvidence:
            continue
        ratios.append(accuracy(found, truth.probabilities).worst_errors)
        assert abs(found.log_evidence - truth.log_evidence) < 5 / math.sqrt(found.ess) + 5e-3
    assert len(ratios) >= 3 and max(ratios) < 5 and np.median(ratios) < 3


def test_standard_errors_are_the_spread_over_seeds() -> None:
    network = example("asia")
    found = [
        network.query(
            "lung", {"dysp": "yes", "xray": "yes"}, device="golden", seed=s, samples=2048, lookahead=0
        )
        for s in range(60)
    ]
    values = np.array([p.probabilities["lung"]["yes"] for p in found])
    claimed = np.mean([p.standard_error["lung"]["yes"] for p in found])
    assert 0.75 < values.std() / claimed < 1.25
    truth = network.exact("lung", {"dysp": "yes", "xray": "yes"}).probabilities["lung"]["yes"]
    assert abs(values.mean() - truth) < 4 * values.std() / math.sqrt(60)


def test_same_seed_same_answer_whatever_the_build_and_the_split(seed: int) -> None:
    network = example("alarm")
    options: dict[str, Any] = {"device": "golden", "seed": seed, "samples": 5000, "lookahead": 64}
    whole = network.query(None, EVIDENCE, **options)
    split = network.query(None, EVIDENCE, config=StmConfig(lanes=2, states=16, bins=16, targets=4), **options)
    assert split.probabilities == whole.probabilities and split.standard_error == whole.standard_error
    assert (split.ess, split.log_evidence) == (whole.ess, whole.log_evidence)
    other = network.query(None, EVIDENCE, **{**options, "seed": seed + 1})
    assert other.probabilities != whole.probabilities


def test_pieces_change_no_sample(golden: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from spynq.stm import query as module

    network = example("asia")
    whole = network.query(None, {"xray": "yes"}, device=golden, samples=9000)
    monkeypatch.setattr(module, "_FIRST_PIECE", 1024)
    monkeypatch.setattr(module, "_LARGEST_PIECE", 2048)
    pieces = network.query(None, {"xray": "yes"}, device=golden, samples=9000)
    for node, states in whole.probabilities.items():
        assert pieces.probabilities[node] == pytest.approx(states, rel=1e-12)


def test_an_open_driver_serves_many_queries_and_stays_open(golden: Any) -> None:
    network = example("asia")
    first = network.query("lung", {"xray": "yes"}, device=golden)
    network.query("tub", {"dysp": "no"}, device=golden)
    again = network.query("lung", {"xray": "yes"}, device=golden)
    assert again.probabilities == first.probabilities and again.device == "golden"


@pytest.mark.parametrize("tolerance", [0.02, 0.004])
def test_tolerance_draws_as_many_samples_as_it_takes(tolerance: float) -> None:
    network = example("alarm")
    found = network.query(None, EVIDENCE, device="golden", tolerance=tolerance, lookahead=0)
    assert found.total_variation() <= tolerance and not found.notes
    fewer = network.query(None, EVIDENCE, device="golden", samples=found.samples // 4, lookahead=0)
    assert fewer.total_variation() > tolerance
    truth = network.exact(None, EVIDENCE).probabilities
    assert accuracy(found, truth).worst_tv < 4 * tolerance


def test_tolerance_that_is_out_of_reach_says_so() -> None:
    found = example("alarm").query("LVFAILURE", EVIDENCE, device="golden", tolerance=1e-5, samples=5000)
    assert found.samples == 5000
    assert any("tolerance 1e-05 was not reached in 5,000 samples" in note for note in found.notes)


def test_targets_that_are_known_need_no_sample() -> None:
    network = example("asia")
    found = network.query(["xray", "lung"], {"xray": "yes"}, device="golden")
    assert found.probabilities["xray"] == {"yes": 1.0, "no": 0.0}
    assert found.standard_error["xray"] == {"yes": 0.0, "no": 0.0}
    everything = network.query(["asia"], dict.fromkeys(network.nodes, "yes"), device="golden")
    assert (everything.samples, everything.cycles) == (0, 0)
    exact = network.exact((), dict.fromkeys(network.nodes, "yes"))
    assert everything.log_evidence == pytest.approx(exact.log_evidence)


def test_soft_evidence_of_certainty_is_hard_evidence() -> None:
    network = example("asia")
    soft = network.query("lung", soft_evidence={"xray": {"yes": 3, "no": 0}}, device="golden", samples=65536)
    hard = network.exact("lung", {"xray": "yes"})
    assert accuracy(soft, hard.probabilities).worst_errors < 4.5
    assert soft.log_evidence == pytest.approx(hard.log_evidence + math.log(3), abs=0.01)


def rare() -> Network:
    """Evidence of probability 1e-9 that plain likelihood weighting practically never meets."""
    noise = np.array([[1.0, 0.0], [0.0, 1.0]])
    return Network(
        [
            Node("cause", ("yes", "no"), (), np.array([1e-9, 1 - 1e-9])),
            Node("sign", ("yes", "no"), ("cause",), noise),
            Node("other", ("yes", "no"), (), np.array([0.3, 0.7])),
        ],
        "rare",
    )


def test_evidence_no_sample_agrees_with_is_named_with_its_probability() -> None:
    with pytest.raises(
        ImpossibleEvidence,
        match=r"none of 2,048 samples agrees with the evidence sign = yes: .* is 1e-09; draw more",
    ):
        rare().query("cause", {"sign": "yes"}, device="golden", samples=2048, lookahead=0)


def test_looking_ahead_meets_the_rarest_evidence() -> None:
    found = rare().query("cause", {"sign": "yes"}, device="golden", samples=2048)
    assert found.probabilities["cause"] == {"yes": 1.0, "no": 0.0}
    assert found.log_evidence == pytest.approx(math.log(1e-9), abs=1e-3) and found.ess == 2048


def test_on_zero_answers_with_the_prior_or_with_nothing() -> None:
    options: dict[str, Any] = {"device": "golden", "samples": 2048, "lookahead": 0}
    prior = rare().query("other", {"sign": "yes"}, on_zero="prior", **options)
    assert prior.probabilities["other"]["yes"] == pytest.approx(0.3, abs=0.05)
    nothing = rare().query("other", {"sign": "yes"}, on_zero="nan", **options)
    assert math.isnan(nothing.probabilities["other"]["yes"]) and nothing.log_evidence == -math.inf
    for found in (prior, nothing):
        assert "ZERO" in found.flags and any("no sample agrees" in note for note in found.notes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 0}, "must be 1 to 2147483647, not 0; draw at least one"),
        ({"samples": 1 << 31}, "must be 1 to 2147483647, not 2147483648; split"),
        ({"samples": 10.5}, "samples must be a whole number, not 10.5"),
        ({"tolerance": 0.0}, "tolerance must be between 0 and 1, not 0.0"),
        ({"tolerance": "small"}, "tolerance must be between 0 and 1, not 'small'"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
        ({"seed": 1.5}, "seed must be a whole number, not 1.5"),
        ({"lookahead": -1}, "lookahead must be at least 0 entries, not -1"),
        ({"lookahead": 0.5}, "lookahead must be a whole number, not 0.5"),
        ({"device": 3}, "device takes a name (golden, rtl, board) or an open driver, not 3"),
        ({"config": 3}, "config takes an StmConfig, not 3"),
        ({"on_zero": "ignore"}, "on_zero takes raise, prior or nan, not 'ignore'"),
        ({"targets": "lnug"}, "no node 'lnug'; did you mean lung"),
        ({"evidence": {"lung": "maybe"}}, "node lung has no state 'maybe'"),
        ({"device": "toaster"}, "unknown device 'toaster'"),
    ],
)
def test_wrong_questions_are_refused_in_one_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        example("asia").query(**{"device": "golden", **options})


def test_wrong_questions_are_refused_before_a_device_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*arguments: object, **options: object) -> None:
        raise AssertionError("a device was opened")

    monkeypatch.setattr(devices, "open_kernel", opened)
    for evidence in ({"either": "no", "lung": "yes"}, {"nobody": 1}):
        with pytest.raises(ValueError, match=r"probability zero|no node"):
            example("asia").query(None, evidence, device="rtl")


def test_a_build_and_an_open_driver_exclude_each_other(golden: Any) -> None:
    with pytest.raises(ValueError, match="cannot be given with an open driver"):
        example("asia").query(device=golden, config=StmConfig())


def test_a_driver_of_another_kernel_is_refused() -> None:
    with devices.open_kernel("echo", "golden") as echo:
        with pytest.raises(ValueError, match="a query takes a driver of kernel stm, not of echo"):
            example("asia").query(device=echo)
        with pytest.raises(ValueError, match="a population takes a driver of kernel stm, not of echo"):
            Population([0, 1], driver=echo)


def test_a_network_too_large_names_excess_and_way_out() -> None:
    with pytest.raises(
        SpynqError, match=r"more than the 64 of this kernel; build the kernel with table=1024"
    ):
        example("alarm").query(device="golden", config=StmConfig(table=64))


def test_few_effective_samples_are_noted() -> None:
    found = example("alarm").query("LVFAILURE", EVIDENCE, device="golden", samples=500, lookahead=0)
    assert found.ess < 100 and any("effective samples" in note for note in found.notes)


def test_few_samples_without_evidence_are_not_blamed_on_it() -> None:
    found = example("asia").query("lung", device="golden", samples=1)
    assert found.notes == ["only 1 effective sample: draw more"]


@pytest.mark.parametrize("lookahead", [0, 1024])
def test_on_zero_answers_evidence_that_the_tables_refuse(lookahead: int) -> None:
    options: dict[str, Any] = {"device": "golden", "samples": 4096, "lookahead": lookahead}
    evidence = {"either": "no", "lung": "yes"}
    prior = example("asia").query("bronc", evidence, on_zero="prior", **options)
    assert prior.probabilities["bronc"]["yes"] == pytest.approx(0.45, abs=0.05)
    nothing = example("asia").query("bronc", evidence, on_zero="nan", **options)
    assert math.isnan(nothing.probabilities["bronc"]["yes"]) and nothing.ess == 0
    for found in (prior, nothing):
        assert found.log_evidence == -math.inf and any("no sample agrees" in n for n in found.notes)


@pytest.mark.parametrize("failure", [DeviceTimeout("late"), KeyboardInterrupt()])
def test_what_was_computed_before_a_failure_comes_with_it(golden: Any, failure: BaseException) -> None:
    weighting, calls = golden.weighting, 0

    def failing(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise failure
        return weighting(*arguments, **options)

    golden.weighting = failing
    with pytest.raises(type(failure)) as caught:
        example("asia").query("lung", {"xray": "yes"}, device=golden, samples=50000)
    partial = caught.value.partial  # type: ignore[attr-defined]
    assert partial.samples == 4096 + 8192
    assert partial.probabilities["lung"]["yes"] == pytest.approx(0.489, abs=0.05)


def test_posterior_prints_plots_and_becomes_json() -> None:
    found = example("asia").query(["lung", "bronc"], {"xray": "yes"}, device="golden")
    text = str(found)
    assert "evidence: xray = yes" in text and re.search(r"lung\s+yes\s+0\.4\d+", text)
    assert "<td>lung</td>" in found._repr_html_()
    value = json.loads(json.dumps(found.to_dict()))
    assert set(value) == {
        "device",
        "kernel",
        "samples",
        "seed",
        "posterior",
        "standard_error",
        "ess",
        "log_evidence",
        "cycles",
        "flags",
        "seconds",
    }
    assert value["device"] == "golden" and value["posterior"]["lung"].keys() == {"yes", "no"}
    pytest.importorskip("matplotlib")
    figure = found.plot()
    assert [axes.get_title() for axes in figure.axes if axes.get_visible()] == ["lung", "bronc"]


def test_sums_of_chunks_meet_on_one_scale() -> None:
    """Two chunks whose best samples differ by one octave; a third in which nothing is possible."""
    records = np.zeros(3, record_dtype(2))
    records["L_MIN"] = [2048, 1024, IMPOSSIBLE]
    records["W"] = [4 << 16, 6 << 16, 0]
    records["S2"] = [4 << 32, 6 << 32, 0]
    records["BINS"]["H"][:2] = [[4 << 16, 0], [0, 6 << 16]]
    records["BINS"]["Q"][:2] = [[4 << 32, 0], [0, 6 << 32]]
    together, apart = Sums(2), Sums(2)
    together.add(records, 3000)
    for record in records:
        apart.add(np.array([record]), 1000)
    for sums in (together, apart):
        assert (sums.weight, sums.squares, sums.l_min) == (8 << 16, 7 << 32, 1024)
        assert sums.ess == 64 / 7
        probability, error = sums.estimate(0, 2)
        assert probability.tolist() == [0.25, 0.75]
        variance = (1 * 0.75**2 + 6 * 0.25**2) / 64
        assert error[0] == pytest.approx(math.sqrt(variance + 1 / sums.ess**2))
        assert sums.log_evidence(0.0) == pytest.approx(math.log(8 / 3000 / 2))
