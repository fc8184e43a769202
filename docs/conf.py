"""The site of docs/: `tox -e docs` builds it, with warnings as errors."""

import sys
from pathlib import Path

from convformance import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "Convformance"
release = version = __version__
copyright = "the authors of Convformance"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinxarg.ext", "clauses", "history", "plain"]
suppress_warnings = [
    "myst.domains"
]  # of the extension for the command line, which has no such links
exclude_patterns = ["_build", "history/*/**"]
nitpicky = False  # dtypes and shapes stand in docstrings as words, not as references
html_theme = "furo"
html_title = f"Convformance {release}"
html_copy_source = False
html_show_sphinx = False
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
