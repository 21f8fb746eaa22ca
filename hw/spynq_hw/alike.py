"""One module where many are alike: what lets a kernel of hundreds of lanes be synthesised by parts."""

import re

__all__ = ["merged"]

_MODULE = re.compile(r"^(?:attribute [^\n]*\n)*module (\S+)\n.*?^end\n", re.M | re.S)
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
    modules = {found[1]: found[0] for found in _MODULE.finditer(rtlil)}
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


def _first(rtlil: str) -> int:
    found = _MODULE.search(rtlil)
    return len(rtlil) if found is None else found.start()


def _renamed(text: str, names: dict[str, str]) -> str:
    return _INSTANCE.sub(lambda found: found[1] + names.get(found[2], found[2]), text)
