"""The overlay description and the hand-off file, judged by pynq's own parser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from spynq_sim.quietly import RuntimeMetadataParser

import pytest
from pynqmetadata.frontends import Metadata

from spynq.errors import FormatError
from spynq.kernels import kernels
from spynq_overlays.description import describe, load_manifest, manifest_of
from spynq_overlays.finder import description_of, folder
from spynq_overlays.hwh import clock_divisors, hand_off


def _parsed(description: Any, place: Path) -> Any:
    path = place / "overlay.hwh"
    path.write_text(hand_off(description), encoding="utf-8")
    return RuntimeMetadataParser(Metadata(input=str(path)))


@pytest.mark.parametrize("name", sorted(kernels()))
def test_register_map_of_every_kernel_is_its_declaration(name: str, tmp_path: Path) -> None:
    kernel = kernels()[name].kernel
    entry = _parsed(describe(name, [(f"{name}_0", name, None)]), tmp_path).ip_dict[f"{name}_0"]
    assert entry["type"] == kernel.vlnv
    found = {
        (
            r,
            v["address_offset"],
            v["access"],
            tuple((f, w["bit_offset"], w["bit_width"]) for f, w in v["fields"].items()),
        )
        for r, v in entry["registers"].items()
    }
    access = {"ro": "read-only", "rw": "read-write", "control": "read-write"}
    assert found == {
        (r.name, r.offset, access[r.access], tuple((f.name, f.lsb, f.width) for f in r.fields))
        for r in kernel.all_registers()
    }


def test_addresses_interrupts_and_dma_as_described(tmp_path: Path) -> None:
    described = describe(
        "two", [("a", "echo", {"bus": 32}), ("b", "stm", None), ("c", "echo", None)], clock_mhz=100
    )
    parsed = _parsed(described, tmp_path)
    assert {n: e["phys_addr"] for n, e in parsed.ip_dict.items() if "phys_addr" in e} == dict(
        described.slaves
    )
    assert [n for n, _ in described.slaves] == ["a", "b", "c", "a_dma", "c_dma", "axi_intc_0"]
    for index, (instance, pin) in enumerate(described.interrupts):
        assert parsed.interrupt_pins[f"{instance}/{pin}"]["index"] == index
        assert parsed.interrupt_pins[f"{instance}/{pin}"]["controller"] == "axi_intc_0"
    assert len(described.interrupts) == 7
    assert parsed.interrupt_controllers["axi_intc_0"]["raw_irq"] == 121
    assert parsed.ip_dict["c_dma"]["parameters"]["c_sg_length_width"] in ("26", 26)
    assert parsed.clock_dict[0]["frequency"] == pytest.approx(99.999)
    assert [bool(parsed.clock_dict[n]["enable"]) for n in range(4)] == [True, False, False, False]


@pytest.mark.parametrize("name", sorted(kernels()))
def test_shipped_manifests_round_trip(name: str, tmp_path: Path) -> None:
    described = description_of(folder(name) / f"{name}.bit")
    assert described == description_of(folder(name) / f"{name}.bit.d" / f"{name}.rtl.bit")
    (tmp_path / "manifest.json").write_text(manifest_of(described), encoding="utf-8")
    assert load_manifest(tmp_path / "manifest.json") == described


@pytest.mark.parametrize(
    ("asked", "got"), [(100.0, (15, 1)), (187.5, (8, 1)), (300.0, (5, 1)), (1.0, (51, 29))]
)
def test_clock_dividers(asked: float, got: tuple[int, int]) -> None:
    first, second = clock_divisors(asked)
    best = min(abs(1499.985 / (a * b) - asked) for a in range(1, 64) for b in range(1, 64))
    assert abs(1499.985 / (first * second) - asked) == best
    assert first * second == pytest.approx(got[0] * got[1], abs=25 if asked == 1.0 else 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "manifest.json:1: no JSON"),
        ("[]", "expected an object with the keys board, clock_mhz, kernels, name"),
        ({"nam": "x"}, "unknown key nam; known keys are board, clock_mhz, kernels, name"),
        ({"name": "x"}, "key 'kernels' is missing"),
        ({"name": "x", "kernels": []}, "overlay x holds no kernel; name at least one"),
        ({"name": "x", "kernels": [{"instance": "a", "kernel": "b"}]}, "unknown kernel 'b'"),
        (
            {"name": "x", "kernels": [{"instance": "a", "kernel": "echo", "config": {"bus": 5}}]},
            "bus must be 32",
        ),
        ({"name": "x", "kernels": 2 * [{"instance": "a", "kernel": "echo"}]}, "two cells of one name: a, a"),
        (
            {"name": "x", "kernels": [{"instance": f"a{n}", "kernel": "echo"} for n in range(11)]},
            "33 interrupts and the controller takes 32",
        ),
    ],
)
def test_manifest_refusals(content: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    with pytest.raises(FormatError, match=message):
        load_manifest(path)


def test_absent_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no manifest beside the bitstream"):
        description_of(tmp_path / "x.bit")
