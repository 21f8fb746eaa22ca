"""One module where many are alike: what lets a kernel of hundreds of lanes be synthesised by parts."""

import re
from collections import Counter

__all__ = ["merged", "parted"]

_MODULE = re.compile(r"^(?:attribute [^\n]*\n)*module (\S+)\n.*?^end\n", re.M | re.S)
_PORT = re.compile(r"^  wire .*\b(?:input|output) .*\n", re.M)
_UNNAMED = re.compile(r"\\port\$\d+\$\d+")
"""What is named by a net of the whole design."""
_CELL = re.compile(r"^ *cell (\\\S+) .*\n(?: .*\n)*? *end\n", re.M)
_PIN = re.compile(r"^( *connect )(\\\S+)", re.M)
_INSTANCE = re.compile(r"^( *cell )(\\\S+)", re.M)


def merged(rtlil: str) -> str:
    """The same design with equal modules declared once.

    Amaranth writes a module for every instance. Modules of the same text are replaced by the first of
    them, from the innermost outwards, until no two are alike.

    Parameters
    ----------
    rtlil : str
        A design as Amaranth writes it.
    """
    head = rtlil[: _first(rtlil)]
    modules = _numbered(_modules(rtlil))
    while True:
        first: dict[str, str] = {}
        # The name is the only thing that may differ.
        names = {
            name: first.setdefault(text.replace(f"module {name}\n", "module\n", 1), name)
            for name, text in modules.items()
        }
        if len(first) == len(modules):
            return head + "".join(modules.values())
        modules = {name: _renamed(modules[name], names) for name in first.values()}


def parted(rtlil: str, top: str) -> dict[str, tuple[str, int]]:
    """Every module as a design of its own, in which the modules inside it are closed boxes.

    Parameters
    ----------
    rtlil : str
        A design as Amaranth writes it.
    top : str
        Name of its top module.

    Returns
    -------
    dict of str to (str, int)
        By the module's name: the design, and how often the module is in the whole.

    Raises
    ------
    KeyError
        There is no such top module.
    """
    modules = _modules(rtlil)
    inside = {
        name: Counter(found[2] for found in _INSTANCE.finditer(text) if found[2] in modules)
        for name, text in modules.items()
    }
    copies: Counter[str] = Counter()

    def add(name: str, count: int) -> None:
        copies[name] += count
        for other, times in inside[name].items():
            add(other, count * times)

    add(f"\\{top}", 1)
    boxes = {name: _box(name, text) for name, text in modules.items()}
    return {
        name.removeprefix("\\"): (modules[name] + "".join(boxes[other] for other in inside[name]), count)
        for name, count in copies.items()
    }


def _numbered(modules: dict[str, str]) -> dict[str, str]:
    """The same modules with what nets of the whole design give their names to numbered from 0 in each."""

    def own(text: str) -> dict[str, str]:
        outside = _CELL.sub(lambda cell: _PIN.sub("", cell[0]), text)
        return {old: f"\\port${i}" for i, old in enumerate(dict.fromkeys(_UNNAMED.findall(outside)))}

    names = {name: own(text) for name, text in modules.items()}

    def connected(cell: re.Match[str]) -> str:
        inside = names.get(cell[1], {})
        return _PIN.sub(lambda pin: pin[1] + inside.get(pin[2], pin[2]), cell[0])

    def numbered(text: str, numbers: dict[str, str]) -> str:
        return _UNNAMED.sub(lambda old: numbers.get(old[0], old[0]), _CELL.sub(connected, text))

    return {name: numbered(text, names[name]) for name, text in modules.items()}


def _modules(rtlil: str) -> dict[str, str]:
    return {found[1]: found[0] for found in _MODULE.finditer(rtlil)}


def _box(name: str, text: str) -> str:
    return f"attribute \\blackbox 1\nmodule {name}\n{''.join(_PORT.findall(text))}end\n"


def _first(rtlil: str) -> int:
    found = _MODULE.search(rtlil)
    return len(rtlil) if found is None else found.start()


def _renamed(text: str, names: dict[str, str]) -> str:
    return _INSTANCE.sub(lambda found: found[1] + names.get(found[2], found[2]), text)
