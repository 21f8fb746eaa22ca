"""What a build step must ask for, and in which state of a session: a mock does not miss what is forgotten."""

from __future__ import annotations

from collections.abc import Iterable

from spynq_sim.vivado.rules import Call

__all__ = ["NEEDED", "lapses"]

NEEDED = {
    "package_ip": (
        "create_project", "add_files", "set_property top", "update_compile_order", "ipx::package_project",
        "ipx::current_core", "ipx::associate_bus_interfaces", "set_property range", "set_property usage",
        "ipx::add_register", "ipx::add_field", "ipx::create_xgui_files", "ipx::update_checksums",
        "ipx::check_integrity", "ipx::save_core", "close_project",
    ),
    "block_design": (
        "create_project", "set_property board_part", "set_property ip_repo_paths", "update_ip_catalog",
        "create_bd_design", "apply_bd_automation", "validate_bd_design", "save_bd_design", "make_wrapper",
        "set_property top", "update_compile_order", "close_project",
    ),
    "synthesise": (
        "open_project", "reset_run synth_1", "launch_runs synth_1", "wait_on_run synth_1",
        "get_property PROGRESS", "close_project",
    ),
    "implement": (
        "open_project", "reset_run impl_1", "launch_runs impl_1", "wait_on_run impl_1",
        "get_property PROGRESS", "close_project",
    ),
    "report": (
        "open_project", "open_run impl_1", "report_utilization -file", "report_utilization -hierarchical",
        "report_timing_summary", "report_power", "report_methodology", "get_timing_paths",
        "get_property SLACK", "close_project",
    ),
    "collect": ("open_project", "write_hw_platform", "close_project"),
}  # fmt: skip
"""Calls of every step, in this order; a second word is among the words of the call."""
_TOLD = {
    "ipx::current_core": {"name", "version", "display_name", "description"},
    "ipx::add_register": {"address_offset", "size", "access", "description"},
    "ipx::add_field": {"bit_offset", "bit_width", "access", "description"},
}
"""Properties that are set of what a call gives, before anything else is packaged."""
_OPENS = {
    "create_project": "project",
    "open_project": "project",
    "create_bd_design": "block design",
    "open_run": "run",
}
_ANYWHERE = {"version", "create_project", "open_project"}
_OF_A_RUN = ("report_", "get_timing_paths")


def lapses(step: str, calls: list[Call]) -> list[str]:
    """What a step forgot, or asked for at the wrong time.

    Parameters
    ----------
    step : str
        Name of the step, as in :data:`NEEDED`.
    calls : list of Call
        What it called, to its end.
    """
    return [*_states(calls), *_forgotten(step, calls), *_untold(calls)]


def _states(calls: list[Call]) -> Iterable[str]:
    opened: set[str] = set()
    for call in calls:
        place, opens = f"{call.file}:{call.line}: {call.name}", _OPENS.get(call.name)
        needs = _needs(call.name)
        if needs and needs not in opened:
            yield f"{place}: no {needs} is open"
        if opens in opened:
            yield f"{place}: a {opens} is open already"
        if opens:
            opened.add(opens)
        if call.name == "close_project":
            opened.clear()
    if opened:
        yield f"the {' and the '.join(sorted(opened))} stays open at the end"


def _needs(name: str) -> str | None:
    if name in _ANYWHERE:
        return None
    if "_bd_" in name and name != "create_bd_design":
        return "block design"
    return "run" if name.startswith(_OF_A_RUN) else "project"


def _forgotten(step: str, calls: list[Call]) -> Iterable[str]:
    left = iter(calls)
    for wish in NEEDED[step]:
        name, _, word = wish.partition(" ")
        if not any(call.name == name and (not word or _says(call, word)) for call in left):
            yield f"{step} does not call {wish} where it belongs"
            left = iter(calls)


def _untold(calls: list[Call]) -> Iterable[str]:
    place, left = "", set[str]()
    for call in [*calls, Call("", 0, "ipx::end", ())]:
        if call.name == "set_property":
            left -= set(call.words)
        elif call.name.startswith("ipx::"):
            if left:
                yield f"{place} is not told {', '.join(sorted(left))}"
            place, left = f"{call.file}:{call.line}: {call.name}", set(_TOLD.get(call.name, ()))


def _says(call: Call, word: str) -> bool:
    return any(word in (said, said.rpartition(":")[2]) for said in call.words)
