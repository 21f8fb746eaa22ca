"""The bus models find broken rules: a master with one planted fault each, and none in the sound one."""

from __future__ import annotations

from pathlib import Path

import pytest

from spynq.contract import Kernel, Master, Stream
from spynq.errors import BusError, MissingDependency, SpynqError
from spynq.memory import Arena
from spynq_sim import build
from spynq_sim.library import SimKernel
from spynq_sim.settings import SimSettings

KERNEL = Kernel(
    name="rogue",
    title="Breaks one rule",
    ident="ROGU",
    version=(1, 0),
    streams=(Stream("s_axis", "in", 32, "Not used."), Stream("m_axis", "out", 32, "One beat.")),
    masters=(Master("m_axi_gmem", 32, "One burst each way."),),
)

# After reset: a read burst, a write burst, a stream beat. Every rule in question is a macro.
SOURCE = """
module rogue(
  input aclk, input aresetn, output irq,
  input [11:0] s_axi_control_awaddr, input s_axi_control_awvalid, output s_axi_control_awready,
  input [31:0] s_axi_control_wdata, input [3:0] s_axi_control_wstrb, input s_axi_control_wvalid,
  output s_axi_control_wready, output [1:0] s_axi_control_bresp, output s_axi_control_bvalid,
  input s_axi_control_bready, input [11:0] s_axi_control_araddr, input s_axi_control_arvalid,
  output s_axi_control_arready, output [31:0] s_axi_control_rdata, output [1:0] s_axi_control_rresp,
  output s_axi_control_rvalid, input s_axi_control_rready,
  output m_axi_gmem_awid, output [39:0] m_axi_gmem_awaddr, output [7:0] m_axi_gmem_awlen,
  output [2:0] m_axi_gmem_awsize, output [1:0] m_axi_gmem_awburst, output m_axi_gmem_awlock,
  output [3:0] m_axi_gmem_awcache, output [2:0] m_axi_gmem_awprot, output [3:0] m_axi_gmem_awqos,
  output m_axi_gmem_awvalid, input m_axi_gmem_awready,
  output [31:0] m_axi_gmem_wdata, output [3:0] m_axi_gmem_wstrb, output m_axi_gmem_wlast,
  output m_axi_gmem_wvalid, input m_axi_gmem_wready,
  input m_axi_gmem_bid, input [1:0] m_axi_gmem_bresp, input m_axi_gmem_bvalid, output m_axi_gmem_bready,
  output m_axi_gmem_arid, output [39:0] m_axi_gmem_araddr, output [7:0] m_axi_gmem_arlen,
  output [2:0] m_axi_gmem_arsize, output [1:0] m_axi_gmem_arburst, output m_axi_gmem_arlock,
  output [3:0] m_axi_gmem_arcache, output [2:0] m_axi_gmem_arprot, output [3:0] m_axi_gmem_arqos,
  output m_axi_gmem_arvalid, input m_axi_gmem_arready,
  input m_axi_gmem_rid, input [31:0] m_axi_gmem_rdata, input [1:0] m_axi_gmem_rresp, input m_axi_gmem_rlast,
  input m_axi_gmem_rvalid, output m_axi_gmem_rready,
  input [31:0] s_axis_tdata, input [3:0] s_axis_tkeep, input s_axis_tlast, input s_axis_tvalid,
  output s_axis_tready,
  output [31:0] m_axis_tdata, output [3:0] m_axis_tkeep, output m_axis_tlast, output m_axis_tvalid,
  input m_axis_tready
);
  reg [7:0] t = 0; reg ar = 0, aw = 0, w = 0; reg [7:0] beat = 0; reg [7:0] wait_ar = 0;
  wire take_ar = ar & m_axi_gmem_arready, take_aw = aw & m_axi_gmem_awready, take_w = w & m_axi_gmem_wready;
  always @(posedge aclk) if (!aresetn) begin t <= 0; ar <= 0; aw <= 0; w <= 0; beat <= 0; wait_ar <= 0; end
  else begin
    if (t != 255) t <= t + 1;
    if (t == 1) begin ar <= 1; aw <= 1; w <= 1; end
    if (take_ar) ar <= 0;
    if (ar & ~m_axi_gmem_arready) begin wait_ar <= wait_ar + 1; if (`DROP) ar <= 0; end
    if (take_aw) aw <= 0;
    if (take_w) begin beat <= beat + 1; if (beat == `LEN) w <= 0; end
  end
  assign m_axi_gmem_araddr = `READ_ADDRESS + (`WOBBLE ? wait_ar * 4 : 0);
  assign m_axi_gmem_arlen = `LEN; assign m_axi_gmem_arsize = `SIZE; assign m_axi_gmem_arburst = `BURST;
  assign m_axi_gmem_arvalid = ar; assign m_axi_gmem_rready = 1;
  assign m_axi_gmem_awaddr = `WRITE_ADDRESS; assign m_axi_gmem_awlen = `LEN; assign m_axi_gmem_awsize = 2;
  assign m_axi_gmem_awburst = 1; assign m_axi_gmem_awvalid = aw; assign m_axi_gmem_bready = 1;
  assign m_axi_gmem_wdata = beat + (`JITTER ? t << 8 : 0); assign m_axi_gmem_wstrb = 4'hF;
  assign m_axi_gmem_wlast = beat == `LAST; assign m_axi_gmem_wvalid = w;
  assign {m_axi_gmem_arid, m_axi_gmem_arlock, m_axi_gmem_arcache, m_axi_gmem_arprot, m_axi_gmem_arqos} = 0;
  assign {m_axi_gmem_awid, m_axi_gmem_awlock, m_axi_gmem_awcache, m_axi_gmem_awprot, m_axi_gmem_awqos} = 0;
  assign {s_axi_control_awready, s_axi_control_wready, s_axi_control_bresp, s_axi_control_bvalid} = 0;
  assign {s_axi_control_arready, s_axi_control_rdata, s_axi_control_rresp, s_axi_control_rvalid} = 0;
  assign irq = 0; assign s_axis_tready = 0;
  assign m_axis_tdata = `STREAM_JITTER ? t : 5; assign m_axis_tkeep = 15; assign m_axis_tlast = 1;
  assign m_axis_tvalid = t > 3;
endmodule
"""
SOUND = {
    "READ_ADDRESS": "40'h10000000", "WRITE_ADDRESS": "40'h10001000", "LEN": "8'd15", "SIZE": "2",
    "BURST": "1", "LAST": "8'd15", "DROP": "0", "WOBBLE": "0", "JITTER": "0", "STREAM_JITTER": "0",
}  # fmt: skip
FAULTS = [
    ({"LEN": "8'd16", "LAST": "8'd16"}, "burst of 17 beats, the limit is 16"),
    ({"READ_ADDRESS": "40'h10000FC4"}, r"burst of 64 bytes crosses 4 KiB \(offset 4036\)"),
    ({"WRITE_ADDRESS": "40'h10001FC4"}, r"write burst of 64 bytes crosses 4 KiB"),
    ({"READ_ADDRESS": "40'h10000002"}, "at an address that is no multiple of 4"),
    ({"SIZE": "1"}, "burst is not full-width INCR"),
    ({"BURST": "0"}, "burst is not full-width INCR"),
    ({"LAST": "8'd14"}, "last beat marked wrongly at beat 15 of 16"),
    ({"LAST": "8'd99"}, "last beat marked wrongly at beat 16 of 16"),
    ({"DROP": "1"}, "ar was withdrawn before it was taken"),
    ({"WOBBLE": "1"}, "ar changed before it was taken"),
    ({"JITTER": "1"}, "w changed before it was taken"),
    ({"STREAM_JITTER": "1"}, "rogue_0: m_axis changed before it was taken"),
    (
        {"READ_ADDRESS": "40'h20000000"},
        "read burst of 64 bytes at 0x20000000 in cycle [0-9]+ leaves the memory",
    ),
    (
        {"WRITE_ADDRESS": "40'h0FFFF000"},
        "write burst of 64 bytes at 0xffff000 in cycle [0-9]+ leaves the memory",
    ),
]


def _kernel(changes: dict[str, str], pauses: int) -> SimKernel:
    macros = "".join(f"`define {name} {value}\n" for name, value in (SOUND | changes).items())
    path = build.library(macros + SOURCE, "rogue", KERNEL)
    return SimKernel(path, "rogue_0", Arena(1 << 20), SimSettings(pauses=pauses, memory=1 << 20))


@pytest.mark.parametrize("pauses", [0, 128])
def test_sound_master_is_not_accused(pauses: int) -> None:
    kernel = _kernel({}, pauses)
    kernel.run(400)
    assert kernel.traffic() == "64 bytes read, 64 written, 0 streamed in, 0 out"
    words = kernel._arena.read(0x1000_1000, 64)
    assert words == b"".join(n.to_bytes(4, "little") for n in range(16))
    kernel.close()


@pytest.mark.parametrize(("changes", "message"), FAULTS, ids=[str(n) for n in range(len(FAULTS))])
def test_planted_fault_is_named(changes: dict[str, str], message: str) -> None:
    # Stability can only be seen where the memory makes the kernel wait.
    kernel = _kernel(changes, 220)
    with pytest.raises(BusError, match=message):
        for _ in range(40):
            kernel.run(10)
    kernel.close()


def test_control_port_that_never_answers_is_named() -> None:
    kernel = _kernel({}, 0)
    with pytest.raises(BusError, match="rogue_0: s_axi_control did not answer within 10000 cycles"):
        kernel.read(0)
    kernel.close()


def test_verilog_that_does_not_parse_is_reported_in_one_sentence() -> None:
    with pytest.raises(SpynqError, match=r"verilator_bin failed: .*rror.*; the whole output is in"):
        build.library("module rogue(; endmodule", "rogue", KERNEL)


def test_missing_compiler_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    build.toolchain.cache_clear()
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(MissingDependency, match=r"g\+\+ is not installed: sudo apt-get install g\+\+"):
        build.toolchain()
