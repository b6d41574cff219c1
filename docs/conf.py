"""The site: `python -m sphinx -W --keep-going -b html docs build/site`.

What it is made of, and why, is in decisions/0018-the-site-is-sphinx-with-myst-nb.md.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from executed import EXECUTED  # noqa: E402  (beside this file)

import tinygrad_nn  # noqa: E402  (from this checkout, by the line above)

project = "tinygrad_nn"
author = copyright = "tinygrad_nn contributors"
version = release = tinygrad_nn.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "book.sections",
    "book.docstrings",
    "book.reference",
    "book.drawings",
    "book.formulas",
    "book.links",
]
root_doc = "index"
# README.md is the way in on a code host, as index.md is here.
exclude_patterns = ["README.md"]

# ------------------------------------------------------------------------------- pages
myst_enable_extensions = ["attrs_block", "colon_fence", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "cache"
nb_execution_cache_path = str(EXECUTED)
nb_execution_show_tb = True
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_merge_streams = True

# --------------------------------------------------------------------------- reference
autodoc_member_order = "groupwise"
autodoc_inherit_docstrings = False
autodoc_class_signature = "mixed"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
# Dashes alone: quotes in docstrings are those of Python, "raise" is an argument.
smartquotes_action = "D"
default_role = "code-or-name"
maximum_signature_line_length = 88
# A page begins with a table of its names; hundreds of them in the margin too help nobody.
toc_object_entries = False
# Types of NumPy and of Python cannot be looked up without the network. `book.links` follows every
# link that the pages do have.
nitpicky = False

# -------------------------------------------------------------------------------- looks
html_math_renderer = "mathml"
html_theme = "furo"
html_title = "tinygrad_nn"
html_static_path = ["book/static"]
html_css_files = ["book.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#0a58b8",
        "color-brand-content": "#0a58b8",
        "color-brand-visited": "#6f2dbd",
    },
    "dark_css_variables": {
        "color-background-primary": "#16191d",
        "color-background-secondary": "#1b1f24",
        "color-brand-primary": "#79b8ff",
        "color-brand-content": "#79b8ff",
        "color-brand-visited": "#c9a8ff",
    },
}
