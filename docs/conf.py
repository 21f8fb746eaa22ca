"""Sphinx: the documentation site (`make docs`). What can be derived is written by generate.py first."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from jupyter_client.connect import ConnectionFileMixin

import spynq
from generate import generate

project = "spynq"
author = "the spynq maintainers"
version = release = spynq.__version__
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.napoleon",
    "mathml",
]
html_math_renderer = "mathml"
exclude_patterns = ["README.md"]
html_theme = "furo"
html_title = f"spynq {release}"
html_show_copyright = False
html_static_path = ["static"]
html_css_files = ["wide.css"]
templates_path: list[str] = []

myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
myst_heading_anchors = 3
# Notebooks are kept without outputs and run in the tests; `make docs` runs them for their pictures.
nb_execution_mode = os.environ.get("SPYNQ_DOCS_NOTEBOOKS", "off")
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_merge_streams = True
# Kernels of notebooks warn of TCP, on which every user of this machine could listen.
ConnectionFileMixin.transport.default_value = "ipc"

autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_default_options = {"members": True}
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_rtype = False
# Types stand in the docstrings in words; nothing is to be looked up.
napoleon_preprocess_types = False
doctest_global_setup = "import numpy as np"
suppress_warnings = ["myst.header", "config.cache"]
linkcheck_ignore = [r"https?://.*"]  # the machines that build this reach no web sites

generate(Path(__file__).parent)
