"""Formulas as MathML, which browsers show by themselves: no script, and nothing from outside."""

from html import escape

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)


def mathml(node: nodes.Element, as_block: bool = False) -> str:
    """The formula, or its source with a warning."""
    try:
        return tex2mathml(node.astext().replace(r"\dots", r"\ldots"), as_block=as_block)
    except MathError as error:
        logger.warning("%s in the formula %r", error, node.astext(), location=node)
        return f"<code>{escape(node.astext())}</code>"


def inline(page: HTML5Translator, node: nodes.math) -> None:
    """A formula within a line."""
    page.body.append(mathml(node))
    raise nodes.SkipNode


def display(page: HTML5Translator, node: nodes.math_block) -> None:
    """A formula on a line of its own; it scrolls where the page is narrower."""
    page.body.append(page.starttag(node, "div", CLASS="math"))
    page.body.append(mathml(node, as_block=True))
    page.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the renderer."""
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
