"""Timing diagrams of real signals: a simulated kernel, sampled at every clock, as WaveDrom's JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from amaranth.hdl import Value, ValueCastable
from amaranth.sim import Simulator

from spynq.kernels import get
from spynq_hw.shell import CONTROL_PORT, Shell

__all__ = ["memory_run", "register_access", "sampled", "stream_run", "wave_json"]

_CYCLE = 1e-8
_LONGEST = 400
"""Clock cycles after which a run that was to end is given up."""


def sampled(
    kernel: str, drive: Callable[[Any, Any], Any], names: Iterable[str], config: Any = None
) -> dict[str, list[int]]:
    """Values of ports at every clock while ``drive`` runs.

    Parameters
    ----------
    kernel : str
        Kernel name.
    drive : callable
        ``async drive(context, shell)``: the testbench.
    names : iterable of str
        Ports by their exported names, such as ``s_axi_control_awvalid``.
    config : object, optional
        Build parameters.

    Returns
    -------
    dict of str to list of int
        One value per clock cycle, taken just before its edge.
    """
    entry = get(kernel)
    shell = Shell(entry.gateware_class(config or entry.config_class()))
    ports = {"_".join(path): value for path, _, value in shell.signature.flatten(shell)}
    chosen: dict[str, Value] = {}
    for name in names:
        value = ports[name]
        chosen[name] = value.as_value() if isinstance(value, ValueCastable) else value
    seen: dict[str, list[int]] = {name: [] for name in chosen}

    async def clock(context: Any) -> None:
        while True:
            context.set(shell.aclk, 0)
            await context.delay(_CYCLE / 2)
            for name, value in chosen.items():
                seen[name].append(context.get(value))
            context.set(shell.aclk, 1)
            await context.delay(_CYCLE / 2)

    async def bench(context: Any) -> None:
        context.set(shell.aresetn, 0)
        await _cycle(context)
        await _cycle(context)
        context.set(shell.aresetn, 1)
        await drive(context, shell)

    simulator = Simulator(shell)
    simulator.add_testbench(clock, background=True)
    simulator.add_testbench(bench)
    simulator.run()
    return seen


async def _cycle(context: Any) -> None:
    await context.delay(_CYCLE)


async def _until(context: Any, ready: Value) -> None:
    """Wait for a handshake; the transfer is done in the cycle that ends."""
    for _ in range(_LONGEST):
        done = context.get(ready)
        await _cycle(context)
        if done:
            return
    raise TimeoutError(f"no handshake within {_LONGEST} cycles")


async def _write(context: Any, shell: Any, offset: int, value: int) -> None:
    bus = getattr(shell, CONTROL_PORT)
    context.set(bus.awaddr, offset)
    context.set(bus.wdata, value)
    context.set(bus.wstrb, 0xF)
    context.set(bus.awvalid, 1)
    context.set(bus.wvalid, 1)
    context.set(bus.bready, 1)
    waiting = {"aw": bus.awready, "w": bus.wready}
    while waiting:
        taken = [name for name, ready in waiting.items() if context.get(ready)]
        await _cycle(context)
        for name in taken:
            context.set(getattr(bus, f"{name}valid"), 0)
            del waiting[name]
    await _until(context, bus.bvalid)


async def _read(context: Any, shell: Any, offset: int) -> int:
    bus = getattr(shell, CONTROL_PORT)
    context.set(bus.araddr, offset)
    context.set(bus.arvalid, 1)
    context.set(bus.rready, 1)
    await _until(context, bus.arready)
    context.set(bus.arvalid, 0)
    for _ in range(_LONGEST):
        if context.get(bus.rvalid):
            value: int = context.get(bus.rdata)
            await _cycle(context)
            return value
        await _cycle(context)
    raise TimeoutError(f"no answer to a read within {_LONGEST} cycles")


def register_access() -> dict[str, list[int]]:
    """A write of SCRATCH and a read of it."""
    scratch = get("echo").kernel.offset("SCRATCH")

    async def drive(context: Any, shell: Any) -> None:
        await _cycle(context)
        await _write(context, shell, scratch, 0xC0DE)
        if await _read(context, shell, scratch) != 0xC0DE:
            raise ValueError("SCRATCH does not hold what was written")
        await _cycle(context)

    names = ["awaddr", "awvalid", "awready", "wdata", "wvalid", "wready", "bvalid", "bready"]
    names += ["araddr", "arvalid", "arready", "rdata", "rvalid", "rready"]
    return sampled("echo", drive, [f"{CONTROL_PORT}_{name}" for name in names])


def stream_run(words: int = 4) -> dict[str, list[int]]:
    """From the start to the interrupt of an echo run over ``words`` stream beats."""
    kernel = get("echo").kernel

    async def drive(context: Any, shell: Any) -> None:
        for register, value in (("WORDS", words), ("ADD", 0x10), ("GIER", 1), ("IP_IER", 1)):
            await _write(context, shell, kernel.offset(register), value)
        source, sink = shell.s_axis, shell.m_axis
        context.set(sink.tready, 1)
        await _write(context, shell, kernel.offset("CTRL"), 1)
        for index in range(words):
            context.set(source.tdata, index + 1)
            context.set(source.tvalid, 1)
            context.set(source.tlast, index == words - 1)
            await _until(context, source.tready)
        context.set(source.tvalid, 0)
        await _until(context, shell.irq)
        await _cycle(context)

    names = ["s_axi_control_wvalid", "s_axis_tdata", "s_axis_tvalid", "s_axis_tready"]
    names += ["m_axis_tdata", "m_axis_tvalid", "m_axis_tready", "m_axis_tlast", "irq"]
    return sampled("echo", drive, names)


def memory_run(beats: int = 4) -> dict[str, list[int]]:
    """From the start to the interrupt of an echo run over a block of memory of ``beats`` bus words."""
    kernel = get("echo").kernel

    async def drive(context: Any, shell: Any) -> None:
        values = {"MODE": 1, "WORDS": 4 * beats, "SOURCE_LO": 0x40, "TARGET_LO": 0x80}
        for register, value in {**values, "GIER": 1, "IP_IER": 1}.items():
            await _write(context, shell, kernel.offset(register), value)
        bus = shell.m_axi_gmem
        context.set(bus.arready, 1)
        context.set(bus.awready, 1)
        context.set(bus.wready, 1)
        await _write(context, shell, kernel.offset("CTRL"), 1)
        await _until(context, bus.arvalid)
        # A memory that answers two cycles after the address and then without a pause.
        await _cycle(context)
        for index in range(beats):
            context.set(bus.rvalid, 1)
            context.set(bus.rlast, index == beats - 1)
            await _until(context, bus.rready)
        context.set(bus.rvalid, 0)
        context.set(bus.rlast, 0)
        await _until(context, bus.wvalid & bus.wlast)
        context.set(bus.bvalid, 1)
        await _until(context, bus.bready)
        context.set(bus.bvalid, 0)
        await _until(context, shell.irq)
        await _cycle(context)

    names = ["araddr", "arlen", "arvalid", "arready", "rvalid", "rready", "rlast"]
    names += ["awaddr", "awlen", "awvalid", "awready", "wvalid", "wready", "wlast", "bvalid", "bready"]
    return sampled("echo", drive, [*(f"m_axi_gmem_{name}" for name in names), "irq"])


def wave_json(seen: Mapping[str, list[int]], title: str, first: int = 0) -> dict[str, Any]:
    """WaveDrom's description of sampled ports.

    Parameters
    ----------
    seen : mapping of str to list of int
        As :func:`sampled` gives them.
    title : str
        Text above.
    first : int
        Clock cycle to begin with.
    """
    rows: list[dict[str, Any]] = [
        {"name": "aclk", "wave": "p" + "." * (len(next(iter(seen.values()))) - first - 1)}
    ]
    for name, values in seen.items():
        shown = values[first:]
        wide = max(values) > 1 or name.endswith(("data", "addr", "len"))
        wave, data, last = "", [], None
        for value in shown:
            if value == last:
                wave += "."
            elif wide:
                wave += "="
                data.append(f"{value:#x}")
            else:
                wave += str(value)
            last = value
        rows.append({"name": name, "wave": wave, **({"data": data} if wide else {})})
    return {"signal": rows, "head": {"text": title}, "config": {"hscale": 1}}
