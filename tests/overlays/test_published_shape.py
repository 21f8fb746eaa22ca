"""Our hand-off file has the shape of a published one, to the eye and to pynq's parser.

The facts below were read off the ZCU104 base overlay of the repository Xilinx/PYNQ (``base.hwh``, written by
Vivado 2018.1); the file itself is not part of this project.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from spynq_sim.quietly import RuntimeMetadataParser

import pytest
from pynqmetadata.frontends import Metadata

from spynq.kernels import kernels
from spynq_overlays.build import described
from spynq_overlays.description import describe
from spynq_overlays.hwh import hand_off

# Attributes each element always has there, those it has at times, and its children.
SHAPE = {
    "EDKSYSTEM": (
        "EDWVERSION TIMESTAMP VIVADOVERSION", "", "EXTERNALINTERFACES EXTERNALPORTS MODULES SYSTEMINFO"
    ),
    "SYSTEMINFO": ("ARCH BOARD DEVICE NAME PACKAGE SPEEDGRADE", "", ""),
    "EXTERNALPORTS": ("", "", "PORT"),
    "EXTERNALINTERFACES": ("", "", "BUSINTERFACE"),
    "PORT": ("DIR NAME SIGIS", "CLKFREQUENCY LEFT RIGHT SENSITIVITY SIGNAME", "CONNECTIONS"),
    "CONNECTIONS": ("", "", "CONNECTION"),
    "CONNECTION": ("INSTANCE PORT", "", ""),
    "BUSINTERFACE": ("BUSNAME NAME TYPE", "DATAWIDTH VLNV", "PARAMETER PORTMAPS"),
    "PARAMETER": ("NAME", "VALUE", ""),
    "PORTMAPS": ("", "", "PORTMAP"),
    "MODULES": ("", "", "MODULE"),
    "MODULE": (
        "FULLNAME HWVERSION INSTANCE IPTYPE IS_ENABLE MODTYPE VLNV",
        "BD BDTYPE CONFIGURABLE DRIVERMODE IS_PL MODCLASS PROCTYPE",
        "ADDRESSBLOCKS BUSINTERFACES DOCUMENTS MEMORYMAP PARAMETERS PERIPHERALS PORTS",
    ),
    "ADDRESSBLOCKS": ("", "", "ADDRESSBLOCK"),
    "ADDRESSBLOCK": ("ACCESS INTERFACE NAME RANGE USAGE", "", "REGISTERS"),
    "REGISTERS": ("", "", "REGISTER"),
    "REGISTER": ("NAME", "", "FIELDS PROPERTY"),
    "PROPERTY": ("NAME VALUE", "", ""),
    "FIELDS": ("", "", "FIELD"),
    "FIELD": ("NAME", "", "PROPERTY"),
    "PARAMETERS": ("", "", "PARAMETER"),
    "PORTS": ("", "", "PORT"),
    "BUSINTERFACES": ("", "", "BUSINTERFACE"),
    "MEMORYMAP": ("", "", "MEMRANGE"),
    "MEMRANGE": (
        ("ADDRESSBLOCK BASENAME BASEVALUE HIGHNAME HIGHVALUE INSTANCE IS_DATA IS_INSTRUCTION MEMTYPE "
        "SLAVEBUSINTERFACE"),
        "MASTERBUSINTERFACE",
        "",
    ),
}  # fmt: skip
# What pynq 4.0.0 makes of an IP with registers and an interrupt there (axi_vdma).
ENTRY = set(
    "addr_range bdtype device driver fullpath gpio interrupts mem_id memtype parameters phys_addr registers "
    "state type".split()
)
REGISTER = {"access", "address_offset", "description", "fields", "size"}
FIELD = {"access", "bit_offset", "bit_width", "description"}
CONTROLLER = {"parent": "", "index": 0, "raw_irq": 121}
CLOCK = {"divisor0", "divisor1", "enable", "frequency", "src_sel"}


@pytest.mark.parametrize("name", [*sorted(kernels()), "all"])
def test_elements_and_attributes_are_those_of_a_published_file(name: str) -> None:
    description = described(name) if name == "all" else describe(name, [(f"{name}_0", name, None)])
    for element in ElementTree.fromstring(hand_off(description)).iter():
        always, sometimes, children = (set(words.split()) for words in SHAPE[element.tag])
        assert always <= set(element.attrib) <= always | sometimes, element.tag
        assert {child.tag for child in element} <= children, element.tag


@pytest.fixture
def parsed(tmp_path: Path) -> Any:
    path = tmp_path / "one.hwh"
    path.write_text(hand_off(describe("one", [("echo_0", "echo", None)])), encoding="utf-8")
    return RuntimeMetadataParser(Metadata(input=str(path)))


def test_pynq_makes_the_same_of_it(parsed: Any) -> None:
    kernel, dma = parsed.ip_dict["echo_0"], parsed.ip_dict["echo_0_dma"]
    assert set(kernel) == ENTRY
    assert all(set(register) == REGISTER for register in kernel["registers"].values())
    fields = [field for register in kernel["registers"].values() for field in register["fields"].values()]
    assert fields and all(set(field) == FIELD for field in fields)
    assert (dma["mem_id"], dma["memtype"]) == ("S_AXI_LITE", "REGISTER")
    assert set(dma["interrupts"]) == {"mm2s_introut", "s2mm_introut"}
    assert parsed.ip_dict["axi_intc_0"]["mem_id"] == "s_axi"
    assert parsed.interrupt_controllers == {"axi_intc_0": CONTROLLER}
    pin = parsed.interrupt_pins["echo_0/irq"]
    assert pin == {"controller": "axi_intc_0", "index": 0, "fullpath": "echo_0/irq"}
    assert set(parsed.clock_dict) == {0, 1, 2, 3}
    assert all(set(clock) == CLOCK for clock in parsed.clock_dict.values())
